"""Measures a trained generator on a whole split, in numbers and pictures.

    python -m tfpix2pix.evaluate --run_dir=runs/facades
    python -m tfpix2pix.evaluate --run_dir=runs/facades --split=test --checkpoint=all

Data, size, direction and channels are read from the run directory. RUN_DIR/evaluation/SPLIT-STEP gets metrics.json,
images.csv with every image's metrics, and report.html, one file that opens from disk.
"""

import dataclasses
import pathlib
import tempfile
import time

import keras
import tensorflow as tf
from absl import flags

from pipelines.pairs import Pairs, naming_unreadable
from pipelines.storage.sample import spread
from pipelines.storage.shards import open_files
from pipelines.system import terminal
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.evaluation import metric_networks, split
from tfpix2pix.evaluation.split import batches_of, label_maps, open_split, split_folder
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.quality.baselines import Training
from tfpix2pix.quality.bootstrap import RESAMPLES_OF_SET
from tfpix2pix.quality.measure import Batch, Column, Networks, compiled, generating, measure
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.report import plots, results
from tfpix2pix.report.gallery import Gallery
from tfpix2pix.report.page import error_legend, write_page
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.journal import read_log
from tfpix2pix.run_dir.trained_generator import load_generator


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    run_dir = pathlib.Path(values.run_dir)
    config = config_of(run_dir)
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    best = checkpoints.choose("best" if values.checkpoint == "all" else values.checkpoint)
    # The best first: its errors are shown.
    steps = [best, *(step for step in checkpoints.steps() if values.checkpoint == "all" and step != best)]
    output = pathlib.Path(values.output or run_dir / "evaluation" / folder_name(best))
    check_writable(output, "output")
    split_folder(config, values.split)  # before anything is fetched
    at_hand, missing = metric_networks.networks_at_hand(config)
    pairs = open_split(config, values.split)
    missing |= split.too_few(pairs)
    keras.utils.set_random_seed(config.seed)
    with naming_unreadable(pairs):
        columns = {f"step {step}": checkpoint_column(run_dir, step) for step in steps}
        needs = label_maps(pairs) if at_hand.segment else {}
        # What the segmenter makes of real photos is the most that generated ones can reach.
        baselines = {"target itself": lambda batch: [batch["target"]]} if at_hand.segment else {}
        if values.baselines:
            others, nearest = baseline_columns(config, pairs, missing)
            baselines |= others
            needs |= nearest
        dataset = batches_of(pairs, values.batch_size, **needs)
        with naming_unreadable(*needs.values()), naming_full_disk(output, "the results"):
            evaluate(config, run_dir, output, pairs, dataset, columns, baselines, at_hand, missing)
    return 0


def config_of(run_dir: pathlib.Path) -> Config:
    """The run's config, and what the flags say otherwise.

    Raises:
      InputError: there is none, or the flags contradict it.
    """
    config, values = config_json.load(run_dir), flags.FLAGS
    config = split.with_flags(config)
    if values.norm_statistics:
        config = dataclasses.replace(config, norm_statistics=values.norm_statistics)
    if values.samples > 1 and not (values.dropout_at_inference and config.dropout):
        raise InputError(
            f"samples={values.samples}: all translations of a source would be equal; only --dropout_at_inference makes "
            "them differ, with a run that has dropout"
        )
    return config


def folder_name(step: int) -> str:
    """Such as `val-8000`, or `test-all-moving-dropout-others`: what makes numbers differ is in the name."""
    values = flags.FLAGS
    parts = [values.split, "all" if values.checkpoint == "all" else str(step)]
    parts += [values.norm_statistics] if values.norm_statistics else []
    parts += ["dropout"] if values.dropout_at_inference else []
    parts += [pathlib.Path(values.data).name] if values.data else []
    return "-".join(parts)


def checkpoint_column(run_dir: pathlib.Path, step: int) -> Column:
    """A checkpoint's generator as a column."""
    values = flags.FLAGS
    generator, _, _ = load_generator(run_dir, str(step), None, values.norm_statistics, values.dropout_at_inference)
    return generating(generator, values.samples)


def baseline_columns(
    config: Config, pairs: Pairs, missing: dict[str, str]
) -> tuple[dict[str, Column], dict[str, Pairs]]:
    """The columns that need no learning, and the pairs that their batches need; adds to `missing` what cannot be."""
    columns = {}
    if config.source_channels == config.target_channels:
        columns["identity"] = lambda batch: [batch["source"]]
    else:
        missing["the identity"] = "source and target have different numbers of channels"
    try:
        files = open_files(split_folder(config, "train"))
    except InputError as error:
        missing["the mean target and the nearest neighbour"] = str(error)
        return columns, {}
    training = Training(pairs.form, files.select(spread(len(files), flags.FLAGS.baseline_pairs)))
    mean = training.mean_target()
    columns["mean target"] = lambda batch: [tf.broadcast_to(mean, tf.shape(batch["target"]))]
    columns["nearest neighbour"] = lambda batch: [batch["nearest"][1]]
    return columns, {"nearest": training.nearest(pairs)}


