"""Makes sure that a training may write into its run directory."""

import dataclasses
import math
import pathlib
import shutil
import time
from typing import Any

from pipelines.pairs import Pairs
from pipelines.system.disk import check_writable, write_whole
from pipelines.system.links import refuse_links
from pipelines.system.terminal import InputError, one_line
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir import config_json, data_json, history, kept_pairs, shared
from tfpix2pix.run_dir.change import finish_change, load_config, make_change
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.epochs import stretches
from tfpix2pix.run_dir.history import shown
from tfpix2pix.run_dir.lock import Lock

# Says why a worker ended by itself; the others read it when they find that it is gone.
NOTE_FILE = "stopped.txt"
# Network file systems may remember for up to a minute that a file was not there.
SHARED_SECONDS = 60.0


def open_run_dir(run_dir: pathlib.Path, config: Config, will_write: bool = True, may_change: bool = False) -> None:
    """Checks that the run directory can be written, and that it is new or holds a run that this config can resume.

    Args:
      run_dir: need not exist.
      config: resolved.
      will_write: whether this process will write; only then it tries to.
      may_change: whether the run may be changed.

    Raises:
      InputError: it cannot be written, or as check_same_run.
    """
    if shared.is_shared(run_dir):
        raise InputError(
            f"run_dir={run_dir} holds a generator to share, without the state of its training; give another --run_dir, "
            f"and --init_from={run_dir} to begin there with its weights"
        )
    refuse_links(run_dir, "run_dir")
    if will_write:
        # Nothing is left behind: a fault of the data, which is found later, should leave no folder.
        check_writable(run_dir, "run_dir")
    if config_json.holds_run(run_dir):
        check_same_run(run_dir, config, may_change)
    elif may_change:
        raise InputError(f"run_dir={run_dir} holds no run to change; give that of a run, or leave out --change")


def options_for(run_dir: pathlib.Path, given: dict[str, Any]) -> Config:
    """Returns the options of a training: those of the run that the run directory holds, if it does, and the given ones.

    Args:
      run_dir: need not exist.
      given: options by name. What follows from others follows from these, unless it is given too.

    Raises:
      InputError: the run's options cannot be read, or those given contradict them, or say other networks.
    """
    if not config_json.holds_run(run_dir):
        return Config(**given)
    own = load_config(run_dir)
    free = dataclasses.replace(own, load_size=(0, 0))
    if own.brought_to == free.brought_to:
        own = free
    if "data" in given:
        own = dataclasses.replace(own, data_a="", data_b="")
    try:
        return with_kept_precision(dataclasses.replace(own, **given), run_dir)
    except InputError:
        # The run's other options contradict them: what is said first is that they are not the run's.
        values = {name: (getattr(own, name), value) for name, value in given.items() if value != getattr(own, name)}
        never = {field.name for field in dataclasses.fields(Config) if field.metadata["change"] == "never"}
        if other := {name: both for name, both in values.items() if name in never}:
            raise _other_networks(run_dir, other) from None
        raise


def with_kept_precision(config: Config, run_dir: pathlib.Path) -> Config:
    """Returns it with the run's own precision in place of `auto`, which another machine may choose otherwise.

    Raises:
      InputError: the run directory holds a run whose options cannot be read.
    """
    if config.mixed_precision != "auto" or not config_json.holds_run(run_dir):
        return config
    return dataclasses.replace(config, mixed_precision=load_config(run_dir).mixed_precision)


def check_same_run(run_dir: pathlib.Path, config: Config, may_change: bool) -> None:
    """Checks that a config can go on with a run.

    Raises:
      InputError: it is of another network, or differs otherwise and may not change the run. Names what differs.
    """
    before = load_config(run_dir)
    other = before.differences(config, "never")
    asked = before.differences(config, "asked")
    if "float16" in asked.get("mixed_precision", ()):
        # It has a loss scale in its checkpoints.
        other["mixed_precision"] = asked["mixed_precision"]
    if other:
        raise _other_networks(run_dir, other)
    if asked and not may_change:
        raise InputError(
            f"run_dir={run_dir} holds a run of other options: {_shown(asked)}; give --change (in Python "
            "change=True) to go on with the new ones, leave them out to resume the run as it was, or give another "
            "--run_dir"
        )


def _other_networks(run_dir: pathlib.Path, differences: dict[str, tuple[Any, Any]]) -> InputError:
    return InputError(
        f"run_dir={run_dir} holds a run of other networks: {_shown(differences)}; leave that out to resume the run, or "
        f"give another --run_dir, and --init_from={run_dir} to begin there with its weights"
    )


