"""Turns measured metrics into numbers with intervals, tables, JSON and CSV."""

import csv
import io
import json
import math
import pathlib
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.system.disk import write_whole
from tfpix2pix.quality.bootstrap import MIN_IMAGES, interval, interval_of_set
from tfpix2pix.quality.kid import SUBSET_SIZE
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result
from tfpix2pix.report.page import Table

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")

# How a number was taken, where other programs take it otherwise.
DEFINITIONS = {
    "l1": "L1: mean over pixels and channels, in units of [-1, 1], where 2 is black against white.",
    "psnr": "PSNR: of values in [0, 1] (peak 1), from the mean square over all pixels and channels of an image; the "
    "mean of the images' dB.",
    "ssim": "SSIM: of values in [0, 1] (data range 1), in a Gaussian window of 11 pixels with sigma 1.5 (K1 0.01, K2 "
    "0.03), wherever it fits into the image whole; each channel by itself, then their mean. scikit-image gives it by "
    "gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1; its default, a flat window of 7 "
    "pixels, gives other values.",
    "ms_ssim": "MS-SSIM: the same window at five scales, with the weights of Wang et al. 2003.",
}

# What a table of classes shows of each.
CLASS_SCORES = ("accuracy", "iou")

# A metric's mean and, if it has an interval, its low and high end; of a difference, the verdict too.
Entry = dict[str, Any]


def summary(runs: Sequence[Result]) -> dict[str, Entry]:
    """Summarizes one run, or several over the same images as their mean: metric to Entry, in the order of METRICS."""
    return {name: mean_of(runs, name) | ends(name, runs) for name in METRICS if name in runs[0].means}


def mean_of(runs: Sequence[Result], name: str) -> Entry:
    """Returns the mean of a metric over runs."""
    return {"mean": float(np.mean([run.means[name] for run in runs]))}


def ends(name: str, runs: Sequence[Result], against: Sequence[Result] = ()) -> Entry:
    """Returns the `low` and `high` end of the interval of a metric or of its difference; {} if it has none.

    Args:
      name: of the metric.
      runs: over the same images.
      against: runs whose mean is subtracted.
    """
    groups = [group for group in (runs, against) if group]
    if len(runs[0].images["l1"]) < MIN_IMAGES:
        return {}
    if all(name in run.resampled for run in (*runs, *against)):
        low, high = interval_of_set(*(np.stack([run.resampled[name] for run in group]) for group in groups))
    elif all(name in run.images for run in (*runs, *against)):
        low, high = interval(*(np.stack([run.images[name] for run in group]) for group in groups))
    else:
        return {}
    # A metric that is infinite for one image has an infinite mean and no interval.
    is_finite = all(math.isfinite(run.means[name]) for run in (*runs, *against)) and math.isfinite(low)
    return {"low": low, "high": high} if is_finite else {}


def difference(name: str, runs: Sequence[Result], first: Sequence[Result]) -> Entry:
    """Subtracts a metric of `first` from that of `runs`, with the paired interval and a verdict."""
    limits = ends(name, runs, first)
    entry = {"mean": mean_of(runs, name)["mean"] - mean_of(first, name)["mean"], **limits}
    if not limits:
        return entry | {"verdict": "no interval"}
    if limits["low"] <= 0 <= limits["high"]:
        return entry | {"verdict": "no clear difference"}
    return entry | {"verdict": "better" if (limits["low"] > 0) == METRICS[name].is_higher_better else "worse"}


def differences_table(first: str, groups: Mapping[str, Sequence[Result]]) -> tuple[Table, dict[str, dict[str, Entry]]]:
    """Compares all other groups with the first: a table with one row per metric, and the numbers."""
    others = [name for name in groups if name != first]
    # Those that all have: images of other sizes may be too small for some.
    metrics = [name for name in METRICS if all(name in runs[0].means for runs in groups.values())]
    found = {other: {name: difference(name, groups[other], groups[first]) for name in metrics} for other in others}
    rows = []
    for name in metrics:
        entries = [found[other][name] for other in others]
        cells = [
            f"{as_cell(name, entry, signed=True)}\n{verdict_words(entry['verdict'], other)}"
            for other, entry in zip(others, entries, strict=True)
        ]
        rows.append((METRICS[name].title, cells, None))
    return Table(f"differences from {first}, with 95 % paired bootstrap intervals", others, rows), found


def verdict_words(verdict: str, subject: str) -> str:
    """Names the subject of a verdict: `better` becomes `mean target is better`."""
    return f"{subject} is {verdict}" if verdict in ("better", "worse") else verdict


def metrics_table(caption: str, summaries: dict[str, dict[str, Entry]], marked: int) -> Table:
    """Makes a table: one row per metric, one column per summary, the best of the first `marked` columns marked."""
    rows = []
    for name, metric in METRICS.items():
        entries = [columns.get(name) for columns in summaries.values()]
        if any(entries):
            means = [entry["mean"] if entry else math.nan for entry in entries]
            rows.append((metric.title, [as_cell(name, entry) for entry in entries], best_of(name, means[:marked])))
    return Table(caption, list(summaries), rows)


