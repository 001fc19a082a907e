"""Compares trained generators on the same images, with intervals, so that noise is not taken for progress.

    python -m tfpix2pix.compare runs/a runs/b
    python -m tfpix2pix.compare runs/a@latest:image runs/a@latest:moving --split=test
    python -m tfpix2pix.compare paper=runs/p-0,runs/p-1 pool=runs/q-0,runs/q-1 --output=results/pool

Each argument is [NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS]. Several with commas between them, such as the seeds of
one recipe, count as one whose metrics are the means of theirs, image by image. The first is what the others are held
against. The output folder gets comparison.json, images.csv and comparison.html, one file that opens from disk.
"""

import dataclasses
import pathlib
import tempfile

import keras
import numpy as np
from absl import flags

from pipelines.pairs import Pairs, naming_unreadable
from pipelines.system import terminal
from pipelines.system.disk import check_writable, naming_full_disk
from tfpix2pix.evaluation import metric_networks, split
from tfpix2pix.evaluation.contenders import Run, check_alike, parse
from tfpix2pix.evaluation.split import batches_of, label_maps, open_split, split_folder
from tfpix2pix.quality.bootstrap import RESAMPLES_OF_SET
from tfpix2pix.quality.measure import Column, compiled, generating, measure
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.tally import Result
from tfpix2pix.report import results
from tfpix2pix.report.gallery import Gallery
from tfpix2pix.report.page import error_legend, write_page
from tfpix2pix.run_dir.trained_generator import load_generator


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    values = flags.FLAGS
    groups = parse(argv[1:], values.checkpoint)
    runs = [run for group in groups.values() for run in group]
    check_alike(runs, same_data=not values.data)
    output = pathlib.Path(values.output)
    check_writable(output, "output")
    config = split.with_flags(runs[0].config)
    split_folder(config, values.split)  # refuses a missing split before anything is fetched
    at_hand, missing = metric_networks.networks_at_hand(config)
    pairs = open_split(config, values.split)
    missing |= split.too_few(pairs)
    keras.utils.set_random_seed(config.seed)
    columns, needs = {}, label_maps(pairs) if at_hand.segment else {}
    for run in runs:
        columns[run.name], needed = run_column(run, pairs)
        needs |= needed
        print(f"{run.name}: {run.folder}, step {run.step}, norm statistics {run.config.norm_statistics}", flush=True)
    names = pairs.files.names()
    with (
        tempfile.TemporaryDirectory() as drawn,
        naming_unreadable(pairs, *needs.values()),
        naming_full_disk(output, "the results"),
    ):
        shown = [group[0].name for group in groups.values()]
        gallery = Gallery(pathlib.Path(drawn), names, shown, values.report_images)
        dataset = batches_of(pairs, values.batch_size, **needs)
        batches = -(-len(pairs) // values.batch_size)
        found = measure(
            compiled(columns, at_hand),
            dataset,
            batches,
            resamples=RESAMPLES_OF_SET,
            title="comparing",
            on_batch=gallery.add,
        )
        write(output, groups, found, pairs, names, gallery, missing)
    return 0


def run_column(run: Run, pairs: Pairs) -> tuple[Column, dict[str, Pairs]]:
    """A run's column, and the pairs that its batches need.

    All are held against the same targets. A run whose images are resized in another way gets its sources as it knows
    them.
    """
    generator, _, _ = load_generator(run.folder, str(run.step), None, run.config.norm_statistics)
    if run.config.resize_method == pairs.form.resize_method:
        return generating(generator), {}
    form = dataclasses.replace(pairs.form, resize_method=run.config.resize_method)
    need = f"resized {form.resize_method}"
    return generating(generator, source=lambda batch: batch[need][0]), {need: Pairs(pairs.files, form, skipped={})}


def mean_images(runs: list[Result]) -> dict[str, np.ndarray]:
    """Metric to each image's mean over several runs."""
    return {name: np.mean([run.images[name] for run in runs], axis=0) for name in runs[0].images}


def write(
    output: pathlib.Path,
    groups: dict[str, list[Run]],
    found: dict[str, Result],
    pairs: Pairs,
    names: list[str],
    gallery: Gallery,
    missing: dict[str, str],
) -> None:
    """Writes the comparison's files, and prints its tables."""
    values = flags.FLAGS
    grouped = {name: [found[run.name] for run in group] for name, group in groups.items()}
    images = {name: mean_images(runs) for name, runs in grouped.items()}
    first, *others = grouped
    summaries = {name: results.summary(runs) for name, runs in grouped.items()}
    table, differences = results.differences_table(first, grouped)
    tables = [
        results.metrics_table("means over all images, with 95 % bootstrap intervals", summaries, len(summaries)),
        table,
    ]
    if len(found) > len(groups):
        each = {name: {m: {"mean": v} for m, v in result.means.items()} for name, result in found.items()}
        tables.append(results.metrics_table("each run by itself", each, len(each)))
    facts = {"data": values.data or groups[first][0].config.data, "split": values.split, "images": len(pairs)}
    runs = [run for group in groups.values() for run in group]
    described = {
        "fingerprint": pairs.fingerprint(),
        "metrics": summaries,
        "differences": differences,
        "missing": missing,
        "versions": results.versions(),
        "runs": {
            run.name: {"folder": str(run.folder), "step": run.step, "config": dataclasses.asdict(run.config)}
            for run in runs
        },
    }
    output.mkdir(parents=True, exist_ok=True)
    results.write_json(output / "comparison.json", facts | described)
    results.write_csv(output / "images.csv", names, found)
    cards = {
        f"{METRICS[metric].label}, {name}": values[metric]
        for metric in images[first]
        for name, values in images.items()
    }
    change = images[others[0]]["l1"] - images[first]["l1"]
    gains, _, losses = gallery.extremes(change, cards)
    write_page(
        output / "comparison.html",
        title=" against ".join([first, ", ".join(others)]),
        subtitle=f"{len(pairs)} images of {values.split}",
        facts={name: str(value) for name, value in facts.items()}
        | {run.name: f"{run.folder}, step {run.step}, norm statistics {run.config.norm_statistics}" for run in runs},
        tables=tables,
        notes=notes(len(table.columns) * len(table.rows))
        + results.notes(missing, "fid" in grouped[first][0].means, len(pairs), len(gallery.shown)),
        curves=[],
        highlights={
            f"Where {others[0]} gains most over {first}, by L1": gains,
            f"Where {others[0]} loses most against {first}": losses,
        },
        cards=gallery.cards(cards),
        count=len(gallery.shown),
        legend=error_legend(),
    )
    results.show(tables, missing)
    print(f"{output}/comparison.html, comparison.json, images.csv")


def notes(comparisons: int) -> list[str]:
    """What a reader must know to read the differences rightly."""
    lines = [
        "Intervals tell how far the means may be off because these images were drawn and not others; where several "
        "runs stand for one recipe, also because these runs were. Of a single run they do not tell how far another "
        "seed's would be off, which can be more.",
        "The error map is that of the first run.",
    ]
    if comparisons > 1:
        lines.append(f"If all {comparisons} differences were none, {comparisons / 20:.1f} would still be found clear.")
    return lines


def define_flags() -> None:
    """The options of the command."""
    flags.DEFINE_string("checkpoint", "best", "of runs that name none: best (by its best_by), latest, or a step")
    flags.DEFINE_string("output", "comparison", "folder for the results")
    flags.DEFINE_integer("report_images", 2000, "images on the page, at most", lower_bound=1)
    split.define_flags()
    metric_networks.define_flags()
    flags.adopt_module_key_flags(split)
    flags.adopt_module_key_flags(metric_networks)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
