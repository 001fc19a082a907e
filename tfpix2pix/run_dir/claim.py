"""Makes sure that a training may write into its run directory."""

import pathlib
import time

from pipelines.pairs import Pairs
from pipelines.system.disk import check_writable, refuse_links
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir import config_json, data_json
from tfpix2pix.run_dir.lock import Lock

# Says why a worker ended by itself; the others read it when they find that it is gone.
NOTE_FILE = "stopped.txt"
# Network file systems may remember for up to a minute that a file was not there.
SHARED_SECONDS = 60.0


def open_run_dir(run_dir: pathlib.Path, config: Config, will_write: bool = True) -> None:
    """Checks that the run directory can be written, and that it is new or holds a run that this config can resume.

    Args:
      run_dir: need not exist.
      config: resolved.
      will_write: whether this process will write; only then it tries to.

    Raises:
      InputError: it cannot be written, or holds a run of another config (names the options that differ).
    """
    refuse_links(run_dir, "run_dir")
    if will_write:
        # Nothing is left behind: a fault of the data, which is found later, should leave no folder.
        check_writable(run_dir, "run_dir")
    if (run_dir / config_json.CONFIG_FILE).exists():
        differences = config_json.load(run_dir).differences(config)
        if differences:
            raise InputError(
                f"run_dir={run_dir} holds a run of another config: {'; '.join(differences)}; give the same options to "
                "resume it, or another --run_dir"
            )


def lock_existing_run(run_dir: pathlib.Path, lock: Lock, workers: Workers) -> None:
    """Locks a run directory that holds a run. A new one is created, and locked, when the training is sure to begin.

    Raises:
      InputError: on all workers, if another training holds it.
    """
    workers.on_chief(lambda: lock.take() if (run_dir / config_json.CONFIG_FILE).exists() else None)


def wait_until_shared(run_dir: pathlib.Path) -> None:
    """Waits for the config.json that the chief has written.

    Raises:
      InputError: it does not appear, so this worker sees another folder of that name.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while not (run_dir / config_json.CONFIG_FILE).exists():
        if time.monotonic() > deadline:
            raise InputError(
                f"run_dir={run_dir} is not the folder that the first worker writes; give one on a file system that all "
                "workers share"
            )
        time.sleep(0.1)


def claim(run_dir: pathlib.Path, config: Config, train: Pairs, val: Pairs) -> None:
    """Writes config.json and data.json into the run directory, once it is certain that the training can begin.

    Raises:
      InputError: the run was begun with other files, so the order of the data would not be the same.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / NOTE_FILE).unlink(missing_ok=True)
    data_json.check(run_dir, train, val, config.bad_images, config.axes)
    config_json.save(config, run_dir)
