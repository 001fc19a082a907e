"""Tells how far a training is, from log.jsonl and the records beside it."""

import contextlib
import dataclasses
import math
import operator
import pathlib
import statistics
from collections import deque

from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.history import changes, comparable_since
from tfpix2pix.run_dir.log_jsonl import LOG_FILE, VALIDATION, read_records
from tfpix2pix.run_dir.sessions import sessions
from tfpix2pix.training.schedule import Schedule, make_schedule, remaining_seconds

# The speed is the median of so many lines.
SPEEDS = 5
# A training that has written nothing for this many seconds, and three times longer than its lines take, is silent.
SILENT_SECONDS = 60.0
# Before the first steps are logged: they are compiled, which takes minutes on a busy machine.
COMPILING_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
      step: how many steps are done.
      last_step: the one at which it ends; None if that is not known yet.
      images_per_second: in training; None if that is not known yet.
      seconds_left: likewise.
      losses: the latest, by name.
      best: value and step of the best validation so far; None if there is none.
      best_by: its metric.
      age: seconds since the last line; None if there is none.
      state: running, silent, stopped, finished, begun (nothing is logged yet) or unreadable.
    """

    step: int = 0
    last_step: int | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    losses: dict[str, float] = dataclasses.field(default_factory=dict)
    best: tuple[float, int] | None = None
    best_by: str = "l1"
    age: float | None = None
    state: str = "begun"


class WatchedRun:
    """Reads what a training adds to its log, and tells how far it is.

    Args:
      run_dir: of the training; it is only read.
    """

    def __init__(self, run_dir: pathlib.Path):
        self.run_dir = run_dir
        self._inode = self._offset = 0
        self._forget()

    def progress(self, now: float) -> Progress:
        """Reads the lines that are new.

        Args:
          now: seconds since the epoch, as files have them.
        """
        written = self._read()
        age = None if written is None else max(0.0, now - written)
        try:
            config = config_json.load(self.run_dir)
            schedule = self._schedule(config)
            since = comparable_since(changes(self.run_dir))
        except (InputError, OSError):
            return Progress(self._step, losses=self._losses, age=age, state="unreadable")
        speed = statistics.median(self._speeds) if self._speeds else None
        last_step = schedule.last_step if schedule else None
        seconds_left = None
        if schedule and speed and self._step < schedule.last_step:
            seconds_left = remaining_seconds(schedule, self._step, config.batch_size / speed, self._pause)
        state = self._state(config, last_step, speed, age)
        return Progress(
            self._step,
            last_step,
            speed,
            seconds_left if state == "running" else None,
            self._losses,
            self._best(config.best_by, since),
            config.best_by,
            age,
            state,
        )

    def _forget(self) -> None:
        self._step, self._epoch, self._pause = 0, 0.0, 0.0
        self._losses: dict[str, float] = {}
        self._speeds: deque[float] = deque(maxlen=SPEEDS)
        self._validations: list[dict[str, float]] = []

    def _read(self) -> float | None:
        """Reads the whole lines that are new; returns when the last was written, None if there is none."""
        try:
            with (self.run_dir / LOG_FILE).open("rb") as file:
                found = (self.run_dir / LOG_FILE).stat()
                if found.st_ino != self._inode or found.st_size < self._offset:
                    # A training that resumes writes another file, without the lines after its checkpoint.
                    self._inode, self._offset = found.st_ino, 0
                    self._forget()
                file.seek(self._offset)
                lines = file.read()
        except OSError:
            return None
        whole = lines[: lines.rfind(b"\n") + 1]
        self._offset += len(whole)
        for record in read_records(whole):
            self._add(record)
        return found.st_mtime if self._offset else None

    def _add(self, record: dict[str, float]) -> None:
        self._step, self._epoch = int(record["step"]), record["epoch"]
        self._pause = record.get("pause_seconds", self._pause)
        if "images_per_second" in record:
            self._speeds.append(record["images_per_second"])
        if "generator/loss" in record:
            self._losses = {name: value for name, value in record.items() if "/" in name}
        if any(name.startswith(VALIDATION) for name in record):
            self._validations.append(record)

    def _schedule(self, config: Config) -> Schedule | None:
        pairs = None
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            pairs = operator.index(parse_json((self.run_dir / "data.json").read_bytes())["pairs"])
        if pairs is None and self._epoch:
            pairs = round(self._step / self._epoch) * config.batch_size
        return make_schedule(config, changes(self.run_dir), pairs) if pairs else None

    def _best(self, best_by: str, since: int) -> tuple[float, int] | None:
        name = VALIDATION + best_by
        values = [
            (record[name], int(record["step"]))
            for record in self._validations
            if not math.isnan(record.get(name, math.nan)) and record["step"] > since
        ]
        # The first of equal ones, as checkpoints are chosen.
        sign = -1 if METRICS[best_by].is_higher_better else 1
        return min(values, key=lambda each: (sign * each[0], each[1]), default=None)

    def _state(self, config: Config, last_step: int | None, speed: float | None, age: float | None) -> str:
        if last_step is not None and self._step >= last_step:
            return "finished"
        ended = sessions(self.run_dir)
        if ended and ended[-1].last_step is not None:
            return "stopped"
        if age is None:
            return "begun"
        if not speed:
            return "silent" if age > COMPILING_SECONDS else "running"
        between = config.log_every * config.batch_size / speed + self._pause
        return "silent" if age > max(SILENT_SECONDS, 3 * between) else "running"
