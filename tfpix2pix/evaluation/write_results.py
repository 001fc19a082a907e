"""Writes and prints what evaluate and compare found: numbers as JSON, every image as CSV, a page, tables."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfpix2pix.evaluation.subject import Subject
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result
from tfpix2pix.report import results
from tfpix2pix.report.gallery import Gallery
from tfpix2pix.report.page import Card, Table, error_legend, write_page
from tfpix2pix.report.pages import divide, embedded_bytes, remove_others
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
    conclusion: Callable[[Mapping[str, Mapping[str, results.Entry]]], str],
    facts: dict[str, Any],
    page_facts: Mapping[str, str] | None = None,
    details: dict[str, Any],
    notes: list[str],
    values: dict[str, np.ndarray],
    highlights: dict[str, list[Card]],
    curves: Sequence[Panel] = (),
    leading: Sequence[Table] = (),
) -> dict[str, dict[str, float]]:
    """Writes the three files, prints the tables, and returns the means by group and metric.

    Args:
      findings: what was measured.
      subject: what it was measured on.
      gallery: the images that were drawn meanwhile.
      title: of the page.
      subtitle: of the page.
      conclusion: makes one plain sentence of the differences from the first group, by group and metric.
      facts: what is in the JSON file and at the head of the page.
      page_facts: what is at the head of the page only.
      details: what is in the JSON file only.
      notes: what a reader must know, besides what both commands say.
      values: the metrics beside each image, by label.
      highlights: sections of the page with chosen images.
      curves: pictures of the training.
      leading: tables before those of the numbers.
    """
    found, groups, missing = findings.found, findings.groups, subject.missing
    summaries = {name: results.summary(group) for name, group in groups.items()}
    differences, difference_numbers = results.differences_table(findings.first, groups)
    tables = [
        *leading,
        results.metrics_table(CAPTION, summaries, findings.marked),
        *([differences] if differences.columns else []),
    ]
    sentence = conclusion(difference_numbers)
    if len(found) > len(groups):
        each = {
            name: {metric: {"mean": mean} for metric, mean in result.means.items()} for name, result in found.items()
        }
        tables.append(results.metrics_table("each run by itself", each, len(each)))
    by_class: dict[str, Any] = {}
    if all(result.classes for result in found.values()):
        table, by_class["classes"] = results.classes_table(groups, subject.class_names(), findings.marked)
        tables.append(table)
    names = subject.pairs.files.names()
    folder = findings.folder
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"conclusion": sentence, "metrics": summaries, "differences": difference_numbers, "missing": missing}
    origin = {"fingerprint": subject.pairs.fingerprint(), "versions": results.versions()}
    results.write_json(folder / findings.numbers, facts | numbers | by_class | origin | details)
    results.write_csv(folder / "images.csv", names, found)
    page = folder / findings.page
    taken = sum(embedded_bytes(sum(map(len, card.cells.values()))) for part in highlights.values() for card in part)
    taken += sum(2 * len(curve.light) * 4 // 3 for curve in curves)
    division = divide(gallery.sizes(), taken)
    further = division.names(page)
    legend = error_legend(subject.config.display("target"))
    links = {file: f"{part[0] + 1} to {part[-1] + 1}" for file, part in zip(further, division.others, strict=True)}
    for file, part in zip(further, division.others, strict=True):
        write_page(
            folder / file,
            title=title,
            subtitle=f"{subtitle}; {links[file]} of {len(gallery.shown)}",
            facts={},
            tables=[],
            notes=[],
            curves=[],
            highlights={},
            cards=gallery.cards(values, part),
            count=len(part),
            legend=legend,
            heading="Images",
            links={page.name: "numbers and a sample"} | links,
        )
    write_page(
        page,
        title=title,
        subtitle=subtitle,
        conclusion=sentence,
        facts={name.replace("_", " "): as_words(value) for name, value in facts.items()} | dict(page_facts or {}),
        tables=tables,
        notes=[
            *notes,
            *results.notes(missing, [*summaries[findings.first]], len(names)),
            *results.notes_on_pictures(len(names), len(gallery.shown), len(division.first), further),
        ],
        curves=list(curves),
        highlights=highlights,
        cards=gallery.cards(values, division.first),
        count=len(division.first),
        legend=legend,
        heading="A sample of the images" if further else "All images",
        links=links,
    )
    remove_others(page, further)
    print(f"\n{sentence}")
    results.show(tables, missing)
    also = f"{further[0]} to {further[-1]}, " if len(further) > 1 else "".join(f"{file}, " for file in further)
    print(f"{folder}/{findings.page}, {also}{findings.numbers}, images.csv")
    return {name: {metric: entry["mean"] for metric, entry in summary.items()} for name, summary in summaries.items()}


def worse_by(images: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Returns a metric of single images, `(N,)`, with a sign such that less is better."""
    return -images[name] if METRICS[name].is_higher_better else images[name]


def as_words(value: object) -> str:
    """Returns a fact as the page shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
