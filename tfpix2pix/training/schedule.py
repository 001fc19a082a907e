"""Tells at which step an epoch ends, the run ends, and something is validated or saved."""

import math
from collections.abc import Sequence
from fractions import Fraction

from tfpix2pix.config import Config
from tfpix2pix.run_dir.epochs import Stretch, stretches
from tfpix2pix.run_dir.history import Change

# By default so many steps lie between two validations at least, and between two checkpoints of epochs' ends: of a very
# small data set, an epoch takes less time than they do.
MIN_STEPS_BETWEEN = 20


class Schedule:
    """Tells when an epoch ends and when the run does, and what happens then.

    Args:
      stretches: of the run, the first from step 0 on.
      last_step: the step after which this run ends.
      validate_every: epochs between two validations.
      save_every_epochs: epochs between two checkpoints.
      keep_every: epochs between two checkpoints that stay; 0: none stays for its epoch.
    """

    def __init__(
        self,
        stretches: Sequence[Stretch],
        last_step: int,
        validate_every: int = 1,
        save_every_epochs: int = 1,
        keep_every: int = 0,
    ):
        self.stretches = stretches
        self.last_step = last_step
        self.validate_every = validate_every
        self.save_every_epochs = save_every_epochs
        self.keep_every = keep_every

    def epoch(self, step: int) -> float:
        """Returns how many epochs are done after a number of steps."""
        return float(self._epoch(step))

    def is_epoch_end(self, step: int) -> bool:
        """Whether an epoch or the run ends with this step; the start, step 0, counts too."""
        return step == self.last_step or self.ends_epoch(step)

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch ends with this step, wherever the run ends; the start, step 0, counts too."""
        return self._ends(step, 1)

    def is_validated(self, step: int) -> bool:
        """Whether the generator is measured after this step."""
        return step == self.last_step or self._ends(step, self.validate_every)

    def validations_after(self, step: int) -> int:
        """Counts the steps after this one that are validated."""
        if step >= self.last_step:
            return 0
        epochs = [math.floor(self._epoch(each)) // self.validate_every for each in (step, self.last_step)]
        return epochs[1] - epochs[0] + (not self._ends(self.last_step, self.validate_every))

    def is_saved(self, step: int) -> bool:
        """Whether a checkpoint is saved after this step because of its epoch."""
        return step == self.last_step or self._ends(step, self.save_every_epochs) or self.is_kept(step)

    def is_kept(self, step: int) -> bool:
        """Whether the checkpoint of this step stays for good."""
        return bool(self.keep_every) and step > 0 and self._ends(step, self.keep_every)

    def _epoch(self, step: int) -> Fraction:
        return next(stretch for stretch in reversed(self.stretches) if stretch.first_step <= step).epoch(step)

    def _ends(self, step: int, every: int) -> bool:
        """Whether a number of epochs that `every` divides is done with this step, and was not before."""
        done = math.floor(self._epoch(step))
        return step == 0 or (done % every == 0 and done > math.floor(self._epoch(step - 1)))


def make_schedule(config: Config, history: Sequence[Change], pairs: int) -> Schedule:
    """Returns a run's schedule.

    Args:
      config: its options as they are now.
      history: what was changed.
      pairs: how many training pairs there are now.
    """
    found = stretches(history, pairs, config.batch_size)
    usual = -(-MIN_STEPS_BETWEEN // found[-1].steps_per_epoch)
    validate_every = config.validate_every or usual
    total = total_steps(config, found[-1])
    return Schedule(
        found,
        min(config.max_steps or total, total),
        validate_every,
        config.save_every_epochs or validate_every,
        config.keep_every,
    )


def total_steps(config: Config, last: Stretch) -> int:
    """Returns the step after which all epochs are done, given the stretch in which they end; the rate is 0 there."""
    return max(0, last.step(config.epochs))


def rate_steps(config: Config, found: Sequence[Stretch]) -> tuple[int, int, list[int]]:
    """Returns total_steps, decay_steps and cuts, as Pix2Pix has them.

    Args:
      config: of the run, as it is now.
      found: its stretches.
    """
    cuts = []
    if config.schedule == "step":
        for epoch in range(config.decay_every, config.epochs, config.decay_every):
            cuts.append(next(each for each in reversed(found) if each.first_epoch <= epoch).step(epoch))
    return total_steps(config, found[-1]), config.decay_epochs * found[-1].steps_per_epoch, cuts


def remaining_seconds(schedule: Schedule, step: int, seconds_per_step: float, pause_seconds: float) -> float:
    """Estimates how long the rest of a training takes.

    Args:
      schedule: of the run.
      step: how many steps are done.
      seconds_per_step: without pauses.
      pause_seconds: of a validation and the checkpoints up to the next one.
    """
    return (schedule.last_step - step) * seconds_per_step + schedule.validations_after(step) * pause_seconds
