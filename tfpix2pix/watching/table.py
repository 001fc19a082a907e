"""Draws how far trainings are as a table of text."""

from collections.abc import Mapping

from pipelines.system.terminal import one_line
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.watching.progress import Progress

HEADINGS = ("run", "step", "done", "img/s", "left", "D", "G", "best", "last line")
MIN_NAME = 8
ELLIPSIS = "~"


def table(runs: Mapping[str, Progress], columns: int) -> list[str]:
    """Returns a heading and a line a run; names are cut at their beginnings where the lines would be too long.

    Args:
      runs: by name.
      columns: of the terminal; no line is longer.
    """
    metrics = {METRICS[each.best_by].label for each in runs.values()}
    headings = [*HEADINGS]
    if len(metrics) == 1:
        headings[7] = f"best {metrics.pop().removesuffix(', dB')}"
    rows = [headings[1:], *(_cells(each) for each in runs.values())]
    names = [headings[0], *map(one_line, runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(widths) + 2 * len(widths) + MIN_NAME <= columns else 1
    room = max(MIN_NAME, columns - sum(widths) - gap * len(widths))
    width = min(room, max(map(len, names)))
    lines = []
    for name, cells in zip(names, rows, strict=True):
        shown = name if len(name) <= width else ELLIPSIS + name[len(name) - width + 1 :]
        # Words of the last column begin at one place, numbers end at one.
        padded = [cell.rjust(size) for cell, size in zip(cells[:-1], widths, strict=False)]
        lines.append((" " * gap).join([shown.ljust(width), *padded, cells[-1]]).rstrip()[:columns])
    return lines


def _cells(progress: Progress) -> list[str]:
    done = progress.step / progress.last_step if progress.last_step else None
    total = "?" if progress.last_step is None else _count(progress.last_step)
    best = ""
    if progress.best:
        value, step = progress.best
        best = f"{METRICS[progress.best_by].format(value)} @{_count(step)}"
    return [
        f"{_count(progress.step)}/{total}",
        # 100% is only what has all steps.
        "" if done is None else f"{int(100 * min(done, 1))}%",
        "" if progress.images_per_second is None else _number(progress.images_per_second),
        "" if progress.seconds_left is None else brief(progress.seconds_left),
        _loss(progress, "discriminator/loss"),
        _loss(progress, "generator/loss"),
        best,
        _last_line(progress),
    ]


def _loss(progress: Progress, name: str) -> str:
    return _number(progress.losses[name]) if name in progress.losses else ""


def _last_line(progress: Progress) -> str:
    age = "" if progress.age is None else brief(progress.age)
    return f"{age} ago" if progress.state == "running" else f"{progress.state} {age}".rstrip()


def _number(value: float) -> str:
    """Returns a number in at most six characters, where it is above -1000 and below 1,000,000."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def _count(steps: int) -> str:
    return str(steps) if steps < 100_000 else f"{steps / 1000:.0f}k"


def brief(seconds: float) -> str:
    """Returns a time in two units at most, in few letters: 45s, 3m05s, 2h05m, 3d04h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes // 60 % 24:02}h"
