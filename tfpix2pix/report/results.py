"""What was measured, as numbers with intervals, tables, JSON and CSV."""

import csv
import io
import json
import math
import pathlib
import platform
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from pipelines.system.disk import write_whole
from tfpix2pix.quality.bootstrap import MIN_IMAGES, interval, interval_of_set
from tfpix2pix.quality.kid import SUBSET_SIZE
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result
from tfpix2pix.report.page import Table

# What a spreadsheet takes for the beginning of a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")

# Of one metric: its mean, and where it has one, the interval's low and high end.
Entry = dict[str, float]


def summary(runs: Sequence[Result]) -> dict[str, Entry]:
    """Metric to Entry, in the order of METRICS: of one run, or the means of several over the same images."""
    return {name: mean_of(runs, name) | ends(name, runs) for name in METRICS if name in runs[0].means}


def mean_of(runs: Sequence[Result], name: str) -> Entry:
    """The mean of a metric over runs."""
    return {"mean": float(np.mean([run.means[name] for run in runs]))}


def ends(name: str, runs: Sequence[Result], against: Sequence[Result] = ()) -> Entry:
    """The `low` and `high` end of the interval of a metric, or of its difference; {} where it has none.

    Args:
      name: of the metric.
      runs: over the same images.
      against: of these the mean is subtracted.
    """

    def stacked(results: Sequence[Result], attribute: str) -> np.ndarray | None:
        return np.stack([getattr(result, attribute)[name] for result in results]) if results else None

    if all(name in run.resampled for run in (*runs, *against)):
        low, high = interval_of_set(stacked(runs, "resampled"), stacked(against, "resampled"))
    elif all(name in run.images for run in (*runs, *against)):
        low, high = interval(stacked(runs, "images"), stacked(against, "images"))
    else:
        return {}
    # The mean of a metric that is infinite for one image is, and has no interval.
    is_finite = all(math.isfinite(run.means[name]) for run in (*runs, *against)) and math.isfinite(low)
    return {"low": low, "high": high} if is_finite else {}


def difference(name: str, runs: Sequence[Result], first: Sequence[Result]) -> dict[str, float | str]:
    """How much more a metric is in `runs` than in `first`, with its paired interval, and what that says."""
    limits = ends(name, runs, first)
    entry = {"mean": mean_of(runs, name)["mean"] - mean_of(first, name)["mean"], **limits}
    if not limits:
        return entry | {"verdict": "no interval"}
    if limits["low"] <= 0 <= limits["high"]:
        return entry | {"verdict": "no clear difference"}
    return entry | {"verdict": "better" if (limits["low"] > 0) == METRICS[name].is_higher_better else "worse"}


def differences_table(
    first: str, groups: dict[str, Sequence[Result]]
) -> tuple[Table, dict[str, dict[str, dict[str, float | str]]]]:
    """How all other groups differ from the first, as a table of one row a metric, and as numbers."""
    others = [name for name in groups if name != first]
    metrics = [name for name in METRICS if name in groups[first][0].means]
    found = {other: {name: difference(name, groups[other], groups[first]) for name in metrics} for other in others}
    rows = []
    for name in metrics:
        entries = [found[other][name] for other in others]
        cells = [f"{as_cell(name, entry, signed=True)}\n{entry['verdict']}" for entry in entries]
        rows.append((METRICS[name].title, cells, None))
    return Table(f"differences from {first}, with 95 % paired bootstrap intervals", others, rows), found


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
    """A mean, and its interval on a second line; signed, also what is positive has its sign."""
    if not entry:
        return "-"
    mean, *limits = (METRICS[name].format(entry[part], signed) for part in ("mean", "low", "high") if part in entry)
    return f"{mean}\n({' to '.join(limits)})" if limits else mean


def best_of(name: str, values: Sequence[float]) -> int | None:
    """The place of a metric's best value; None where there are not two to compare."""
    places = [place for place, value in enumerate(values) if not math.isnan(value)]
    if len(places) < 2:
        return None
    choose = max if METRICS[name].is_higher_better else min
    return choose(places, key=lambda place: values[place])


def as_text(table: Table) -> str:
    """A table for the terminal, where a cell has one line."""
    rows = [[label, *(cell.replace("\n", " ") for cell in cells)] for label, cells, _ in table.rows]
    lines = [["", *table.columns], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def show(tables: Sequence[Table], missing: dict[str, str]) -> None:
    """Prints tables, and below them what was left out, and why."""
    for table in tables:
        print(f"\n{table.caption}\n{as_text(table)}")
    for name, reason in missing.items():
        print(f"without {name}: {reason}")


def notes(missing: dict[str, str], has_fid: bool, images: int, shown: int) -> list[str]:
    """What a reader must know to read the numbers rightly.

    Args:
      missing: what was left out, and why.
      has_fid: whether FID was measured.
      images: measured.
      shown: of these on the page.
    """
    lines = ["L1 is in units of [-1, 1]; PSNR, SSIM and MS-SSIM are taken on [0, 1]."]
    if images < MIN_IMAGES:
        lines.append(f"{images} images are too few for intervals, which need {MIN_IMAGES}.")
    if has_fid:
        lines.append(f"FID depends on how many images there are, here {images}: it compares with that of as many only.")
        lines.append(f"KID is unbiased, over 100 subsets of {min(images, SUBSET_SIZE)} images.")
    lines += [f"Without {name}: {reason}." for name, reason in missing.items()]
    if shown < images:
        lines.append(f"{shown} of {images} images are on this page, at even distances; the numbers are over all.")
    return lines


def write_csv(path: pathlib.Path, names: Sequence[str], results: dict[str, Result]) -> None:
    """One line for each image and column, with all metrics that single images have; there whole or not at all.

    A name that a spreadsheet would compute gets `./` in front, which leaves it the same path: `./=1+1.png`.
    """
    metrics = [name for name in METRICS if any(name in result.images for result in results.values())]

    def lines() -> Iterator[list[str]]:
        yield ["image", "column", *metrics]
        for column, result in results.items():
            for index, name in enumerate(names):
                safe = f"./{name}" if name.startswith(FORMULAS) else name
                yield [safe, column, *(f"{result.images[m][index]:.6g}" if m in result.images else "" for m in metrics)]

    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(lines())
    # A name need not be UTF-8.
    write_whole(path, text.getvalue().encode(errors="surrogateescape"))


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
