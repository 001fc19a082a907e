"""Compares generators on the same images; what the command `compare` calls."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, one_line
from tfpix2pix.evaluation.contenders import Contender, Exported, Folder, Other, check_comparable, parse_contenders
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.passes import Passes, missing_of, passes_of_folders, passes_of_split, scale_note
from tfpix2pix.evaluation.write_results import Findings, worse_by, write_results
from tfpix2pix.quality.metrics import METRICS, ORDERED_BY
from tfpix2pix.quality.tally import Result
from tfpix2pix.report.conclusion import of_comparison
from tfpix2pix.report.gallery import Gallery
from tfpix2pix.report.page import Table
from tfpix2pix.report.run_tables import facts_table, options_table
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.run_facts import run_facts


def compare(
    *runs: str | pathlib.Path,
    checkpoint: str | int = "best",
    output: str | pathlib.Path = "comparison",
    targets: str | pathlib.Path = "",
    sources: str | pathlib.Path = "",
    match: str = "",
    **measured: Any,
) -> dict[str, dict[str, float]]:
    """Measures several generators on the same images, and says which differences are clear.

    Args:
      *runs: two or more, each `[NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS]`, an exported file (.tflite, .onnx or a
        SavedModel) or a folder of generated images, or several of these with commas between them, such as the seeds of
        one recipe, which count as one. The others are compared with the first.
      checkpoint: of runs that name none: `best` (by the run's best_by), `latest`, or a step.
      output: folder for comparison.json, images.csv and comparison.html.
      targets: folder of what generated images should be, if all that is compared are folders; else they are those of
        the runs' split.
      sources: folder of what they were made from, likewise; may be left out.
      match: how the names of generated images and targets differ, such as `{}_fake_B:{}`; by default they are equal.
      **measured: as `evaluate` has them, such as split="test" or data="my/pairs".

    Returns:
      Name to the run's metrics, each metric to its value.

    Raises:
      InputError: runs cannot be compared, there is no such run, checkpoint, split or file, or a value is not allowed.
    """
    options = MeasureOptions(**measured)
    contenders = parse_contenders([str(run) for run in runs], str(checkpoint))
    each = [contender for group in contenders.values() for contender in group]
    output = pathlib.Path(output)
    passes, about = _passes(each, options, str(targets), str(sources), match, output)
    subject = dataclasses.replace(passes[0].subject, missing=missing_of(passes))
    for line in about:
        print(one_line(line), flush=True)
    places = {name: opened for opened in passes for name in opened.columns}
    shown = [group[0].name for group in contenders.values()]
    descriptions = {contender.name: f"{contender}, {places[contender.name].measured}" for contender in each}
    for name, words in descriptions.items():
        print(one_line(f"{name}: {words}"), flush=True)
    of_runs = {contender.name: contender for contender in each if isinstance(contender, Contender)}
    run_tables = tables_of_runs(of_runs)
    is_of_runs = bool(of_runs)
    scales = list(dict.fromkeys(opened.measured for opened in passes))
    facts = {
        **({"data": subject.config.data_words, "split": options.split} if is_of_runs else {"targets": str(targets)}),
        "images": len(subject.pairs),
        "measured": scales[0] if len(scales) == 1 else scales,
    }
    with tempfile.TemporaryDirectory() as drawn, naming_full_disk(output, "the results"):
        leading = places[each[0].name].subject
        gallery = Gallery(
            pathlib.Path(drawn),
            subject.pairs.files.names(),
            shown,
            options.report_images,
            subject.displays(),
            has_source=is_of_runs or bool(leading.sources),
        )
        measured_columns: dict[str, Result] = {}
        for opened in passes:
            measured_columns |= opened.subject.measure(
                opened.columns, opened.needs, gallery.add, title="comparing", models=opened.models
            )
        found = {contender.name: measured_columns[contender.name] for contender in each}
        groups = {name: [found[contender.name] for contender in group] for name, group in contenders.items()}
        findings = Findings(output, "comparison.html", "comparison.json", found, groups, marked=len(groups))
        images = findings.images()
        first, *others = groups
        values = {
            f"{METRICS[metric].label}, {name}": by_metric[metric]
            for metric in images[first]
            for name, by_metric in images.items()
            if metric in by_metric
        }
        order = ORDERED_BY[subject.config.target_kind]
        gains, _, losses = gallery.extremes(worse_by(images[others[0]], order) - worse_by(images[first], order), values)
        label = METRICS[order].label
        return write_results(
            findings,
            subject,
            gallery,
            title=" against ".join([first, ", ".join(others)]),
            subtitle=f"{len(subject.pairs)} images{f' of {options.split}' if is_of_runs else ''}, {'; '.join(scales)}",
            conclusion=lambda differences: " ".join([of_comparison(differences, first), *scale_note(passes)]),
            facts=facts,
            page_facts={f"run {name}": words for name, words in descriptions.items()},
            leading=run_tables,
            details={"runs": {contender.name: _details(contender) for contender in each}},
            notes=[
                *about,
                *(["The options of the runs are all alike."] if len(of_runs) > 1 and len(run_tables) == 1 else []),
                *notes(len(others) * len(groups[first][0].means)),
            ],
            values=values,
            highlights={
                f"Where {others[0]} gains most over {first}, by {label}": gains,
                f"Where {others[0]} loses most against {first}, by {label}": losses,
            },
        )


def tables_of_runs(runs: Mapping[str, Contender]) -> list[Table]:
    """Says in which options runs differ, if they do, and what each of them is."""
    if not runs:
        return []
    differing = options_table({name: run.config for name, run in runs.items()})
    facts = {
        name: {"checkpoint": Checkpoints(run.folder).name(run.step)} | run_facts(run.folder, run.config)
        for name, run in runs.items()
    }
    return [*([differing] if differing else []), facts_table(facts)]


def _passes(
    each: list[Contender | Other],
    options: MeasureOptions,
    targets: str,
    sources: str,
    match: str,
    output: pathlib.Path,
) -> Passes:
    """Opens what is compared, after everything that can be checked before."""
    runs = [contender for contender in each if isinstance(contender, Contender)]
    exported = [contender for contender in each if isinstance(contender, Exported)]
    folders = [contender for contender in each if isinstance(contender, Folder)]
    if runs and (targets or sources):
        raise InputError(
            f"targets={targets} and sources={sources} are for folders of images alone; beside runs, those of the runs' "
            "split count: leave them out, or give --data"
        )
    if match and not folders:
        raise InputError(f"match={match} is for folders of images, and none is compared; leave it out")
    check_writable(output, "output")
    if runs:
        check_comparable(runs, same_data=not options.data)
        return passes_of_split(runs, exported, folders, options, match)
    if exported:
        raise InputError(
            f"{exported[0].path} does not say with which data it is measured; give the run that it comes from first: "
            f"compare RUN_DIR {exported[0].path}"
        )
    if not targets:
        raise InputError(f"{each[0]} needs targets to be measured against; give --targets=FOLDER")
    if options.data:
        raise InputError(f"data={options.data} is for runs; folders of images have --targets")
    return passes_of_folders(folders, targets, sources, options, match)


def _details(contender: Contender | Other) -> dict[str, Any]:
    if isinstance(contender, Contender):
        return {
            "folder": str(contender.folder),
            "step": contender.step,
            "config": dataclasses.asdict(contender.config),
        }
    return {"path": str(contender.path), "kind": "exported" if isinstance(contender, Exported) else "images"}


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
