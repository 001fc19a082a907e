"""Reads log.jsonl, a record of values a line; without TensorFlow, so that it can be watched from anywhere."""

import contextlib
import operator
import pathlib

from pipelines.system.untrusted_json import parse_json

LOG_FILE = "log.jsonl"
# Larger values cannot be drawn on an axis.
MAX_VALUE = 1e30
# Begins the names of what validation measured.
VALIDATION = "validation/"
# Begins the names of the signs of failure that validation measured.
SIGNS = "signs/"
# The share of patches that the discriminator judges correctly, of pairs that it was not trained on.
HELD_OUT = SIGNS + "held_out_accuracy"


def read_log(run_dir: pathlib.Path) -> list[dict[str, float]]:
    """Reads the records of log.jsonl, in order; none if there is no such file."""
    path = run_dir / LOG_FILE
    return read_records(path.read_bytes()) if path.exists() else []


def read_records(lines: bytes) -> list[dict[str, float]]:
    """Reads the records of some lines of log.jsonl, in order."""
    records = []
    # A line that cannot be read is left out alone.
    for line in lines.splitlines():
        # A killed process may leave half a line.
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, OverflowError):
            record = parse_json(line)
            values = {name: float(value) for name, value in record.items()}
            # A NaN stays: it shows what happened.
            values = {name: value for name, value in values.items() if not abs(value) > MAX_VALUE}
            records.append(values | {"step": operator.index(record["step"]), "epoch": values["epoch"]})
    return records
