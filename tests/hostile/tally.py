"""Counts what was refused, skipped and accepted."""

import collections
import json
import math
import pathlib

from tests.hostile.worker import Outcome

COLUMNS = ("fetch", "check", "combine", "shard", "train", "translate", "evaluate", "bulk", "export")


class Tally:
    """Counts outcomes by kind of input and command, and collects faults."""

    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)
        self.faults = []
        self.seconds, self.mib, self.slowest, self.largest = 0.0, 0.0, "", ""

    def note(self, what: str, outcome: Outcome) -> None:
        """Notes the time and memory of one command, and whether it was clean."""
        if outcome.seconds > self.seconds:
            self.seconds, self.slowest = outcome.seconds, what
        if outcome.mib > self.mib:
            self.mib, self.largest = outcome.mib, what
        if not outcome.clean:
            self.fault(what, outcome.text)
        elif outcome.code and not any(line.strip() for line in outcome.text.splitlines()):
            self.fault(what, f"exit code {outcome.code}, without a message")

    def fault(self, what: str, text: str) -> None:
        """Notes a fault of the project, not of the input."""
        self.faults.append(f"{what}: {text}")
        print(f"FAULT {what}: {text}", flush=True)

    def count(self, kind: str, command: str, how: str) -> None:
        """Counts one input as `refused`, `skipped` or `accepted`."""
        self.counts[kind, command][how] += 1

    def check_finite(self, what: str, path: pathlib.Path) -> None:
        """Notes a fault if a file of numbers has one that is not finite."""
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
        """Returns a Markdown table with a row per kind and a column per command: refused + skipped + accepted."""
        lines = [f"| input | | {' | '.join(COLUMNS)} |", f"|---|{'---|' * (len(COLUMNS) + 1)}"]
        for kind, number in numbers.items():
            cells = [_cell(self.counts.get((kind, command))) for command in COLUMNS]
            lines.append(f"| {kind} | {number} | {' | '.join(cells)} |")
        return "\n".join(lines)


def _cell(counts: collections.Counter | None) -> str:
    if not counts:
        return ""
    return "+".join(str(counts[how]) for how in ("refused", "skipped", "accepted"))