def classes_table(
    groups: Mapping[str, Sequence[Result]], names: Sequence[str], marked: int
) -> tuple[Table, dict[str, dict[str, dict[str, float]]]]:
    """Measures each class by itself: a table with one row per class, and the numbers by group and class.

    Args:
      groups: name to results, each with `classes`; several count by their means.
      names: of the classes, in their order.
      marked: how many of the groups compete for the mark of the best IoU.
    """
    means = {
        name: {score: np.mean([run.classes[score] for run in runs], axis=0) for score in runs[0].classes}
        for name, runs in groups.items()
    }
    shares = next(iter(means.values()))["pixels"]
    rows = []
    for number, name in enumerate(names):
        cells = [
            " / ".join(
                "-" if np.isnan(scores[part][number]) else f"{scores[part][number]:.3f}" for part in CLASS_SCORES
            )
            for scores in means.values()
        ]
        best = best_of("class_iou", [scores["iou"][number] for scores in [*means.values()][:marked]])
        rows.append((f"{name}, {shares[number]:.1%} of pixels", cells, best))
    caption = "each class by itself, in all images together: accuracy / IoU"
    numbers = {
        group: {
            name: {part: float(values[number]) for part, values in scores.items()} for number, name in enumerate(names)
        }
        for group, scores in means.items()
    }
    return Table(caption, list(groups), rows, corner="class"), numbers


def as_cell(name: str, entry: Entry | None, signed: bool = False) -> str:
    """Formats a mean, with its interval on a second line; `signed` puts a + before positive numbers."""
    if not entry:
        return "-"
    mean, *limits = (METRICS[name].format(entry[part], signed) for part in ("mean", "low", "high") if part in entry)
    return f"{mean}\n({' to '.join(limits)})" if limits else mean


def best_of(name: str, values: Sequence[float]) -> int | None:
    """Returns the place of a metric's best value; None if there are not two to compare."""
    places = [place for place, value in enumerate(values) if not math.isnan(value)]
    if len(places) < 2:
        return None
    choose = max if METRICS[name].is_higher_better else min
    return choose(places, key=lambda place: values[place])


def as_text(table: Table) -> str:
    """Formats a table for the terminal, with one line per cell."""
    rows = [[label, *(cell.replace("\n", " ") for cell in cells)] for label, cells, _ in table.rows]
    lines = [["", *table.columns], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def show(tables: Sequence[Table], missing: dict[str, str]) -> None:
    """Prints tables, then what was left out and why."""
    for table in tables:
        print(f"\n{table.caption}\n{as_text(table)}")
    for name, reason in missing.items():
        print(f"without {name}: {reason}")


def notes(missing: dict[str, str], metrics: Collection[str], images: int) -> list[str]:
    """Returns what a reader must know to read the numbers rightly.

    Args:
      missing: what was left out, and why.
      metrics: those that were measured.
      images: how many were measured.
    """
    lines = [DEFINITIONS[name] for name in metrics if name in DEFINITIONS]
    if images < MIN_IMAGES:
        lines.append(f"{images} images are too few for intervals, which need {MIN_IMAGES}.")
    if "fid" in metrics:
        lines.append(f"FID depends on the number of images, here {images}: compare it only with FIDs of equally many.")
        lines.append(f"KID is unbiased, over 100 subsets of {min(images, SUBSET_SIZE)} images.")
    return lines + [f"Without {name}: {reason}." for name, reason in missing.items()]


def notes_on_pictures(images: int, drawn: int, on_page: int, further: Sequence[str]) -> list[str]:
    """Says where the pictures are that are not on the first page.

    Args:
      images: how many were measured.
      drawn: how many of them were drawn.
      on_page: how many of these are on the first page.
      further: the names of the other pages, which have all that were drawn.
    """
    lines = []
    if further:
        places = f"{further[0]} to {further[-1]}" if len(further) > 1 else further[0]
        lines.append(
            f"{on_page} of {drawn} images are on this page, at even distances, so that it stays small; {places} beside "
            "it have all."
        )
    if drawn < images:
        lines.append(
            f"{drawn} of {images} images are drawn, at even distances (--report_images); the numbers are over all."
        )
    return lines


def write_csv(path: pathlib.Path, names: Sequence[str], results: dict[str, Result]) -> None:
    """Writes one line for each image and column, with all metrics of single images.

    A name that a spreadsheet would compute gets `./` in front, which means the same path: `./=1+1.png`.
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
    # A file name may be other than UTF-8.
    write_whole(path, text.getvalue().encode(errors="surrogateescape"))


def write_json(path: pathlib.Path, values: Mapping[str, object]) -> None:
    """Writes values as JSON, which has neither infinity nor NaN: they become text."""
    write_whole(path, json.dumps(_as_json(values), indent=2) + "\n")


def _as_json(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def versions() -> dict[str, str]:
    """Returns the versions on which the numbers may depend."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "python": platform.python_version()}