def evaluate(
    config: Config,
    run_dir: pathlib.Path,
    output: pathlib.Path,
    pairs: Pairs,
    dataset: tf.data.Dataset,
    columns: dict[str, Column],
    baselines: dict[str, Column],
    at_hand: Networks,
    missing: dict[str, str],
) -> None:
    """Measures all columns in one pass, and writes what was found.

    Args:
      config: the run's.
      run_dir: whose training curves are shown.
      output: a folder that can be made.
      pairs: the split.
      dataset: its batches.
      columns: the checkpoints.
      baselines: the baselines.
      at_hand: what some metrics need.
      missing: what is left out, and why.
    """
    options = flags.FLAGS
    names = pairs.files.names()
    batches = -(-len(pairs) // options.batch_size)
    facts = {
        "run_dir": str(run_dir),
        "data": config.data,
        "split": options.split,
        "images": len(pairs),
        "skipped": len(pairs.skipped),
        "checkpoints": list(columns),
        "norm_statistics": config.norm_statistics,
        "dropout_at_inference": "on" if options.dropout_at_inference else "off",
        "samples": options.samples,
        "versions": results.versions(),
    }
    print(f"{len(pairs)} images of {options.split}: {', '.join(columns)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(pathlib.Path(folder), names, list(columns), options.report_images)
        done = [(0, time.monotonic())]

        def on_batch(first: int, batch: Batch, generated: dict) -> None:
            gallery.add(first, batch, generated)
            done.append((first + len(batch["target"]), time.monotonic()))

        found = measure(
            compiled(columns | baselines, at_hand), dataset, batches, resamples=RESAMPLES_OF_SET, on_batch=on_batch
        )
        summaries = {name: results.summary([result]) for name, result in found.items()}
        leader = next(iter(columns))
        differences, numbers = results.differences_table(leader, {name: [result] for name, result in found.items()})
        details = {"missing": missing, "fingerprint": pairs.fingerprint(), "config": dataclasses.asdict(config)}
        output.mkdir(parents=True, exist_ok=True)
        results.write_json(output / "metrics.json", facts | {"metrics": summaries, "differences": numbers} | details)
        results.write_csv(output / "images.csv", names, found)
        table = results.metrics_table("means over all images, with 95 % bootstrap intervals", summaries, len(columns))
        values = {METRICS[name].label: array for name, array in found[leader].images.items()}
        extremes = gallery.extremes(found[leader].images["l1"], values)
        write_page(
            output / "report.html",
            title=f"{run_dir.name}, {options.split}",
            subtitle=f"{leader}, {len(pairs)} images",
            facts={name.replace("_", " "): as_words(value) for name, value in facts.items()},
            tables=[table, differences],
            notes=notes(leader, len(columns), config.best_by)
            + results.notes(missing, "fid" in found[leader].means, len(pairs), len(gallery.shown)),
            curves=plots.panels(read_log(run_dir)),
            highlights=dict(zip(("Best by L1", "Median by L1", "Worst by L1"), extremes, strict=True)),
            cards=gallery.cards(values),
            count=len(gallery.shown),
            legend=error_legend(),
        )
    results.show([table, differences], missing)
    if len(done) > 2:
        print(f"{images_per_second(done):.1f} images/s")
    print(f"{output}/report.html, metrics.json, images.csv")


def as_words(value: object) -> str:
    """A fact as the page shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def images_per_second(done: list[tuple[int, float]]) -> float:
    """The speed from (images, seconds) at the start and after each batch, without the first one, which traces."""
    (first, start), (last, end) = done[1], done[-1]
    return (last - first) / max(end - start, 1e-9)


def notes(leader: str, checkpoints: int, best_by: str) -> list[str]:
    """What a reader must know to read the page rightly."""
    lines = []
    if checkpoints > 1:
        lines.append(
            f"{leader} is the best by validation {METRICS[best_by].label}; metrics beside images, their order and "
            "their errors are its. On the images by which a checkpoint was chosen it looks better than on others."
        )
    if flags.FLAGS.samples > 1:
        lines.append("Metrics are means over the translations of a source; the error is that of the first.")
    if flags.FLAGS.split == "train":
        lines.append("The mean target has seen the targets of this split.")
    return lines


def define_flags() -> None:
    """The options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, a step, or all that were kept")
    flags.DEFINE_string("output", "", "folder for the results; default: RUN_DIR/evaluation/SPLIT-STEP")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    flags.DEFINE_integer("samples", 1, "translations of each source, with dropout on; tells their diversity", 1)
    flags.DEFINE_bool("baselines", True, "measure identity, mean target and nearest training neighbour too")
    flags.DEFINE_integer("baseline_pairs", 2000, "training pairs that the baselines look at, at most", lower_bound=1)
    flags.DEFINE_integer("report_images", 2000, "images on the report's page, at most", lower_bound=1)
    split.define_flags()
    metric_networks.define_flags()
    flags.adopt_module_key_flags(split)
    flags.adopt_module_key_flags(metric_networks)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
