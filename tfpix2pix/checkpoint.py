"""Checkpoints: each a folder that is there whole or not at all, checkpoints/<step>/."""

import json
import math
import os
import pathlib
import re
import shutil

import keras
import tensorflow as tf

from pipelines.command import InputError
from pipelines.disk import sync_files, sync_folder, write_whole
from tfpix2pix import config as config_file
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.state import Pix2Pix, generator_of

FOLDER = "checkpoints"
PREFIX = "state"
META_FILE = "meta.json"
UNFINISHED = ".unfinished-"
DAMAGED = "damaged-"

# What reading raises where files are cut short, have flipped bits, or are missing. Lack of memory is an OpError
# too, but no damage.
DAMAGE = (tf.errors.OpError, AssertionError, ValueError, KeyError, IndexError)


class Checkpoints:
    """The checkpoints of one run: the newest `keep` and the best by a validation metric.

    Args:
      run_dir: the run directory.
      keep: how many of the newest stay; at least 1.
      best_by: the metric, a key of METRICS.
    """

    def __init__(self, run_dir: pathlib.Path, keep: int = 1, best_by: str = "l1"):
        self.folder = pathlib.Path(run_dir) / FOLDER
        self.keep = keep
        self.best_by = best_by

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal())

    def path(self, step: int) -> pathlib.Path:
        """The folder of a step's checkpoint."""
        return self.folder / f"{step:08d}"

    def validation(self, step: int) -> dict[str, float]:
        """The validation metrics of a step; empty if it was not validated, or they cannot be read."""
        try:
            return json.loads((self.path(step) / META_FILE).read_text())["validation"]
        except (OSError, ValueError, KeyError):
            return {}

    def best(self) -> int | None:
        """The step that is best by this metric; None if none was validated by it."""
        values = {step: self.validation(step).get(self.best_by, math.nan) for step in self.steps()}
        values = {step: value for step, value in values.items() if not math.isnan(value)}
        choose = max if METRICS[self.best_by].is_higher_better else min
        return choose(values, key=values.get, default=None)

    def choose(self, checkpoint: str) -> int:
        """The step of a checkpoint as users name it: `best` (the newest if none was validated), `latest`, or a step.

        Raises:
          InputError: it is not there.
        """
        steps = self.steps()
        if not steps:
            raise InputError(
                f"run_dir={self.folder.parent} has no checkpoint yet; wait for its training's first, or train on"
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
            f"{self.folder.parent}: checkpoint={checkpoint} is not there; give best, latest or one of the steps {there}"
        )

    def save(self, model: Pix2Pix, validation: dict[str, float] | None = None) -> pathlib.Path:
        """Saves all state at its step, then deletes what need not be kept.

        Args:
          model: what is saved.
          validation: its metrics on the val split, by name. A step that was saved without them gets them added.
        """
        step = int(model.step.numpy())
        target = self.path(step)
        if not target.exists():
            self._clean()
            temporary = self.folder / f"{UNFINISHED}{step:08d}"
            temporary.mkdir(parents=True)
            tf.train.Checkpoint(model=model).write(str(temporary / PREFIX))
            _write_meta(temporary, step, validation)
            sync_files(temporary)
            os.replace(temporary, target)
            sync_folder(self.folder)
        elif validation:
            _write_meta(target, step, validation)
        kept = {*self.steps()[-self.keep :], self.best()}
        for old in set(self.steps()) - kept:
            shutil.rmtree(self.path(old))
        return target

    def restore_newest(self, model: Pix2Pix, warn=print) -> int:
        """Restores the newest checkpoint that can be read, and returns its step; 0 if there is none.

        A damaged one is set aside under another name, with a warning, and the one before is taken.

        Raises:
          InputError: there are checkpoints, and none can be read.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                tf.train.Checkpoint(model=model).read(str(self.path(step) / PREFIX)).assert_consumed()
                return step
            except tf.errors.ResourceExhaustedError:
                raise
            except DAMAGE as error:
                aside = self.folder / f"{DAMAGED}{step:08d}"
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(self.path(step), aside)
                reason = _reason(error)
                warn(f"warning: the checkpoint of step {step} is damaged and was set aside as {aside} ({reason})")
        if steps:
            raise InputError(f"no checkpoint in {self.folder} can be read; train into another run_dir")
        return 0

    def _clean(self) -> None:
        for leftover in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover)


def load_generator(
    run_dir: pathlib.Path,
    checkpoint: str = "best",
    image_size: tuple[int | None, int | None] | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    products: bool | None = None,
) -> tuple[keras.Model, config_file.Config, int]:
    """Rebuilds a run's generator with trained weights.

    Args:
      run_dir: the run directory; everything else is read from its config.json.
      checkpoint: `best` (by the run's best_by; the newest if none was validated by it), `latest`, or a step.
      image_size: other than training's, multiples of 2^depth; None inside for any.
      norm_statistics: other than the run's.
      dropout_at_inference: whether dropout stays on.
      products: as unet has it.

    Returns:
      The generator, the run's config, and the checkpoint's step.

    Raises:
      InputError: no such run, no such checkpoint, one that cannot be read, or a size that does not fit.
    """
    config = config_file.load(run_dir)
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    step = checkpoints.choose(checkpoint)
    try:
        generator = generator_of(config, image_size, norm_statistics, dropout_at_inference, products)
    except ValueError as error:
        raise InputError(str(error)) from None
    part = tf.train.Checkpoint(model=tf.train.Checkpoint(generator=generator))
    try:
        part.read(str(checkpoints.path(step) / PREFIX)).assert_existing_objects_matched().expect_partial()
    except tf.errors.ResourceExhaustedError:
        raise
    except DAMAGE as error:
        if not checkpoints.path(step).exists() and checkpoint in ("best", "latest"):
            # A training that is still running has replaced it meanwhile.
            return load_generator(run_dir, checkpoint, image_size, norm_statistics, dropout_at_inference, products)
        reason = _reason(error)
        raise InputError(f"{checkpoints.path(step)} cannot be read ({reason}); take another --checkpoint") from None
    return generator, config, step


def _reason(error: Exception) -> str:
    """What is wrong with a file, without TensorFlow's frame around it: `{{node}} ... [Op:RestoreV2]`."""
    return re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", str(error).splitlines()[0])[:200]


def _write_meta(folder: pathlib.Path, step: int, validation: dict[str, float] | None) -> None:
    write_whole(folder / META_FILE, json.dumps({"step": step, "validation": validation or {}}) + "\n")
