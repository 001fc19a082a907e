"""Reports a training in log.jsonl, in sessions.jsonl, in TensorBoard and on the terminal."""

import json
import pathlib
import time
from collections.abc import Mapping

from tqdm import tqdm

from pipelines.system.disk import write_whole
from pipelines.system.terminal import bar_width
from tfpix2pix.run_dir import sessions
from tfpix2pix.run_dir.event_files import EventFiles
from tfpix2pix.run_dir.log_jsonl import LOG_FILE, VALIDATION, read_log


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
        self._events = EventFiles(run_dir, step)
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

    def scalars(
        self, step: int, epoch: float, values: dict[str, float], is_logged: bool = True, is_charted: bool = True
    ) -> None:
        """Records values by name, at a step.

        Args:
          step: how many steps are done.
          epoch: how many epochs are done.
          values: by name.
          is_logged: whether log.jsonl gets them.
          is_charted: whether TensorBoard gets them.
        """
        values = {name: float(value) for name, value in values.items()}
        if is_logged:
            self._log.write(json.dumps({"step": step, "epoch": round(epoch, 4), **values}) + "\n")
            # A line that is only in memory would be lost with the process.
            self._log.flush()
        if is_charted:
            # At the end of an epoch training has given it already.
            is_validation = any(name.startswith(VALIDATION) for name in values)
            self._events.scalars(step, values if is_validation else {"epoch": epoch} | values)

    def image(self, step: int, name: str, png: bytes) -> None:
        """Shows the contents of a PNG file in TensorBoard."""
        self._events.image(step, name, png)

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
        self._events.text(self._first_step, name, markdown)

    def hparams(self, options: Mapping[str, bool | float | str]) -> None:
        """Writes options for TensorBoard's table of runs."""
        folder = self.path.parent.resolve()
        # The table cuts long names at their ends.
        self._events.hparams(self._first_step, options, f"{folder.name} in {folder.parent}")

    def end_session(self, step: int | None = None) -> None:
        """Writes into sessions.jsonl that the training has ended; the argument is that of `close`."""
        # A bar that is not shown does not count.
        done = self._first_step if step is None else step
        sessions.end(self.path.parent, done, time.monotonic() - self._started)

    def close(self, step: int | None = None) -> None:
        """Closes the bar and the files; everything is written.

        Args:
          step: how many steps the run has done by now; by default as many as when the journal was made.
        """
        self.end_session(step)
        self.bar.close()
        self._log.close()
        self._events.close()


class Silence(Journal):
    """Replaces the journal on workers other than the chief: accepts everything and reports nothing."""

    def __init__(self) -> None:
        self.bar = tqdm(disable=True)

    def has_validation(self, step: int) -> bool:
        """Returns False: nothing is on record."""
        return False

    def scalars(
        self, step: int, epoch: float, values: dict[str, float], is_logged: bool = True, is_charted: bool = True
    ) -> None:
        """Drops the values."""

    def image(self, step: int, name: str, png: bytes) -> None:
        """Drops it."""

    def progress(self, step: int, text: str) -> None:
        """Drops it."""

    def line(self, text: str) -> None:
        """Drops it."""

    def text(self, name: str, markdown: str) -> None:
        """Drops it."""

    def hparams(self, options: Mapping[str, bool | float | str]) -> None:
        """Drops them."""

    def end_session(self, step: int | None = None) -> None:
        """Writes nothing."""

    def close(self, step: int | None = None) -> None:
        """Closes nothing."""
