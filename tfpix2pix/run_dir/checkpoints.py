"""Saves and restores checkpoints: each is a folder, checkpoints/<step>/, that exists whole or not at all."""

import json
import math
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.system.disk import check_room, naming_full_disk, sync_folder, write_whole
from pipelines.system.terminal import InputError, reason
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.checkpoint_parts import (
    DAMAGE,
    has_pools_for,
    holds_average,
    part_bytes,
    read_part,
    write_part,
)
from tfpix2pix.run_dir.history import changes, comparable_since

FOLDER = "checkpoints"
META_FILE = "meta.json"
# In meta.json: the checkpoint stays for good.
KEPT = "kept"
UNFINISHED = ".unfinished-"
DAMAGED = "damaged-"

ALONE = Workers()


class Checkpoints:
    """Keeps the checkpoints of one run: the newest `keep`, the best by a validation metric, and those of chosen epochs.

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
            return {name: float(value) for name, value in self._meta(step)["validation"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return {}

    def best(self) -> int | None:
        """Returns the step with the best value of best_by; None if no step was validated by it.

        Once the validation pairs are changed, those that were validated with the former ones no longer count.
        """
        values = {step: self.validation(step).get(self.best_by, math.nan) for step in self.steps()}
        values = {step: value for step, value in values.items() if not math.isnan(value)}
        since = comparable_since(changes(self.folder.parent))
        values = {step: value for step, value in values.items() if step > since} or values
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

    def name(self, step: int) -> str:
        """Names a checkpoint: by its step, and EMA if an average of the generator's weights is what it gives."""
        try:
            return f"step {step} (EMA)" if holds_average(self.path(step)) else f"step {step}"
        except DAMAGE:
            return f"step {step}"

    def words(self, step: int) -> str:
        """Says which step it is; if the best and the newest differ, also which of them it is, and by which metric."""
        steps, best, name = self.steps(), self.best(), self.name(step)
        newest = steps[-1] if steps else step
        metric = METRICS[self.best_by]
        if len(steps) < 2:
            return name
        if best is None:
            by = f"none was validated by {metric.label}"
            return f"{name}, the newest; {by}" if step == newest else f"{name}; the newest is step {newest}"
        value = metric.format(self.validation(best).get(self.best_by, math.nan))
        by = f"best by validation {metric.label} ({value})"
        if step == best:
            return name if best == newest else f"{name}, the {by}; the newest is step {newest}"
        if best == newest or step == newest:
            return f"{name}{', the newest' * (step == newest)}; the {by} is step {best}"
        return f"{name}; the {by} is step {best}, the newest step {newest}"

    def save(self, model: Pix2Pix, validation: dict[str, float] | None = None, is_kept: bool = False) -> pathlib.Path:
        """Saves all state at its step, then deletes the checkpoints that need not be kept.

        Of several workers the chief saves the model and its own pools; the others save theirs into the same folder,
        which gets its name when all have finished.

        Args:
          model: the model to save.
          validation: its metrics on the val split, by name. A step that was saved without them gets them added.
          is_kept: whether it stays for good.

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
                self.workers.together(lambda: self._write(model, temporary, step, validation, is_kept))
            except InputError:
                if self.is_chief:
                    shutil.rmtree(temporary, ignore_errors=True)
                raise
        if self.is_chief:
            if not exists:
                os.replace(temporary, target)
                sync_folder(self.folder)
            elif validation or is_kept:
                write_meta(target, step, validation or self.validation(step), is_kept or self._is_kept(step))
            kept = {*self.steps()[-self.keep :], self.best(), *filter(self._is_kept, self.steps())}
            for old in set(self.steps()) - kept:
                # Renamed first: a folder that is being deleted is not whole.
                os.replace(self.path(old), self.folder / f"{UNFINISHED}{old:08d}")
                shutil.rmtree(self.folder / f"{UNFINISHED}{old:08d}")
        return target

    def restore_newest(self, model: Pix2Pix, warn: Callable[[str], object] = print) -> int:
        """Restores the newest checkpoint that all workers can read, and returns its step; 0 if there is none.

        A damaged checkpoint is renamed to damaged-STEP, with a warning, and the one before is restored. If it was saved
        with another number of replicas, or another size of pools, they start empty, with a note.

        Raises:
          InputError: there are checkpoints, but none can be read.
        """
        steps = self.steps() if self.is_chief else []
        count = self.workers.from_chief(len(steps))
        for _ in range(count):
            step = self.workers.from_chief(steps.pop() if self.is_chief else 0)
            error = None
            same_replicas = bool(
                self.workers.from_chief(has_pools_for(model, self.path(step), self.workers) if self.is_chief else 0)
            )
            try:
                read_part(model, self.path(step), self.workers, same_replicas)
            except tf.errors.ResourceExhaustedError:
                raise
            except DAMAGE as raised:
                error = raised
            if not self.workers.any(error is not None):
                if not same_replicas and model.config.pool_size:
                    warn(
                        f"note: the checkpoint of step {step} has pools of another number of replicas or another size; "
                        "they start empty"
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

    def _begin(self, temporary: pathlib.Path) -> None:
        """Creates the folder that all workers write into, and removes what earlier attempts left."""
        for leftover in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover)
        with naming_full_disk(self.folder.parent, "a checkpoint"):
            temporary.mkdir(parents=True)

    def _is_kept(self, step: int) -> bool:
        """Whether a checkpoint was saved to stay."""
        return self._meta(step).get(KEPT) is True

    def _meta(self, step: int) -> dict[str, Any]:
        """Reads what is known of a checkpoint; empty if it cannot be read."""
        try:
            meta = parse_json((self.path(step) / META_FILE).read_bytes())
            return meta if isinstance(meta, dict) else {}
        except (OSError, ValueError):
            return {}

    def _write(
        self,
        model: Pix2Pix,
        temporary: pathlib.Path,
        step: int,
        validation: dict[str, float] | None,
        is_kept: bool,
    ) -> None:
        """Writes this worker's part."""
        what, needed = f"the checkpoint of step {step}", part_bytes(model, self.workers)
        if not needed:
            return
        check_room(self.folder, what, needed)
        try:
            with naming_full_disk(self.folder, what, needed):
                if self.is_chief:
                    write_meta(temporary, step, validation, is_kept)
                write_part(model, temporary, self.workers)
        except (OSError, tf.errors.OpError) as error:
            raise InputError(f"{what} cannot be written into {self.folder} ({reason(error)}); check its disk") from None


def write_meta(folder: pathlib.Path, step: int, validation: dict[str, float] | None, is_kept: bool = False) -> None:
    """Writes the meta.json of a checkpoint into its folder."""
    meta = {"step": step, "validation": validation or {}, **({KEPT: True} if is_kept else {})}
    write_whole(folder / META_FILE, json.dumps(meta) + "\n", sync=True)
