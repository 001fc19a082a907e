"""Reads history.jsonl, a run directory's record of what was changed after the run was begun."""

import dataclasses
import json
import operator
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

HISTORY_FILE = "history.jsonl"

# What a change of the data is called, where others have an option's name. Old and new are a number of pairs and a
# digest of their files, such as `400 (1a2b3c4d)`.
TRAINING_PAIRS = "training pairs"
VALIDATION_PAIRS = "validation pairs"


@dataclasses.dataclass(frozen=True)
class Change:
    """One option that was changed, or the data.

    Attributes:
      step: the steps after it have the new value.
      option: its name, TRAINING_PAIRS or VALIDATION_PAIRS.
      old: its value before, as in config.json; of data the number of pairs and a digest.
      new: its value from then on.
      reason: what is different about the data, such as `7.png is gone`; empty of an option.
      epoch: how many epochs were done by then.
    """

    step: int
    option: str
    old: Any
    new: Any
    reason: str = ""
    epoch: float = 0.0

    @property
    def is_of_training(self) -> bool:
        """Whether weights or validation are others because of it; else only what is written, and when, is."""
        fields = Config.__dataclass_fields__
        return self.option not in fields or fields[self.option].metadata["change"] == "asked"

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.option} {shown(self.old)} became {shown(self.new)} after step {self.step}{reason}"


def changes(run_dir: str | pathlib.Path) -> list[Change]:
    """Reads all changes of a run, in the order in which they were made; none if there is no history.jsonl.

    Raises:
      InputError: a line cannot be read.
    """
    path = pathlib.Path(run_dir) / HISTORY_FILE
    if not path.exists():
        return []
    try:
        return from_text(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); restore it, or give another run_dir") from None


def with_changes(
    history: Sequence[Change], step: int, epoch: float, differences: Mapping[str, tuple[Any, Any, str]]
) -> list[Change]:
    """Returns a history to which changes at a step, and those that were made after it, are added.

    What is changed back before a step was made was never changed: it leaves no line.

    Args:
      history: so far.
      step: at which the run is. Changes of later steps, whose checkpoints are lost, are dated back to it.
      epoch: how many epochs are done by then.
      differences: (old, new, reason) by option.
    """
    kept = [change for change in history if change.step < step]
    here = [change for change in history if change.step >= step]
    here += [
        Change(step, option, _plain(old), _plain(new), reason) for option, (old, new, reason) in differences.items()
    ]
    merged: dict[str, Change] = {}
    for change in here:
        old = merged[change.option].old if change.option in merged else change.old
        merged[change.option] = dataclasses.replace(change, step=step, old=old, epoch=round(epoch, 4))
    return kept + [change for change in merged.values() if change.old != change.new]


def count_of(value: str) -> int:
    """Returns the number of pairs in the old or new value of a change of the data."""
    return int(value.split(" ")[0])


def comparable_since(history: Iterable[Change]) -> int:
    """Returns the step after which validation measures the same pairs at the same scale; -1 if it always did."""
    steps = [c.step for c in history if c.option == VALIDATION_PAIRS or (c.reason and c.option != TRAINING_PAIRS)]
    return max(steps, default=-1)


def to_text(history: Iterable[Change]) -> str:
    """Returns the contents of history.jsonl."""
    return "".join(json.dumps(dataclasses.asdict(change)) + "\n" for change in history)


def from_text(text: str) -> list[Change]:
    """Reads the contents of history.jsonl; raises ValueError if they are not as `to_text` writes them."""
    found = []
    for line in text.splitlines():
        try:
            values = parse_json(line)
            change = Change(**{**values, "epoch": float(values["epoch"])})
            if change.option in (TRAINING_PAIRS, VALIDATION_PAIRS) and min(map(count_of, (change.old, change.new))) < 1:
                raise ValueError("there are no pairs")
            if operator.index(change.step) < 0 or not 0 <= change.epoch < float("inf"):
                raise ValueError("a step or an epoch is not one")
            if not isinstance(change.option, str) or not isinstance(change.reason, str):
                raise ValueError("an option or a reason is not a text")
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"a line is not a change: {error}") from None
        found.append(change)
    return found


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def shown(value: Any) -> str:
    """Returns a value as on the command line."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
