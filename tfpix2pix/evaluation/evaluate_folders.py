"""Measures generated images in a folder, of any program; what the command `evaluate` calls for --generated."""

import pathlib
import tempfile
from typing import Any

import tensorflow as tf

from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, one_line
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.result_folders import Results, match_results, open_results
from tfpix2pix.evaluation.subject import SOURCES, Subject
from tfpix2pix.evaluation.write_results import Findings, worse_by, write_results
from tfpix2pix.quality.baselines import OtherShapeError, Training
from tfpix2pix.quality.measure import Column
from tfpix2pix.quality.metrics import METRICS, ORDERED_BY
from tfpix2pix.report.conclusion import of_evaluation
from tfpix2pix.report.gallery import Gallery

# The column of what is measured.
GENERATED = "generated"
# Files without a partner that are named; metrics.json has all.
SHOWN = 3


def evaluate_folders(
    generated: str | pathlib.Path,
    targets: str | pathlib.Path,
    sources: str | pathlib.Path = "",
    *,
    match: str = "",
    output: str | pathlib.Path | None = None,
    baselines: bool = True,
    **measured: Any,
) -> dict[str, float]:
    """Measures generated images against targets of the same names, and writes the report that a run gets.

    Args:
      generated: folder of images that any program has made.
      targets: folder of what they should be; those of other sizes are resized to the generated images', with a note.
      sources: folder of what they were made from, to be shown; a segmenter reads its labels there.
      match: how the names differ, such as `{}_fake_B:{}_real_B`, of generated images and targets; a third pattern is
        that of the sources, by default that of the targets. `order`: the sorted lists. By default names are equal.
      output: folder for metrics.json, images.csv and report.html; by default evaluation/ and the name of `generated`.
      baselines: whether to measure the sources and the mean target too.
      **measured: fields of MeasureOptions but split and data.

    Returns:
      Metric to value.

    Raises:
      InputError: no names fit, a file is bad, or a value is not allowed.
    """
    options = MeasureOptions(**measured)
    if options.data:
        raise InputError(f"data={options.data} is for runs; folders of images have targets and sources")
    if options.segmenter and not sources:
        raise InputError(f"segmenter={options.segmenter} reads its labels from the sources; give --sources=FOLDER")
    output = pathlib.Path(output or pathlib.Path("evaluation", pathlib.Path(generated).resolve().name))
    check_writable(output, "output")
    results = match_results(str(generated), str(targets), str(sources), match)
    for line in left_out_lines(results):
        print(one_line(line), flush=True)
    subject, resized = open_results(results, options)
    if resized:
        print(resized, flush=True)
    columns: dict[str, Column] = {GENERATED: lambda batch: [batch["source"]]}
    others = _baselines(subject) if baselines else {}
    count = len(subject.pairs)
    measured_at = f"{subject.config.measured_at}{f', {resized}' if resized else ''}"
    print(one_line(f"{count} images, {measured_at}: {', '.join([*columns, *others])}"), flush=True)
    with tempfile.TemporaryDirectory() as drawn, naming_full_disk(output, "the results"):
        gallery = Gallery(
            pathlib.Path(drawn),
            subject.pairs.files.names(),
            [*columns],
            options.report_images,
            subject.displays(),
            has_source=bool(subject.sources),
        )
        found = subject.measure(columns | others, {}, gallery.add)
        groups = {name: [result] for name, result in found.items()}
        images = found[GENERATED].images
        values = {METRICS[metric].label: array for metric, array in images.items()}
        order = ORDERED_BY[subject.config.target_kind]
        extremes = gallery.extremes(worse_by(images, order), values)
        words = (f"{word} by {METRICS[order].label}" for word in ("Best", "Median", "Worst"))
        means = write_results(
            Findings(output, "report.html", "metrics.json", found, groups, marked=1),
            subject,
            gallery,
            title=f"{results.folders[0].name} against {results.folders[1].name}",
            subtitle=f"{count} images, {measured_at}",
            conclusion=lambda _: of_evaluation(
                groups, subject.config.target_kind, "what was generated", "the mean of all targets"
            ),
            facts={
                "generated": str(generated),
                "targets": str(targets),
                **({"sources": str(sources)} if sources else {}),
                "images": count,
                "measured": measured_at,
                "skipped": len(subject.pairs.skipped),
            },
            details={"left_out": dict(results.left_out)},
            notes=[
                *left_out_lines(results),
                *(["The mean target is that of these targets, which it has seen."] if "mean target" in others else []),
                "Files hold rounded numbers; a run's images are measured before they are rounded.",
            ],
            values=values,
            highlights=dict(zip(words, extremes, strict=True)),
        )
    return means[GENERATED]


def left_out_lines(results: Results) -> list[str]:
    """Says how many files have no partner, and which are the first."""
    if not results.left_out:
        return []
    first = [f"{path}: {reason}" for path, reason in [*results.left_out.items()][:SHOWN]]
    more = len(results.left_out) - len(first)
    return [
        f"{len(results.left_out)} files are not measured, since they have no partner: {'; '.join(first)}"
        f"{f'; and {more} more' if more else ''}"
    ]


def _baselines(subject: Subject) -> dict[str, Column]:
    """Returns the source itself, and the mean of all targets, where they can be measured."""
    columns: dict[str, Column] = {}
    if subject.sources:
        columns["identity"] = lambda batch: [batch[SOURCES][0]]
    else:
        subject.missing["the identity"] = "no sources are given"
    why = "they need pictures of one shape, and these differ"
    if subject.pairs.shape:
        try:
            mean = Training(subject.pairs.form, subject.pairs.files, subject.pairs.shape).mean_target()
        except OtherShapeError as error:
            why = f"they need pictures of one shape, and {error}"
        else:
            columns["mean target"] = lambda batch: [tf.broadcast_to(mean, tf.shape(batch["target"]))]
            return columns
    subject.missing["the mean target"] = why
    return columns
