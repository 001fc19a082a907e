"""What became of spoiled inputs, counted."""

import collections
import json
import math
import pathlib

from tests.hostile.worker import Outcome

COLUMNS = ("fetch", "check", "combine", "shard", "train", "translate", "evaluate", "bulk", "export")


class Tally:
    """What became of the inputs, by kind and command, and what went wrong."""

    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)
        self.faults = []
        self.seconds, self.mib, self.slowest, self.largest = 0.0, 0.0, "", ""

    def note(self, what: str, outcome: Outcome) -> None:
        """Of one command: its time and memory, and whether it was clean."""
        if outcome.seconds > self.seconds:
            self.seconds, self.slowest = outcome.seconds, what
        if outcome.mib > self.mib:
            self.mib, self.largest = outcome.mib, what
        if not outcome.clean:
            self.fault(what, outcome.text)
        elif outcome.code and not any(line.strip() for line in outcome.text.splitlines()):
            self.fault(what, f"exit code {outcome.code}, and not a word")

    def fault(self, what: str, text: str) -> None:
        """Something is wrong with us, not with the input."""
        self.faults.append(f"{what}: {text}")
        print(f"FAULT {what}: {text}", flush=True)

    def count(self, kind: str, command: str, how: str) -> None:
        """One input was `refused`, `skipped` or `accepted`."""
        self.counts[kind, command][how] += 1

    def finite(self, what: str, path: pathlib.Path) -> None:
        """Notes where a file of numbers holds one that is not finite."""
        text = path.read_text(errors="replace")
        if not text.strip():
            return
        values = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
        while values:
            value = values.pop()
            if isinstance(value, (dict, list)):
                values += value.values() if isinstance(value, dict) else value
            elif isinstance(value, float) and not math.isfinite(value):
                self.fault(what, f"{path.name} has {value}")

    def table(self, numbers: dict[str, int]) -> str:
        """Markdown: a row a kind, a column a command; refused + skipped + accepted."""
        lines = [f"| input | | {' | '.join(COLUMNS)} |", f"|---|{'---|' * (len(COLUMNS) + 1)}"]
        for kind, number in numbers.items():
            cells = [_cell(self.counts.get((kind, command))) for command in COLUMNS]
            lines.append(f"| {kind} | {number} | {' | '.join(cells)} |")
        return "\n".join(lines)


def _cell(counts: collections.Counter | None) -> str:
    if not counts:
        return ""
    return "+".join(str(counts[how]) for how in ("refused", "skipped", "accepted"))
