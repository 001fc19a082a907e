"""Lowers the learning rate when validation has not improved for some time."""

import math
from collections.abc import Callable, Iterable

from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.step import Metrics
from tfpix2pix.model.updates.rate import Plateau
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.log_jsonl import VALIDATION
from tfpix2pix.training.patience import SinceBest


class LowerRate:
    """An action that multiplies the rate by config.rate_factor once validation does not improve, on all workers.

    It counts the validations since the best one, or since it last lowered the rate. PyTorch's ReduceLROnPlateau does
    so too, but waits for one more. The factor so far lies in the checkpoint, and what is counted follows from the log:
    a run that was stopped and resumed lowers the rate after the same steps.

    Args:
      config: of the run.
      plateau: of the model, as restored.
      values: (step, value) of the validations so far, in order; only the chief has them.
      is_counted: whether a validation after this step counts.
      workers: all of them make one and call it; the chief's count decides.
      report: gets a line each time.
    """

    def __init__(
        self,
        config: Config,
        plateau: Plateau,
        values: Iterable[tuple[int, float]],
        is_counted: Callable[[int], bool],
        workers: Workers,
        report: Callable[[str], None],
    ):
        self.config = config
        self.plateau = plateau
        self.is_counted = is_counted
        self.workers = workers
        self.report = report
        self._since_best = SinceBest(config.best_by)
        counted, lowered = int(plateau.counted.numpy()), int(plateau.lowered.numpy())
        late: list[tuple[int, float]] = []
        for step, value in values:
            if step > counted:
                # The checkpoint is from before this validation: it was resumed to make it, and then killed.
                late.append((step, value))
                continue
            self._since_best.add(value)
            if step <= lowered:
                self._since_best.restart()
        for _ in range(workers.from_chief(len(late))):
            step, value = late.pop(0) if workers.is_chief else (0, math.nan)
            self._add(workers.from_chief(step), value)

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Counts a step's validation, if it had one that counts, and lowers the rate if it is time to."""
        name = VALIDATION + self.config.best_by
        if self.is_counted(step) and self.workers.from_chief(int(name in metrics)):
            self._add(step, float(metrics.get(name, math.nan)))

    def _add(self, step: int, value: float) -> None:
        self._since_best.add(value)
        self.plateau.counted.assign(step)
        if self.workers.from_chief(int(self._since_best.count >= self.config.decay_patience)):
            factor = float(self.plateau.factor.numpy()) * self.config.rate_factor
            self.plateau.factor.assign(factor)
            self.plateau.lowered.assign(step)
            self._since_best.restart()
            self.report(
                f"step {step}: validation {METRICS[self.config.best_by].label} has not improved for "
                f"{self.config.decay_patience} validations; from now on the learning rate is "
                f"{self.config.learning_rate * factor:.3g}"
            )
