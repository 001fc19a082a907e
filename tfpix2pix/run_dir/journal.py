"""What a training says of itself: log.jsonl, TensorBoard and the terminal."""

import contextlib
import json
import operator
import pathlib

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipelines.system.disk import write_whole
from pipelines.system.untrusted_json import parse_json

# An axis up to 1e308 cannot be drawn.
MOST = 1e30
LOG_FILE = "log.jsonl"


class Journal:
    """Writes each record to log.jsonl, to TensorBoard, and to the terminal.

    Made at the start of a run, it drops records after `step`, which a run that is taken up will write again.

    Args:
      run_dir: an existing folder.
      step: where the run stands.
      last_step: where it ends, for the progress bar.
    """

    def __init__(self, run_dir: pathlib.Path, step: int, last_step: int):
        self.path = run_dir / LOG_FILE
        records = [record for record in read_log(run_dir) if record["step"] <= step]
        write_whole(self.path, "".join(json.dumps(record) + "\n" for record in records))
        self._validated = {record["step"] for record in records if "validation/l1" in record}
        self._log = self.path.open("a")
        self._writer = tf.summary.create_file_writer(str(run_dir / "tensorboard"))
        # disable=None: a bar where standard error is a terminal, plain lines elsewhere.
        self.bar = tqdm(
            bar_format="{percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt}, {remaining} left{postfix}",
            initial=step,
            total=last_step,
            unit="step",
            disable=None,
            dynamic_ncols=True,
            smoothing=0.05,
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
        # A line that is not on the disk is lost with the process.
        self._log.flush()
        with self._writer.as_default(step):
            tf.summary.scalar("epoch", epoch)
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, step: int, name: str, array: np.ndarray) -> None:
        """Shows an `(H, W, 3)` uint8 image in TensorBoard."""
        with self._writer.as_default(step):
            tf.summary.image(name, array[None])
        self._writer.flush()

    def progress(self, step: int, text: str) -> None:
        """Says in the terminal how it goes: beside the progress bar, or as a line where there is none."""
        if self.bar.disable:
            print(f"step {step}  {text}", flush=True)
        else:
            self.bar.set_postfix_str(text, refresh=False)

    def line(self, text: str) -> None:
        """Prints a line that stays, above the bar if there is one."""
        if self.bar.disable:
            print(text, flush=True)
        else:
            self.bar.write(text)

    def close(self) -> None:
        """Leaves everything written."""
        self.bar.close()
        self._log.close()
        self._writer.close()


class Silence:
    """In the journal's place on workers that are not the chief: takes everything, and says nothing."""

    def __init__(self):
        self.bar = tqdm(disable=True)

    def has_validation(self, step: int) -> bool:
        """Nothing is on record."""
        return False

    def scalars(self, step: int, epoch: float, values: dict[str, float]) -> None:
        """Drops them."""

    def image(self, step: int, name: str, array: np.ndarray) -> None:
        """Drops it."""

    def progress(self, step: int, text: str) -> None:
        """Drops it."""

    def line(self, text: str) -> None:
        """Drops it."""

    def close(self) -> None:
        """Has nothing to close."""


def read_log(run_dir: pathlib.Path) -> list[dict[str, float]]:
    """The records of log.jsonl, in order; none if there is no such file."""
    path = run_dir / LOG_FILE
    if not path.exists():
        return []
    records = []
    # Whatever bytes a line has, it costs this line only.
    for line in path.read_bytes().splitlines():
        # What is no record is what a killed process was writing.
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, OverflowError):
            record = parse_json(line)
            values = {name: float(value) for name, value in record.items()}
            # A NaN is left: it tells.
            values = {name: value for name, value in values.items() if not abs(value) > MOST}
            records.append(values | {"step": operator.index(record["step"]), "epoch": values["epoch"]})
    return records
