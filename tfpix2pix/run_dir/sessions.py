"""Records in sessions.jsonl when a training was begun, resumed and stopped."""

import contextlib
import dataclasses
import datetime
import json
import operator
import pathlib

from pipelines.system.untrusted_json import parse_json

SESSIONS_FILE = "sessions.jsonl"
# Thirty years: more is no time that a training took.
MAX_SECONDS = 1e9


@dataclasses.dataclass(frozen=True)
class Session:
    """One process of a training.

    Attributes:
      first_step: after which it began.
      last_step: the last that it did; None if it was killed, or is still running.
      seconds: how long it took, likewise.
    """

    first_step: int
    last_step: int | None = None
    seconds: float | None = None


def begin(run_dir: pathlib.Path, step: int) -> None:
    """Adds that a training begins after a step."""
    _add(run_dir, {"begins_after": step, "at": datetime.datetime.now(datetime.timezone.utc).isoformat()})


def end(run_dir: pathlib.Path, step: int, seconds: float) -> None:
    """Adds that it has ended, after a step; not if there is no room, which then is what the training says."""
    with contextlib.suppress(OSError):
        _add(run_dir, {"ends_after": step, "seconds": round(seconds, 3)})


def sessions(run_dir: str | pathlib.Path) -> list[Session]:
    """Reads all sessions in their order; none of runs that have no record. A line that cannot be read is left out."""
    found: list[Session] = []
    try:
        lines = (pathlib.Path(run_dir) / SESSIONS_FILE).read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
            record = parse_json(line)
            if "begins_after" in record:
                found.append(Session(operator.index(record["begins_after"])))
            elif found:
                last, seconds = operator.index(record["ends_after"]), float(record["seconds"])
                if 0 <= seconds <= MAX_SECONDS:
                    found[-1] = dataclasses.replace(found[-1], last_step=last, seconds=seconds)
    return found


def _add(run_dir: pathlib.Path, record: dict) -> None:
    # One write a line: a process that is killed leaves whole lines.
    with (run_dir / SESSIONS_FILE).open("a") as file:
        file.write(json.dumps(record) + "\n")
