"""Stops a training early: when validation has not improved for some time."""

import math
from collections.abc import Callable, Iterable

from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.step import Metrics
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.log_jsonl import VALIDATION


class SinceBest:
    """Counts the validations since the best one.

    Args:
      best_by: the metric.

    Attributes:
      count: how many were not better than the best before them, in a row.
    """

    def __init__(self, best_by: str):
        self.best_by = best_by
        self.count = 0
        self._best = math.nan

    def add(self, value: float) -> None:
        """Adds a validation."""
        is_better = value > self._best if METRICS[self.best_by].is_higher_better else value < self._best
        if is_better or math.isnan(self._best):
            self._best, self.count = value, 0
        else:
            self.count += 1

    def restart(self) -> None:
        """Counts from here on; the best stays what it is."""
        self.count = 0


class Patience:
    """An action that counts the validations since the best one; true once they are too many, on all workers.

    What it counts follows from the values in the log, so a run that was stopped and resumed ends after the same step.

    Args:
      limit: so many validations without a better value stop the training; 0: it never stops.
      best_by: the metric.
      values: those of the validations so far, in order.
      is_counted: whether a validation after this step counts. One within an epoch, where the run was told to end,
        does not: another run has none there.
      workers: all of them call this; the chief's count decides.
    """

    def __init__(
        self,
        limit: int,
        best_by: str,
        values: Iterable[float],
        is_counted: Callable[[int], bool],
        workers: Workers,
    ):
        self.limit = limit
        self.best_by = best_by
        self.is_counted = is_counted
        self.workers = workers
        self._since_best = SinceBest(best_by)
        for value in values:
            self._since_best.add(value)
        self._is_over = self._agree()

    def __bool__(self) -> bool:
        return self._is_over

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Counts a step's validation, if it had one that counts."""
        if not self.is_counted(step):
            return
        if VALIDATION + self.best_by in metrics:
            self._since_best.add(float(metrics[VALIDATION + self.best_by]))
        self._is_over = self._agree()

    def __str__(self) -> str:
        count = self._since_best.count
        return f"validation {METRICS[self.best_by].label} has not improved for {count} validations"

    def _agree(self) -> bool:
        return bool(self.limit) and bool(self.workers.from_chief(int(self._since_best.count >= self.limit)))
