"""Saves and restores checkpoints: each is a folder, checkpoints/<step>/, that exists whole or not at all."""

import json
import math
import os
import pathlib
import re
import shutil
from collections.abc import Callable

import tensorflow as tf
from google.protobuf.message import DecodeError

from pipelines.system.disk import MIB, check_room, naming_full_disk, sync_file, sync_folder, write_whole
from pipelines.system.terminal import InputError, reason
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.quality.metrics import METRICS

FOLDER = "checkpoints"
PREFIX = "state"
WORKER = "worker-"
META_FILE = "meta.json"
UNFINISHED = ".unfinished-"
DAMAGED = "damaged-"

# What a checkpoint needs besides its tensors: their names, the object graph, and some spare room.
FRAME_BYTES = MIB

# What is the same on all workers: everything but the pools.
SHARED_STATE = (
    "generator",
    "discriminator",
    "generator_optimizer",
    "discriminator_optimizer",
    "step",
    "non_finite_step",
)
ALONE = Workers()

# What reading raises if files are cut short, have flipped bits or are missing: their checksums tell. Lack of memory is
# an OpError too, but no damage.
DAMAGE = (tf.errors.OpError, AssertionError, ValueError, LookupError, TypeError, AttributeError, DecodeError)


class Checkpoints:
    """Keeps the checkpoints of one run: the newest `keep`, and the best by a validation metric.

    Args:
      run_dir: the run directory.
      keep: how many of the newest stay; at least 1.
      best_by: the metric, a key of METRICS.
      workers: the processes that save and restore together; by default this process alone.
    """

    def __init__(self, run_dir: str | pathlib.Path, keep: int = 1, best_by: str = "l1", workers: Workers = ALONE):
        self.folder = pathlib.Path(run_dir) / FOLDER
        self.keep = keep
        self.best_by = best_by
        self.workers = workers

    def steps(self) -> list[int]:
        """Lists the steps that have a checkpoint, ascending."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        # Only names as `path` writes them.
        return sorted(int(name) for name in names if name.isdecimal() and name == f"{int(name):08d}")

    def path(self, step: int) -> pathlib.Path:
        """Returns the folder of a step's checkpoint."""
        return self.folder / f"{step:08d}"

    def validation(self, step: int) -> dict[str, float]:
        """Reads the validation metrics of a step; empty if it was not validated, or they cannot be read."""
        try:
            meta = parse_json((self.path(step) / META_FILE).read_bytes())
            return {name: float(value) for name, value in meta["validation"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return {}

    def best(self) -> int | None:
        """Returns the step with the best value of best_by; None if no step was validated by it."""
        values = {step: self.validation(step).get(self.best_by, math.nan) for step in self.steps()}
        values = {step: value for step, value in values.items() if not math.isnan(value)}
        choose = max if METRICS[self.best_by].is_higher_better else min
        return choose(values, key=lambda step: values[step], default=None)

    def choose(self, checkpoint: str) -> int:
        """Returns the step of a checkpoint as users name it: `best` (else the newest), `latest`, or a step's number.

        Raises:
          InputError: there is no such checkpoint.
        """
        steps = self.steps()
        if not steps:
            raise InputError(
                f"run_dir={self.folder.parent} has no checkpoint yet; wait for its training, or train longer"
            )
        if checkpoint == "best":
            best = self.best()
            return steps[-1] if best is None else best
        if checkpoint == "latest":
            return steps[-1]
        if checkpoint.isdecimal() and int(checkpoint) in steps:
            return int(checkpoint)
        there = ", ".join(map(str, steps))
        raise InputError(
            f"checkpoint={checkpoint} does not exist in {self.folder.parent}; give best, latest or one of the steps "
            f"{there}"
        )

    def save(self, model: Pix2Pix, validation: dict[str, float] | None = None) -> pathlib.Path:
        """Saves all state at its step, then deletes the checkpoints that need not be kept.

        Of several workers the chief saves the model and its own pools; the others save theirs into the same folder,
        which gets its name when all have finished.

        Args:
          model: the model to save.
          validation: its metrics on the val split, by name. A step that was saved without them gets them added.

        Raises:
          DiskFullError: there is no room for this worker's part. Nothing of it is left; earlier checkpoints stay.
          InputError: it cannot be written for another reason, or another worker cannot write its part.
        """
        step = int(model.step.numpy())
        target = self.path(step)
        temporary = self.folder / f"{UNFINISHED}{step:08d}"
        # Network file systems may show the chief's folders to others late, so the chief tells them.
        exists = self.workers.from_chief(target.exists() if self.is_chief else 0)
        if not exists:
            self.workers.together(lambda: self._begin(temporary) if self.is_chief else None)
            try:
                self.workers.together(lambda: self._write(model, temporary, step, validation))
            except InputError:
                if self.is_chief:
                    shutil.rmtree(temporary, ignore_errors=True)
                raise
        if self.is_chief:
            if not exists:
                os.replace(temporary, target)
                sync_folder(self.folder)
            elif validation:
                _write_meta(target, step, validation)
            kept = {*self.steps()[-self.keep :], self.best()}
            for old in set(self.steps()) - kept:
                # Renamed first: a folder that is being deleted is not whole.
                os.replace(self.path(old), self.folder / f"{UNFINISHED}{old:08d}")
                shutil.rmtree(self.folder / f"{UNFINISHED}{old:08d}")
        return target

    def restore_newest(self, model: Pix2Pix, warn: Callable[[str], object] = print) -> int:
        """Restores the newest checkpoint that all workers can read, and returns its step; 0 if there is none.

        A damaged checkpoint is renamed to damaged-STEP, with a warning, and the one before is restored. If it was saved
        with another number of replicas, their pools start empty, with a note.

        Raises:
          InputError: there are checkpoints, but none can be read.
        """
        steps = self.steps() if self.is_chief else []
        count = self.workers.from_chief(len(steps))
        for _ in range(count):
            step = self.workers.from_chief(steps.pop() if self.is_chief else 0)
            error = None
            same_replicas = bool(self.workers.from_chief(self._has_pools_for(step, model) if self.is_chief else 0))
            try:
                self._read(step, model, same_replicas)
            except tf.errors.ResourceExhaustedError:
                raise
            except DAMAGE as raised:
                error = raised
            if not self.workers.any(error is not None):
                if not same_replicas:
                    warn(
                        f"note: the checkpoint of step {step} has pools of another number of replicas; they start empty"
                    )
                return step
            if self.is_chief:
                aside = self.folder / f"{DAMAGED}{step:08d}"
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(self.path(step), aside)
                why = reason(error) if error else "another worker's part of it cannot be read"
                warn(f"warning: the checkpoint of step {step} is damaged and was set aside as {aside} ({why})")
        damaged = self.workers.from_chief(len(list(self.folder.glob(f"{DAMAGED}*"))) if self.is_chief else 0)
        if count or damaged:
            raise InputError(
                f"no checkpoint in {self.folder} can be read; restore one, delete its {DAMAGED}* folders to start "
                "over, or give another run_dir"
            )
        return 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the checkpoint that counts."""
        return self.workers.is_chief

    @property
    def _worker_prefix(self) -> str:
        return f"{WORKER}{self.workers.index}"

    def _begin(self, temporary: pathlib.Path) -> None:
        """Creates the folder that all workers write into, and removes what earlier attempts left."""
        for leftover in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover)
        with naming_full_disk(self.folder.parent, "a checkpoint"):
            temporary.mkdir(parents=True)

    def _write(self, model: Pix2Pix, temporary: pathlib.Path, step: int, validation: dict[str, float] | None) -> None:
        """Writes this worker's part."""
        if not self.is_chief and not model.config.pool_size:
            return
        what = f"the checkpoint of step {step}"
        needed = model.nbytes(self.is_chief) + FRAME_BYTES
        check_room(self.folder, what, needed)
        try:
            with naming_full_disk(self.folder, what, needed):
                if self.is_chief:
                    tf.train.Checkpoint(model=model).write(str(temporary / PREFIX))
                    _write_meta(temporary, step, validation)
                else:
                    _pools(model).write(str(temporary / self._worker_prefix))
                # Only this worker's files: beside them TensorFlow makes and removes those of the other workers.
                for pattern in (f"{PREFIX}.*", META_FILE) if self.is_chief else (f"{self._worker_prefix}.*",):
                    for file in temporary.glob(pattern):
                        sync_file(file)
                sync_folder(temporary)
        except (OSError, tf.errors.OpError) as error:
            raise InputError(f"{what} cannot be written into {self.folder} ({reason(error)}); check its disk") from None

    def _has_pools_for(self, step: int, model: Pix2Pix) -> bool:
        """Whether a checkpoint has one pool for each of the present replicas. Damage is found later."""
        if not model.config.pool_size:
            return True
        try:
            names = tf.train.load_checkpoint(str(self.path(step) / PREFIX)).get_variable_to_shape_map()
        except DAMAGE:
            return True
        pools = {match[1] for name in names if (match := re.match(r"model/pools/(\d+)/", name))}
        workers = 1 + len(list(self.path(step).glob(f"{WORKER}*.index")))
        return workers == self.workers.count and len(pools) == len(model.pools)

    def _read(self, step: int, model: Pix2Pix, with_pools: bool) -> None:
        path = self.path(step)
        if self.is_chief and with_pools:
            tf.train.Checkpoint(model=model).read(str(path / PREFIX)).assert_consumed()
            return
        shared = {name: getattr(model, name) for name in SHARED_STATE}
        part = tf.train.Checkpoint(model=tf.train.Checkpoint(**shared))
        part.read(str(path / PREFIX)).assert_existing_objects_matched().expect_partial()
        if with_pools and model.config.pool_size:
            _pools(model).read(str(path / self._worker_prefix)).assert_consumed()


def _pools(model: Pix2Pix) -> tf.train.Checkpoint:
    # Wrapped: a checkpoint does not track a plain list.
    return tf.train.Checkpoint(pools=tf.train.Checkpoint(**{str(i): pool for i, pool in enumerate(model.pools)}))


def _write_meta(folder: pathlib.Path, step: int, validation: dict[str, float] | None) -> None:
    write_whole(folder / META_FILE, json.dumps({"step": step, "validation": validation or {}}) + "\n")
