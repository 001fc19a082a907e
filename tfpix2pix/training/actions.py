"""Logs, validates and saves during a training. An action is called after every step with (steps done, its metrics)."""

import math
import pathlib
import time
from collections.abc import Callable, Mapping

from pipelines.images.display import Display
from pipelines.images.figure import image_rows
from pipelines.system.disk import whole_file
from pipelines.system.terminal import InputError
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import Metrics
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.run_dir.log_jsonl import VALIDATION
from tfpix2pix.training.diagnosis import Diagnosis
from tfpix2pix.training.loop import Stopwatch
from tfpix2pix.training.schedule import Schedule
from tfpix2pix.training.validation import Rows, Validation

NOT_FINITE = (
    "a {} was NaN or infinite at step {}, so the training stopped; the newest checkpoint is from before. See log.jsonl "
    "for what led to it, and give a lower --learning_rate or another --seed"
)


class Log:
    """Logs the metrics and the speed every `every` steps and at the end of each epoch.

    TensorBoard gets them every `charted_every` steps, by default as often. Logs too how many training pairs were lost,
    if any were.
    """

    def __init__(
        self,
        journal: Journal,
        schedule: Schedule,
        stopwatch: Stopwatch,
        model: Pix2Pix,
        every: int,
        count_lost: Callable[[], int] = lambda: 0,
        charted_every: int = 0,
    ):
        self.journal = journal
        self.schedule = schedule
        self.stopwatch = stopwatch
        self.model = model
        self.every = every
        self.count_lost = count_lost
        self.charted_every = charted_every or every
        self._since: tuple[int, float] | None = None

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Logs if it is time to; only then it waits for the device."""
        self.journal.bar.update(step - self.journal.bar.n)
        if self._since is None and metrics:
            # The first step traces and compiles, so the speed is counted from its end.
            self._since = (step, self.stopwatch())
        is_end = self.schedule.is_epoch_end(step)
        is_logged, is_charted = is_end or step % self.every == 0, is_end or step % self.charted_every == 0
        if not (is_logged or is_charted) or self._since is None or not metrics:
            return
        check_finite(self.model)
        values = {name: float(value) for name, value in metrics.items()}
        now = self.stopwatch()
        steps, seconds = step - self._since[0], now - self._since[1]
        if is_logged:
            self._since = (step, now)
        speed = ""
        if steps:
            values["images_per_second"] = steps * self.model.config.batch_size / max(seconds, 1e-9)
            speed = f"  {values['images_per_second']:.1f} images/s"
        lost = self.count_lost()
        if lost:
            values["lost_pairs"] = lost
        self.journal.scalars(step, self.schedule.epoch(step), values, is_logged, is_charted)
        if not is_logged:
            return
        name, distance = ("L1", "l1") if "generator/l1" in values else ("cross-entropy", "cross_entropy")
        self.journal.progress(
            step,
            f"epoch {self.schedule.epoch(step):.2f}  D {values['discriminator/loss']:.3f}  "
            f"G {values['generator/loss']:.2f}  {name} {values[f'generator/{distance}']:.3f}  "
            f"D accuracy {values['discriminator/accuracy']:.0%}{speed}",
        )


class Validate:
    """Measures the generator on the val split at the end of some epochs, and writes sample images.

    Adds the results to the step's metrics, for the checkpoint that follows.
    """

    def __init__(
        self,
        validation: Validation,
        journal: Journal,
        schedule: Schedule,
        stopwatch: Stopwatch,
        folder: pathlib.Path,
        is_interrupted: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        displays: Mapping[str, Display] | None = None,
        measured: str = "",
        best_by: str = "l1",
        first_step: int = 0,
        diagnosis: Diagnosis | None = None,
    ):
        self.validation = validation
        self.diagnosis = diagnosis
        self.journal = journal
        self.schedule = schedule
        self.stopwatch = stopwatch
        self.folder = folder
        self.is_interrupted = is_interrupted
        self.clock = clock
        self.displays = displays
        self.measured = measured and f" of {measured}"
        self.best_by = best_by
        # Step to the pictures of its validation: of the best and of the newest.
        self.shown: dict[int, Rows] = {}
        self._best: tuple[float, int] | None = None
        # Time, pauses and epoch at which the last validation ended, or this process began.
        self._since = (clock(), 0.0, schedule.epoch(first_step))
        # Seconds of this validation, and of the checkpoints since the one before.
        self.pause_seconds: float | None = None

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Validates if it is time to, but not if this step's validation is on record already."""
        if not self.schedule.is_validated(step) or self.journal.has_validation(step):
            return
        with self.stopwatch.pause():
            result = self.validation(self.is_interrupted)
            if result is None:
                return
            means, rows = result
            self._show(step, rows)
            self._keep(step, rows, means.get(self.best_by, math.nan))
        now, paused, epoch = self.clock(), self.stopwatch.paused, self.schedule.epoch(step)
        seconds, self.pause_seconds, epochs = (now - self._since[0], paused - self._since[1], epoch - self._since[2])
        self._since = (now, paused, epoch)
        values = {VALIDATION + name: value for name, value in means.items()}
        metrics.update(values)
        values["pause_seconds"] = self.pause_seconds
        if epochs:
            values["epoch_seconds"] = seconds / epochs
        if self.diagnosis:
            values |= self.diagnosis.examination.take()
        self.journal.scalars(step, epoch, values)
        words = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.journal.line(f"epoch {epoch:g}  step {step}  validation{self.measured}: {words}  ({seconds:.0f} s)")
        for line in self.diagnosis.news() if self.diagnosis else ():
            self.journal.line(f"warning: {line}")

    def _keep(self, step: int, rows: Rows, value: float) -> None:
        """Keeps the pictures of this step, and those of the best one so far."""
        loss = -value if METRICS[self.best_by].is_higher_better else value
        if not math.isnan(loss) and (self._best is None or loss < self._best[0]):
            self._best = (loss, step)
        best = {self._best[1]: self.shown.get(self._best[1], rows)} if self._best else {}
        self.shown = best | {step: rows}

    def _show(self, step: int, rows: Rows) -> None:
        figure = image_rows(rows, self.displays)
        self.folder.mkdir(exist_ok=True)
        file = self.folder / f"step-{step:08d}.png"
        with whole_file(file) as temporary:
            figure.savefig(temporary, format="png")
        self.journal.image(step, "samples", file.read_bytes())


