"""Writes and prints what evaluate and compare found: numbers as JSON, every image as CSV, a page, tables."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfpix2pix.evaluation.subject import Subject
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result
from tfpix2pix.report import results
from tfpix2pix.report.gallery import Gallery
from tfpix2pix.report.page import Card, error_legend, write_page
from tfpix2pix.report.plots import Panel

CAPTION = "means over all images, with 95 % bootstrap intervals"


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was measured, and where its files go.

    Attributes:
      folder: for the files.
      page: the page's file name, such as report.html.
      numbers: the file name of the numbers, such as metrics.json.
      found: column to what was measured of it.
      groups: name to one or several columns that count as one; the first is what the others are compared with.
      marked: how many of the groups compete for the mark of the best.
    """

    folder: pathlib.Path
    page: str
    numbers: str
    found: dict[str, Result]
    groups: dict[str, list[Result]]
    marked: int

    @property
    def first(self) -> str:
        """The name of the group that the others are compared with."""
        return next(iter(self.groups))

    def images(self) -> dict[str, dict[str, np.ndarray]]:
        """Returns each group's metrics image by image, as means over its columns."""
        return {name: {m: np.mean([r.images[m] for r in group], axis=0) for m in group[0].images}
                for name, group in self.groups.items()}  # fmt: skip


def write_results(
    findings: Findings,
    subject: Subject,
    gallery: Gallery,
    *,
    title: str,
    subtitle: str,
    facts: dict[str, Any],
    page_facts: Mapping[str, str] | None = None,
    details: dict[str, Any],
    notes: list[str],
    values: dict[str, np.ndarray],
    highlights: dict[str, list[Card]],
    curves: Sequence[Panel] = (),
) -> dict[str, dict[str, float]]:
    """Writes the three files, prints the tables, and returns the means by group and metric.

    Args:
      findings: what was measured.
      subject: what it was measured on.
      gallery: the images that were drawn meanwhile.
      title: of the page.
      subtitle: of the page.
      facts: what is in the JSON file and at the head of the page.
      page_facts: what is at the head of the page only.
      details: what is in the JSON file only.
      notes: what a reader must know, besides what both commands say.
      values: the metrics beside each image, by label.
      highlights: sections of the page with chosen images.
      curves: pictures of the training.
    """
    found, groups, missing = findings.found, findings.groups, subject.missing
    summaries = {name: results.summary(group) for name, group in groups.items()}
    differences, difference_numbers = results.differences_table(findings.first, groups)
    tables = [results.metrics_table(CAPTION, summaries, findings.marked), differences]
    if len(found) > len(groups):
        each = {
            name: {metric: {"mean": mean} for metric, mean in result.means.items()} for name, result in found.items()
        }
        tables.append(results.metrics_table("each run by itself", each, len(each)))
    names = subject.pairs.files.names()
    folder = findings.folder
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"metrics": summaries, "differences": difference_numbers, "missing": missing}
    origin = {"fingerprint": subject.pairs.fingerprint(), "versions": results.versions()}
    results.write_json(folder / findings.numbers, facts | numbers | origin | details)
    results.write_csv(folder / "images.csv", names, found)
    has_fid = "fid" in groups[findings.first][0].means
    write_page(
        folder / findings.page,
        title=title,
        subtitle=subtitle,
        facts={name.replace("_", " "): as_words(value) for name, value in facts.items()} | dict(page_facts or {}),
        tables=tables,
        notes=notes + results.notes(missing, has_fid, len(names), len(gallery.shown)),
        curves=list(curves),
        highlights=highlights,
        cards=gallery.cards(values),
        count=len(gallery.shown),
        legend=error_legend(subject.config.display("target")),
    )
    results.show(tables, missing)
    print(f"{folder}/{findings.page}, {findings.numbers}, images.csv")
    return {name: {metric: entry["mean"] for metric, entry in summary.items()} for name, summary in summaries.items()}


def worse_by(images: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Returns a metric of single images, `(N,)`, with a sign such that less is better."""
    return -images[name] if METRICS[name].is_higher_better else images[name]


def as_words(value: object) -> str:
    """Returns a fact as the page shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
