"""Reports a training in log.jsonl, in sessions.jsonl, in TensorBoard and on the terminal."""

import contextlib
import json
import operator
import pathlib
import time

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipelines.system.disk import write_whole
from pipelines.system.terminal import bar_width
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.run_dir import sessions

# Larger values cannot be drawn on an axis.
MAX_VALUE = 1e30
LOG_FILE = "log.jsonl"
# Begins the names of what validation measured.
VALIDATION = "validation/"


class Journal:
    """Writes each record to log.jsonl, to TensorBoard, and to the terminal.

    When it is made, it drops the records after `step`: a run that resumes there writes them again.

    Args:
      run_dir: exists.
      step: how many steps the run has done.
      last_step: the step at which it ends, for the progress bar.
    """

    def __init__(self, run_dir: pathlib.Path, step: int, last_step: int):
        self.path = run_dir / LOG_FILE
        records = [record for record in read_log(run_dir) if record["step"] <= step]
        write_whole(self.path, "".join(json.dumps(record) + "\n" for record in records))
        self._validated = {record["step"] for record in records if VALIDATION + "l1" in record}
        self._log = self.path.open("a")
        self._first_step = step
        self._started = time.monotonic()
        sessions.begin(run_dir, step)
        self._writer = tf.summary.create_file_writer(str(run_dir / "tensorboard"))
        # disable=None: a bar where standard error is a terminal, plain lines elsewhere.
        self.bar = tqdm(
            bar_format="{percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt}, {remaining} left{postfix}",
            initial=step,
            total=last_step,
            unit="step",
            disable=None,
            smoothing=0.05,
            **bar_width(),
        )

    def has_validation(self, step: int) -> bool:
        """Whether this step's validation is on record."""
        return step in self._validated

    def scalars(self, step: int, epoch: float, values: dict[str, float]) -> None:
        """Records values by name, at a step."""
        record = {
            "step": step,
            "epoch": round(epoch, 4),
            **{name: float(value) for name, value in values.items()},
        }
        self._log.write(json.dumps(record) + "\n")
        # A line that is only in memory would be lost with the process.
        self._log.flush()
        with self._writer.as_default(step):
            tf.summary.scalar("epoch", epoch)
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, step: int, name: str, array: np.ndarray) -> None:
        """Writes an `(H, W, 3)` uint8 image for TensorBoard."""
        with self._writer.as_default(step):
            tf.summary.image(name, array[None])
        self._writer.flush()

    def progress(self, step: int, text: str) -> None:
        """Shows progress on the terminal: beside the progress bar, or as a line if there is none."""
        if self.bar.disable:
            print(f"step {step}  {text}", flush=True)
        else:
            self.bar.set_postfix_str(text, refresh=False)

    def line(self, text: str) -> None:
        """Prints a line, above the progress bar if there is one."""
        if self.bar.disable:
            print(text, flush=True)
        else:
            self.bar.write(text)

    def text(self, name: str, markdown: str) -> None:
        """Writes a text for TensorBoard."""
        with self._writer.as_default(self._first_step):
            tf.summary.text(name, markdown)

    def close(self, step: int | None = None) -> None:
        """Closes the bar and the files; everything is written.

        Args:
          step: how many steps the run has done by now; by default as many as when the journal was made.
        """
        # A bar that is not shown does not count.
        done = self._first_step if step is None else step
        sessions.end(self.path.parent, done, time.monotonic() - self._started)
        self.bar.close()
        self._log.close()
        self._writer.close()


class Silence(Journal):
    """Replaces the journal on workers other than the chief: accepts everything and reports nothing."""

    def __init__(self) -> None:
        self.bar = tqdm(disable=True)

    def has_validation(self, step: int) -> bool:
        """Returns False: nothing is on record."""
        return False

    def scalars(self, step: int, epoch: float, values: dict[str, float]) -> None:
        """Drops the values."""

    def image(self, step: int, name: str, array: np.ndarray) -> None:
        """Drops it."""

    def progress(self, step: int, text: str) -> None:
        """Drops it."""

    def line(self, text: str) -> None:
        """Drops it."""

    def text(self, name: str, markdown: str) -> None:
        """Drops it."""

    def close(self, step: int | None = None) -> None:
        """Closes nothing."""


def read_log(run_dir: pathlib.Path) -> list[dict[str, float]]:
    """Reads the records of log.jsonl, in order; none if there is no such file."""
    path = run_dir / LOG_FILE
    if not path.exists():
        return []
    records = []
    # A line that cannot be read is left out alone.
    for line in path.read_bytes().splitlines():
        # A killed process may leave half a line.
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, OverflowError):
            record = parse_json(line)
            values = {name: float(value) for name, value in record.items()}
            # A NaN stays: it shows what happened.
            values = {name: value for name, value in values.items() if not abs(value) > MAX_VALUE}
            records.append(values | {"step": operator.index(record["step"]), "epoch": values["epoch"]})
    return records
