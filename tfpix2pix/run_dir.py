"""The run directory: what must hold before a training may write into it."""

import json
import pathlib

from pipelines.command import InputError
from pipelines.disk import check_writable, write_whole
from pipelines.loader import Pairs
from tfpix2pix import config as config_file
from tfpix2pix.config import Config

DATA_FILE = "data.json"


def open_run_dir(run_dir: pathlib.Path, config: Config) -> None:
    """Checks that the run directory can be written, and that it is new or one which this config can go on with.

    Raises:
      InputError: it cannot be written, or holds a run of another config (names the options that differ).
    """
    # What is wrong with the data is found later, and should leave nothing behind.
    check_writable(run_dir, "run_dir")
    if (run_dir / config_file.CONFIG_FILE).exists():
        differences = config_file.load(run_dir).differences(config)
        if differences:
            raise InputError(
                f"run_dir={run_dir} holds a run of another config: {'; '.join(differences)}; give the same options to "
                "go on with it, or another --run_dir"
            )


def claim(run_dir: pathlib.Path, config: Config, pairs: Pairs) -> None:
    """Makes the run directory, and writes config.json and data.json, once it is certain that the training can begin.

    Raises:
      InputError: the run was begun with other files, so the order of the data would not be the same.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / DATA_FILE
    data = {
        "pairs": len(pairs),
        "fingerprint": pairs.fingerprint(),
        "skipped": [str(f) for f in pairs.skipped],
    }
    if path.exists():
        try:
            before = json.loads(path.read_text())
            before = {name: before[name] for name in ("pairs", "fingerprint")}
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} cannot be read; delete it to go on with the data as it is now") from None
        if before["fingerprint"] != data["fingerprint"]:
            raise InputError(
                f"run_dir={run_dir} was begun with {before['pairs']} training pairs, and now there are {len(pairs)}, "
                "or their names or sizes differ; bring back the same files, or give another --run_dir"
            )
    else:
        write_whole(path, json.dumps(data, indent=2) + "\n")
    config_file.save(config, run_dir)
