"""The columns of a measurement: trained generators, and baselines that need no training."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import tensorflow as tf

from pipelines.images.size import Size
from pipelines.pairs import Pairs, naming_unreadable
from pipelines.storage.sample import spread_indices
from pipelines.system.terminal import InputError
from tfpix2pix.evaluation.contenders import Contender
from tfpix2pix.evaluation.subject import Subject, split_files
from tfpix2pix.quality.baselines import OtherShapeError, Training
from tfpix2pix.quality.measure import Column, generator_column
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.translation.any_size import translate_any_size

# Columns by name, and the pairs that their batches need besides the split's own.
Columns = tuple[dict[str, Column], dict[str, Pairs]]


def _translator(
    run_dir: pathlib.Path,
    step: int,
    shape: Size | None,
    norm_statistics: str | None,
    dropout_at_inference: bool = False,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Loads a checkpoint's generator, for sources of one (height, width) or, if it is None, of any."""
    size = None if shape == config_json.load(run_dir).image_size else (None, None)
    generator, config, _ = load_generator(run_dir, str(step), size, norm_statistics, dropout_at_inference)
    return functools.partial(translate_any_size, generator, step=config.multiple)


def checkpoint_column(
    run_dir: pathlib.Path,
    step: int,
    shape: Size | None,
    norm_statistics: str | None,
    dropout_at_inference: bool,
    samples: int,
) -> Column:
    """Returns the column of one checkpoint's generator.

    Args:
      run_dir: of the training.
      step: of the checkpoint.
      shape: (height, width) of all sources; None if they differ.
      norm_statistics: other than the run's.
      dropout_at_inference: whether dropout stays on.
      samples: translations of each source.
    """
    return generator_column(_translator(run_dir, step, shape, norm_statistics, dropout_at_inference), samples)


def contender_columns(contender: Contender, pairs: Pairs) -> Columns:
    """Returns the column of a contender of a comparison.

    All contenders have the same targets. One whose training resized images in another way gets its sources resized in
    that way.
    """
    config = contender.config
    translate = _translator(contender.folder, contender.step, pairs.shape, config.norm_statistics)
    form = dataclasses.replace(pairs.form, source=config.measured_format().source)
    if form == pairs.form:
        return {contender.name: generator_column(translate)}, {}
    need = f"sources of {contender.name}"
    column = generator_column(translate, source=lambda batch: batch[need][0])
    return {contender.name: column}, {need: pairs.read_by(form)}


def baseline_columns(subject: Subject, baseline_pairs: int) -> Columns:
    """Returns the source itself, the mean training target, and the target whose training source is nearest.

    Labels have the most frequent class of the training besides.

    Args:
      subject: what is measured; what it has no baseline for is added to its `missing`.
      baseline_pairs: training pairs that are read, at most.
    """
    config, pairs, missing = subject.config, subject.pairs, subject.missing
    columns: dict[str, Column] = {}
    if config.source_labels != config.target_labels:
        missing["the identity"] = "source and target are not of one kind"
    elif config.source_channels != config.target_channels:
        missing["the identity"] = "source and target have different numbers of channels"
    else:
        # Of a slice with its neighbors the slice itself.
        first = config.source_context * config.source_channels
        columns["identity"] = lambda batch: [batch["source"][..., first : first + config.source_channels]]
    frequent_too = ", the most frequent class" if config.target_labels else ""
    left_out = f"the mean target{frequent_too} and the nearest neighbor"
    if not pairs.shape:
        missing[left_out] = "they need pictures of one shape, and these differ"
        return columns, {}
    try:
        files = split_files(config, "train", is_asked_for=bool(subject.options.data))
    except InputError as error:
        missing[left_out] = str(error)
        return columns, {}
    try:
        training = Training(pairs.form, files.select(spread_indices(len(files), baseline_pairs)), pairs.shape)
    except OtherShapeError as error:
        missing[left_out] = f"they need pictures of one shape, and {error}"
        return columns, {}
    mean = training.mean_target()
    columns["mean target"] = lambda batch: [tf.broadcast_to(mean, tf.shape(batch["target"]))]
    if config.target_labels:
        frequent = training.most_frequent_class()
        columns["most frequent class"] = lambda batch: [tf.broadcast_to(frequent, tf.shape(batch["target"]))]
    columns["nearest neighbor"] = lambda batch: [batch["nearest"][1]]
    with naming_unreadable(pairs):
        return columns, {"nearest": training.nearest(pairs)}
