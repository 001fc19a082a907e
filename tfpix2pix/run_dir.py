"""The run directory: what must hold before a training may write into it."""

import json
import pathlib
import time

from pipelines.command import InputError
from pipelines.disk import check_writable, refuse_links, write_whole
from pipelines.pairs import Pairs
from pipelines.parse import parse_json
from tfpix2pix import config_file
from tfpix2pix.config import Config

DATA_FILE = "data.json"
# What a worker leaves for the others to find before it ends by itself, and they are missed by it.
NOTE_FILE = "stopped.txt"
# Network file systems may remember for up to a minute that a file was not there.
SHARED_SECONDS = 60.0


def open_run_dir(run_dir: pathlib.Path, config: Config, will_write: bool = True) -> None:
    """Checks that the run directory can be written, and that it is new or one which this config can go on with.

    Args:
      run_dir: need not be there.
      config: resolved.
      will_write: whether it is this process that writes; it alone tries to.

    Raises:
      InputError: it cannot be written, or holds a run of another config (names the options that differ).
    """
    refuse_links(run_dir, "run_dir")
    if will_write:
        # What is wrong with the data is found later, and should leave nothing behind.
        check_writable(run_dir, "run_dir")
    if (run_dir / config_file.CONFIG_FILE).exists():
        differences = config_file.load(run_dir).differences(config)
        if differences:
            raise InputError(
                f"run_dir={run_dir} holds a run of another config: {'; '.join(differences)}; give the same options to "
                "go on with it, or another --run_dir"
            )


def wait_until_shared(run_dir: pathlib.Path) -> None:
    """Waits for the config.json that the chief has written.

    Raises:
      InputError: it does not appear, so this worker has another folder of that name.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while not (run_dir / config_file.CONFIG_FILE).exists():
        if time.monotonic() > deadline:
            raise InputError(
                f"run_dir={run_dir} is not the folder that the first worker writes; give one on a file system that all "
                "workers share"
            )
        time.sleep(0.1)


def claim(run_dir: pathlib.Path, config: Config, pairs: Pairs) -> None:
    """Writes config.json and data.json into the run directory, once it is certain that the training can begin.

    Raises:
      InputError: the run was begun with other files, so the order of the data would not be the same.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / NOTE_FILE).unlink(missing_ok=True)
    path = run_dir / DATA_FILE
    data = {
        "pairs": len(pairs),
        "fingerprint": pairs.fingerprint(),
        "contents": pairs.contents(),
        "skipped": [str(f) for f in pairs.skipped],
    }
    if path.exists():
        try:
            before = parse_json(path.read_text())
            before = {"contents": None, **before}
            before = {name: before[name] for name in ("pairs", "fingerprint", "contents")}
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} cannot be read; delete it to go on with the data as it is now") from None
        if before["fingerprint"] != data["fingerprint"]:
            raise InputError(
                f"run_dir={run_dir} was begun with {before['pairs']} training pairs, and now there are {len(pairs)}, "
                "or their names or sizes differ; bring back the same files, or give another --run_dir"
            )
        # Of shards, the fingerprint is of their contents; runs from before this was written down have none.
        if None not in (before["contents"], data["contents"]) and before["contents"] != data["contents"]:
            raise InputError(
                f"run_dir={run_dir} was begun with files of these names and sizes that held something else; bring back "
                "the same files, or give another --run_dir"
            )
    else:
        write_whole(path, json.dumps(data, indent=2) + "\n")
    config_file.save(config, run_dir)
