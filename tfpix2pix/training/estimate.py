"""Estimates how long a training will take."""

from collections.abc import Callable

from tfpix2pix.model.step import LOSSES, Metrics
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.run_dir.run_facts import duration
from tfpix2pix.training.loop import Stopwatch
from tfpix2pix.training.schedule import Schedule, remaining_seconds

# So many steps of this process are done when it first says how long the others take.
FIRST_STEPS = 50
# The estimate is given again, once, if the next validation changes it by more than this share.
CHANGE = 0.1


class Estimate:
    """An action that prints how long the training will take, once it is known how long steps and validations take.

    It never waits for the device: it counts at steps that were logged.

    Args:
      journal: gets the line.
      schedule: of the run.
      stopwatch: of the steps.
      every: steps between two that are logged.
      pause_seconds: returns how long the last validation and its checkpoint took; None for not yet known.
    """

    def __init__(
        self,
        journal: Journal,
        schedule: Schedule,
        stopwatch: Stopwatch,
        every: int,
        pause_seconds: Callable[[], float | None],
    ):
        self.journal, self.schedule, self.stopwatch, self.every = journal, schedule, stopwatch, every
        self.pause_seconds = pause_seconds
        self._begin: tuple[int, float] | None = None
        # The pause that went into the first estimate.
        self._told: list[float | None] = []

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Prints the estimate if it is time to."""
        if LOSSES[0] not in metrics:
            # The validation before the first step.
            return
        if self._begin is None:
            # The first step traces and compiles, so the speed is counted from its end.
            self._begin = (step, self.stopwatch())
            return
        done = step - self._begin[0]
        if step % self.every or done < FIRST_STEPS - 1 or len(self._told) > 1 or step >= self.schedule.last_step:
            return
        pause = self.pause_seconds()
        if self._told and pause == self._told[0]:
            return
        seconds_per_step = (self.stopwatch() - self._begin[1]) / done
        left, before = (
            remaining_seconds(self.schedule, step, seconds_per_step, seconds or 0.0)
            for seconds in (pause, self._told[0] if self._told else pause)
        )
        if self._told and abs(left - before) <= CHANGE * before:
            self._told.append(pause)
            return
        self._told.append(pause)
        steps = self.schedule.last_step - step
        validated = ", with validation and checkpoints" if pause is not None else ", without validation"
        self.journal.line(
            f"about {duration(left)} left: {steps} steps at {1 / max(seconds_per_step, 1e-9):.3g} steps/s{validated}"
        )
