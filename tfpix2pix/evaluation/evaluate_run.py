"""Measures the checkpoints of one run on a split, beside baselines; what the command `evaluate` calls."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from pipelines.system.disk import check_writable, naming_full_disk, write_whole
from pipelines.system.links import refuse_links
from pipelines.system.terminal import InputError, check_value, one_line
from tfpix2pix.config import Config
from tfpix2pix.evaluation.columns import baseline_columns, checkpoint_column
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.passes import Pass
from tfpix2pix.evaluation.subject import Subject, open_subject
from tfpix2pix.evaluation.write_results import Findings, worse_by, write_results
from tfpix2pix.exported.model_file import ModelFile
from tfpix2pix.exported.open_model import open_model
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.quality.metrics import METRICS, ORDERED_BY
from tfpix2pix.report import plots
from tfpix2pix.report.conclusion import of_evaluation
from tfpix2pix.report.gallery import SOURCE, TARGET, Gallery
from tfpix2pix.report.pictures import row
from tfpix2pix.run_dir import config_json, data_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.history import changes
from tfpix2pix.run_dir.log_jsonl import SIGNS, read_log
from tfpix2pix.run_dir.run_facts import run_facts

# Images that stand for the others: of each, source, generated image and target become a picture beside the page.
EXAMPLES = ("best", "median", "worst")


def evaluate(
    run_dir: str | pathlib.Path,
    *,
    checkpoint: str | int = "best",
    output: str | pathlib.Path | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    samples: int = 1,
    baselines: bool = True,
    baseline_pairs: int = 2000,
    models: Sequence[str | pathlib.Path] = (),
    **measured: Any,
) -> dict[str, float]:
    """Measures a run's generator on every image of a split, and writes a report.

    Args:
      run_dir: a training's run directory; everything else is read from its config.json.
      checkpoint: `best` (by the run's best_by), `latest`, a step, or `all` that were kept.
      output: folder for metrics.json, images.csv, report.html and its examples best.webp, median.webp
        and worst.webp; RUN_DIR/evaluation/SPLIT-STEP if None.
      norm_statistics: what batch norm uses, `image` or `moving`; as in the run's config if None.
      dropout_at_inference: keeps dropout on, the paper's noise.
      samples: translations of each source; they differ only by dropout.
      baselines: whether to measure the source, the mean training target and the nearest training neighbor too.
      baseline_pairs: training pairs that the baselines read, at most.
      models: exported files (.tflite, .onnx or a SavedModel), measured beside the run on the same images.
      **measured: fields of MeasureOptions, as `evaluate --help` explains them: split, data, bad_images, max_pixels,
        batch_size, features, inception_weights, alexnet_weights, lpips_weights, segmenter, label_colors, report_images.

    Returns:
      Metric to value, of the checkpoint; of `all`, of the best one.

    Raises:
      InputError: there is no such run, checkpoint, split or file, or a value is not allowed.
    """
    options = MeasureOptions(**measured)
    run_dir = pathlib.Path(run_dir)
    config = config_json.load(run_dir)
    if norm_statistics is not None:
        check_value("norm_statistics", norm_statistics, choices=NORM_STATISTICS)
        config = dataclasses.replace(config, norm_statistics=norm_statistics)
    check_value("baseline_pairs", baseline_pairs, least=1)
    check_samples(config, samples, dropout_at_inference)
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    leader = checkpoints.choose("best" if checkpoint == "all" else str(checkpoint))
    # The leader first: its errors are shown.
    steps = [leader, *(step for step in checkpoints.steps() if checkpoint == "all" and step != leader)]
    name = folder_name(options, "all" if checkpoint == "all" else str(leader), norm_statistics, dropout_at_inference)
    if not output:
        check_own_folder(run_dir / "evaluation")
    output = pathlib.Path(output or run_dir / "evaluation" / name)
    check_writable(output, "output")
    exported = open_models(models)
    subject = open_subject(config, options, data_json.load_aspects(run_dir))
    columns = {
        f"step {step}": checkpoint_column(
            run_dir, step, subject.pairs.shape, norm_statistics, dropout_at_inference, samples
        )
        for step in steps
    }
    opened = Pass(subject, config.measured_at, columns)
    for name, model in exported.items():
        opened.add_model(name, model)
    others, needs = baseline_columns(subject, baseline_pairs) if baselines else ({}, {})
    if subject.networks.segment or subject.networks.target_palette:
        # The target's own score is the most that a generated image can reach: networks and resizing make mistakes too.
        others = {"target itself": lambda batch: [batch["target"]], **others}
    which = checkpoints.words(leader) if len(steps) == 1 else ", ".join(columns)
    print(f"{len(subject.pairs)} images of {options.split}, {config.measured_at}: {which}", flush=True)
    facts = {
        "run_dir": str(run_dir),
        "data": subject.config.data_words,
        "split": options.split,
        "images": len(subject.pairs),
        "measured": config.measured_at,
        "skipped": len(subject.pairs.skipped),
        "checkpoints": [checkpoints.name(step) for step in steps],
        **({"models": [str(path) for path in models]} if models else {}),
        "norm_statistics": config.norm_statistics,
        "dropout_at_inference": "on" if dropout_at_inference else "off",
        "samples": samples,
    }
    about = {name: text for name, text in run_facts(run_dir, config).items() if name != "data"}
    print(one_line("; ".join(f"{name}: {text}" for name, text in about.items())), flush=True)
    with tempfile.TemporaryDirectory() as drawn, naming_full_disk(output, "the results"):
        gallery = Gallery(
            pathlib.Path(drawn), subject.pairs.files.names(), list(columns), options.report_images, subject.displays()
        )
        found = subject.measure(columns | others, needs, gallery.add, models=opened.models)
        groups = {name: [result] for name, result in found.items()}
        findings = Findings(output, "report.html", "metrics.json", found, groups, marked=len(columns))
        images = found[findings.first].images
        values = {METRICS[metric].label: array for metric, array in images.items()}
        order = ORDERED_BY[config.target_kind]
        extremes = gallery.extremes(worse_by(images, order), values)
        label = METRICS[order].label
        examples = {word: part[0] for word, part in zip(EXAMPLES, extremes, strict=True) if part}
        means = write_results(
            findings,
            subject,
            gallery,
            title=f"{run_dir.name}, {options.split}",
            subtitle=f"{findings.first}, {len(subject.pairs)} images, {config.measured_at}",
            conclusion=lambda _: of_evaluation(groups, config.target_kind, f"the generator of {findings.first}"),
            facts=facts,
            page_facts=about,
            details={
                "run": about,
                "signs": signs_at(run_dir, leader),
                "examples": {word: {"image": card.name, **card.values} for word, card in examples.items()},
                "config": dataclasses.asdict(subject.config),
            },
            notes=notes(findings.first, len(steps), samples, subject),
            values=values,
            highlights=dict(zip((f"{word.capitalize()} by {label}" for word in EXAMPLES), extremes, strict=True)),
            curves=plots.panels(read_log(run_dir), changes(run_dir)),
        )
        for word, card in examples.items():
            # The source, then the leader's results.
            first = list(card.cells)[1]
            write_whole(output / f"{word}.webp", row([card.cells[title] for title in (SOURCE, first, TARGET)]))
    return means[findings.first]


def signs_at(run_dir: pathlib.Path, step: int) -> dict[str, float]:
    """Returns the signs of failure that validation saw at a step, by name; none if it was not validated then."""
    return {
        name.removeprefix(SIGNS): value
        for record in read_log(run_dir)
        if record["step"] == step
        for name, value in record.items()
        if name.startswith(SIGNS)
    }


def open_models(paths: Sequence[str | pathlib.Path]) -> dict[str, ModelFile]:
    """Opens exported files, by the names that they have in tables.

    Raises:
      InputError: one of them cannot be opened, or two have one name.
    """
    found: dict[str, ModelFile] = {}
    for path in paths:
        if (name := model_name(path)) in found:
            raise InputError(f"models has {name} twice; leave one out, or rename it")
        found[name] = open_model(pathlib.Path(path))
    return found


def model_name(path: str | pathlib.Path) -> str:
    """Returns what an exported file is called in tables: its name; of a version, the model's before it."""
    path = pathlib.Path(path)
    return f"{path.parent.name}/{path.name}" if path.name.isdecimal() else path.name


def check_samples(config: Config, samples: int, dropout_at_inference: bool) -> None:
    """Raises InputError if a run would translate a source into equal images."""
    check_value("samples", samples, least=1)
    if samples > 1 and not (dropout_at_inference and config.dropout):
        raise InputError(
            f"samples={samples}: all translations of a source would be equal; they differ only with "
            "--dropout_at_inference, and for a run that has dropout"
        )


def check_own_folder(folder: pathlib.Path) -> None:
    """Raises InputError if what is written into a folder of the run directory would land elsewhere."""
    if folder.is_symlink():
        raise InputError(f"{folder} is a link, and results would land where it leads to; give --output=FOLDER")
    refuse_links(folder, "output")


def folder_name(options: MeasureOptions, step: str, norm_statistics: str | None, dropout_at_inference: bool) -> str:
    """Returns a name such as `val-8000` or `test-all-moving-dropout-others`: it says all that makes numbers differ."""
    parts = [options.split, step]
    parts += [norm_statistics] if norm_statistics else []
    parts += ["dropout"] if dropout_at_inference else []
    parts += [pathlib.Path(options.data).name] if options.data else []
    return "-".join(parts)


def notes(leader: str, checkpoints: int, samples: int, subject: Subject) -> list[str]:
    """Returns what a reader must know to read the page rightly."""
    lines = []
    if checkpoints > 1:
        best_by = METRICS[subject.config.best_by].label
        lines.append(
            f"{leader} is the best by validation {best_by}. Metrics beside images, their order and the errors belong "
            "to it. It looks better on the images by which it was chosen than on others."
        )
    if samples > 1:
        lines.append("Metrics are means over the translations of a source; the error is that of the first.")
    if subject.options.split == "train":
        lines.append("The mean target has seen the targets of this split.")
    return lines