def _shown(differences: dict[str, tuple[Any, Any]]) -> str:
    return "; ".join(f"{name} {shown(old)} became {shown(new)}" for name, (old, new) in differences.items())


def lock_existing_run(run_dir: pathlib.Path, lock: Lock, workers: Workers) -> None:
    """Locks a run directory that holds a run, and finishes a change at which an earlier training was killed.

    A new one is created, and locked, when the training is sure to begin.

    Raises:
      InputError: on all workers, if another training holds it.
    """

    def take() -> None:
        lock.take()
        finish_change(run_dir)

    workers.on_chief(lambda: take() if config_json.holds_run(run_dir) else None)


def wait_until_shared(run_dir: pathlib.Path) -> None:
    """Waits for the config.json that the chief has written.

    Raises:
      InputError: it does not appear, so this worker sees another folder of that name.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while not config_json.holds_run(run_dir):
        if time.monotonic() > deadline:
            raise InputError(
                f"run_dir={run_dir} is not the folder that the first worker writes; give one on a file system that all "
                "workers share"
            )
        time.sleep(0.1)


def claim(
    run_dir: pathlib.Path, config: Config, train: Pairs, val: Pairs, may_change: bool = False
) -> list[history.Change]:
    """Writes config.json, data.json and kept_pairs/, once the training is certain to begin; records what was changed.

    Args:
      run_dir: exists, or its parents do; this process holds its lock.
      config: of which check_same_run approves.
      train: the training pairs.
      val: the validation pairs.
      may_change: whether the data may be others; else only validation pairs may, with bad_images=skip, which a note
        says.

    Returns:
      What is changed now.

    Raises:
      InputError: the run has other files, so the order of the data would not be the same.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / NOTE_FILE).unlink(missing_ok=True)
    is_new = not config_json.holds_run(run_dir)
    before = config if is_new else config_json.load(run_dir)
    data = data_json.differences(run_dir, train, val)
    if data and not may_change:
        _check_data(run_dir, data, config.bad_images)
        data = {}
    path = run_dir / data_json.DATA_FILE
    text = data_json.to_text(train, val, config.picture_axes) if data or not path.exists() else None
    options = {name: (*values, "") for name, values in before.differences(config, "freely", "asked").items()}
    if before.scale_size != config.scale_size:
        # One of the two that decide it.
        name = "load_size" if "load_size" in options else "crop"
        options[name] = (*options[name][:2], f"validation is {config.measured_at} from then on")
    if before.measured_format() != config.measured_format() or history.VALIDATION_PAIRS in data:
        # Those of now are kept below, or at the next start.
        shutil.rmtree(run_dir / kept_pairs.FOLDER, ignore_errors=True)
    changes = _record(run_dir, before, config, text, options | data, len(train)) if options or data else []
    if not changes:
        if text:
            write_whole(path, text)
        config_json.save(config, run_dir)
    kept_pairs.keep(run_dir, val)
    return changes


def _record(
    run_dir: pathlib.Path,
    before: Config,
    config: Config,
    data: str | None,
    differences: dict[str, tuple[Any, Any, str]],
    pairs: int,
) -> list[history.Change]:
    """Makes a change at the newest checkpoint; returns what is in the history of it."""
    step = max(Checkpoints(run_dir).steps(), default=0)
    past = history.changes(run_dir)
    pairs = data_json.count_pairs(run_dir) or pairs
    epoch = float(stretches(past, pairs, before.batch_size)[-1].epoch(step))
    if "epochs" in differences and config.epochs < epoch:
        raise InputError(
            f"epochs={config.epochs} is less than the {epoch:g} that are done; give {math.ceil(epoch)} or more"
        )
    changes = history.with_changes(past, step, epoch, differences)
    make_change(run_dir, config, data, changes)
    return [change for change in changes if change.option in differences and change.step == step]


def _check_data(run_dir: pathlib.Path, differences: dict[str, tuple[str, str, str]], bad_images: str) -> None:
    """Raises InputError if a run may not go on with these differences of the data; else a note says them."""
    for name, (old, new, reason) in differences.items():
        words = f"{history.count_of(old)} {name}, and now there are {history.count_of(new)}: {reason}"
        if name == history.TRAINING_PAIRS or bad_images == "fail":
            skip = ", or --bad_images=skip to leave out what is gone" if "gone" in reason else ""
            raise InputError(
                f"run_dir={run_dir} was trained with {words}; restore the same files, or give --change (in Python "
                f"change=True) to go on with these{skip}, or another --run_dir"
            )
        print(
            one_line(f"note: the run was trained with {words}; the validation numbers do not compare with earlier ones")
        )