class Save:
    """Saves a checkpoint every `every` steps, at the end of some epochs, and when the run stops."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        model: Pix2Pix,
        schedule: Schedule,
        stopwatch: Stopwatch,
        every: int,
        is_interrupted: Callable[[], bool],
    ):
        self.checkpoints = checkpoints
        self.model = model
        self.schedule = schedule
        self.stopwatch = stopwatch
        self.every = every
        self.is_interrupted = is_interrupted

    def __call__(self, step: int, metrics: Metrics) -> None:
        """Saves if it is time to."""
        if step % self.every == 0 or self.schedule.is_saved(step) or self.is_interrupted():
            self.save(step, metrics)

    def save(self, step: int, metrics: Metrics) -> None:
        """Saves now, but raises InputError instead if a loss or a weight is not finite."""
        with self.stopwatch.pause():
            check_finite(self.model)
            if not self.model.is_finite():
                # The step's losses, which are from before its update, were finite.
                raise InputError(NOT_FINITE.format("weight", step))
            validation = {n.removeprefix(VALIDATION): v for n, v in metrics.items() if n.startswith(VALIDATION)}
            self.checkpoints.save(self.model, validation, self.schedule.is_kept(step))


def check_finite(model: Pix2Pix) -> None:
    """Raises InputError if a loss was NaN or infinite; the message names the first such step."""
    step = int(model.non_finite_step.numpy())
    if step >= 0:
        raise InputError(NOT_FINITE.format("loss", step))
