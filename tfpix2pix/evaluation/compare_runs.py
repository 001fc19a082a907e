"""Compares trained generators on the same images; what the command `compare` calls."""

import dataclasses
import pathlib
import tempfile
from typing import Any

from pipelines.pairs import Pairs
from pipelines.system.disk import check_writable, naming_full_disk
from tfpix2pix.evaluation.columns import contender_columns
from tfpix2pix.evaluation.contenders import check_comparable, parse_contenders
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.subject import open_subject
from tfpix2pix.evaluation.write_results import Findings, worse_by, write_results
from tfpix2pix.quality.measure import Column
from tfpix2pix.quality.metrics import METRICS, ORDERED_BY
from tfpix2pix.report.gallery import Gallery


def compare(
    *runs: str | pathlib.Path,
    checkpoint: str | int = "best",
    output: str | pathlib.Path = "comparison",
    **measured: Any,
) -> dict[str, dict[str, float]]:
    """Measures several runs on the same images, and says which differences are clear.

    Args:
      *runs: two or more, each `[NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS]`, or several of these with commas between
        them, such as the seeds of one recipe, which count as one. The others are compared with the first.
      checkpoint: of runs that name none: `best` (by the run's best_by), `latest`, or a step.
      output: folder for comparison.json, images.csv and comparison.html.
      **measured: as `evaluate` has them, such as split="test" or data="my/pairs".

    Returns:
      Name to the run's metrics, each metric to its value.

    Raises:
      InputError: runs cannot be compared, there is no such run, checkpoint, split or file, or a value is not allowed.
    """
    options = MeasureOptions(**measured)
    contenders = parse_contenders([str(run) for run in runs], str(checkpoint))
    each = [contender for group in contenders.values() for contender in group]
    check_comparable(each, same_data=not options.data)
    output = pathlib.Path(output)
    check_writable(output, "output")
    subject = open_subject(each[0].config, options)
    columns: dict[str, Column] = {}
    needs: dict[str, Pairs] = {}
    for contender in each:
        column, needed = contender_columns(contender, subject.pairs)
        columns |= column
        needs |= needed
        print(f"{contender.name}: {contender}", flush=True)
    shown = [group[0].name for group in contenders.values()]
    facts = {"data": subject.config.data, "split": options.split, "images": len(subject.pairs)}
    with tempfile.TemporaryDirectory() as drawn, naming_full_disk(output, "the results"):
        gallery = Gallery(
            pathlib.Path(drawn), subject.pairs.files.names(), shown, options.report_images, subject.displays()
        )
        found = subject.measure(columns, needs, gallery.add, title="comparing")
        groups = {name: [found[contender.name] for contender in group] for name, group in contenders.items()}
        findings = Findings(output, "comparison.html", "comparison.json", found, groups, marked=len(groups))
        images = findings.images()
        first, *others = groups
        values = {
            f"{METRICS[metric].label}, {name}": by_metric[metric]
            for metric in images[first]
            for name, by_metric in images.items()
        }
        order = ORDERED_BY[subject.config.target_kind]
        gains, _, losses = gallery.extremes(worse_by(images[others[0]], order) - worse_by(images[first], order), values)
        label = METRICS[order].label
        return write_results(
            findings,
            subject,
            gallery,
            title=" against ".join([first, ", ".join(others)]),
            subtitle=f"{len(subject.pairs)} images of {options.split}",
            facts=facts,
            page_facts={f"run {contender.name}": str(contender) for contender in each},
            details={
                "runs": {
                    contender.name: {
                        "folder": str(contender.folder),
                        "step": contender.step,
                        "config": dataclasses.asdict(contender.config),
                    }
                    for contender in each
                }
            },
            notes=notes(len(others) * len(groups[first][0].means)),
            values=values,
            highlights={
                f"Where {others[0]} gains most over {first}, by {label}": gains,
                f"Where {others[0]} loses most against {first}, by {label}": losses,
            },
        )


def notes(comparisons: int) -> list[str]:
    """Returns what a reader must know to read the differences rightly."""
    lines = [
        "Intervals say how far the means may be off because these images were drawn and not others. If several runs "
        "stand for one recipe, they also say how far the means may be off because of these runs. For a single run they "
        "do not say how much another seed would change, which can be more.",
        "The error map is that of the first run.",
    ]
    if comparisons > 1:
        lines.append(
            f"If none of the {comparisons} differences were real, {comparisons / 20:.1f} would still look clear."
        )
    return lines
