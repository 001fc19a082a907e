"""What was measured, as numbers with intervals, tables, JSON and CSV."""

import csv
import json
import math
import pathlib
import platform
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from pipelines.disk import write_whole
from tfpix2pix.pages.report import Table
from tfpix2pix.quality.bootstrap import interval, percentiles
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result

# Of one metric: its mean, and where it has one, the interval's low and high end.
Entry = dict[str, float]


def summary(result: Result) -> dict[str, Entry]:
    """Metric to Entry, in the order of METRICS."""
    entries = {}
    for name in METRICS:
        if name in result.means:
            entries[name] = {"mean": result.means[name]}
            entries[name] |= ends(name, [result])
    return entries


def ends(name: str, results: Sequence[Result], signs: Sequence[int] = (1,)) -> Entry:
    """The `low` and `high` end of the interval of a metric, or of its difference between results; {} if it has none.

    Args:
      name: of the metric.
      results: over the same images.
      signs: of each in the sum: (1, -1) is the first less the second.
    """
    if all(name in result.resampled for result in results):
        low, high = percentiles(sum(sign * r.resampled[name] for sign, r in zip(signs, results, strict=True)))
    elif all(name in result.images for result in results):
        low, high = interval(sum(sign * r.images[name] for sign, r in zip(signs, results, strict=True)))
    else:
        return {}
    return {"low": low, "high": high}


def metrics_table(caption: str, summaries: dict[str, dict[str, Entry]], marked: int) -> Table:
    """One row a metric, one column a summary; the best of the first `marked` columns is marked."""
    rows = []
    for name, metric in METRICS.items():
        entries = [columns.get(name) for columns in summaries.values()]
        if any(entries):
            means = [entry["mean"] if entry else math.nan for entry in entries]
            rows.append((metric.title, [as_cell(name, entry) for entry in entries], best_of(name, means[:marked])))
    return Table(caption, list(summaries), rows)


def as_cell(name: str, entry: Entry | None, signed: bool = False) -> str:
    """A mean with its interval, such as `0.3312 (0.3214 to 0.3420)`; signed, also what is positive has its sign."""
    if not entry:
        return "-"
    show = METRICS[name].format
    mean = show(entry["mean"], signed)
    if not math.isfinite(entry.get("low", math.nan)):
        return mean
    return f"{mean} ({show(entry['low'], signed)} to {show(entry['high'], signed)})"


def best_of(name: str, values: Sequence[float]) -> int | None:
    """The place of a metric's best value; None where there are not two to compare."""
    places = [place for place, value in enumerate(values) if not math.isnan(value)]
    if len(places) < 2:
        return None
    choose = max if METRICS[name].is_higher_better else min
    return choose(places, key=lambda place: values[place])


def as_text(table: Table) -> str:
    """A table for the terminal."""
    lines = [["", *table.columns], *([label, *cells] for label, cells, _ in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write_csv(path: pathlib.Path, names: Sequence[str], results: dict[str, Result]) -> None:
    """One line for each image and column, with all metrics that single images have; there whole or not at all."""
    metrics = [name for name in METRICS if any(name in result.images for result in results.values())]

    def lines() -> Iterator[list[str]]:
        yield ["image", "column", *metrics]
        for column, result in results.items():
            for index, name in enumerate(names):
                yield [name, column, *(f"{result.images[m][index]:.6g}" if m in result.images else "" for m in metrics)]

    temporary = path.with_name(f".{path.name}")
    # A name need not be UTF-8.
    with temporary.open("w", newline="", errors="surrogateescape") as file:
        csv.writer(file).writerows(lines())
    temporary.replace(path)


def write_json(path: pathlib.Path, values: dict[str, object]) -> None:
    """Writes values whole or not at all; JSON knows neither infinity nor NaN, so they become text."""
    write_whole(path, json.dumps(_as_json(values), indent=2) + "\n")


def _as_json(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def versions() -> dict[str, str]:
    """Of what the numbers may depend on."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "python": platform.python_version()}
