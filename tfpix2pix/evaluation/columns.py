"""The columns of a measurement: trained generators, and baselines that need no training."""

import dataclasses
import pathlib

import tensorflow as tf

from pipelines.pairs import Pairs, naming_unreadable
from pipelines.storage.sample import spread_indices
from pipelines.system.terminal import InputError
from tfpix2pix.evaluation.contenders import Contender
from tfpix2pix.evaluation.subject import Subject, split_files
from tfpix2pix.quality.baselines import Training
from tfpix2pix.quality.measure import Column, generator_column
from tfpix2pix.run_dir.trained_generator import load_generator

# Columns by name, and the pairs that their batches need besides the split's own.
Columns = tuple[dict[str, Column], dict[str, Pairs]]


def checkpoint_column(
    run_dir: pathlib.Path, step: int, norm_statistics: str | None, dropout_at_inference: bool, samples: int
) -> Column:
    """Returns the column of one checkpoint's generator.

    Args:
      run_dir: of the training.
      step: of the checkpoint.
      norm_statistics: other than the run's.
      dropout_at_inference: whether dropout stays on.
      samples: translations of each source.
    """
    generator, _, _ = load_generator(run_dir, str(step), None, norm_statistics, dropout_at_inference)
    return generator_column(generator, samples)


def contender_columns(contender: Contender, pairs: Pairs) -> Columns:
    """Returns the column of a contender of a comparison.

    All contenders have the same targets. One whose training resized images in another way gets its sources resized in
    that way.
    """
    config = contender.config
    generator, _, _ = load_generator(contender.folder, str(contender.step), None, config.norm_statistics)
    form = dataclasses.replace(pairs.form, source=config.pair_format().source)
    if form == pairs.form:
        return {contender.name: generator_column(generator)}, {}
    need = f"sources of {contender.name}"
    column = generator_column(generator, source=lambda batch: batch[need][0])
    return {contender.name: column}, {need: Pairs(pairs.files, form, skipped={})}


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
        columns["identity"] = lambda batch: [batch["source"]]
    try:
        files = split_files(config, "train", is_asked_for=bool(subject.options.data))
    except InputError as error:
        missing["the mean target and the nearest neighbor"] = str(error)
        return columns, {}
    training = Training(pairs.form, files.select(spread_indices(len(files), baseline_pairs)))
    mean = training.mean_target()
    columns["mean target"] = lambda batch: [tf.broadcast_to(mean, tf.shape(batch["target"]))]
    if config.target_labels:
        frequent = training.most_frequent_class()
        columns["most frequent class"] = lambda batch: [tf.broadcast_to(frequent, tf.shape(batch["target"]))]
    columns["nearest neighbor"] = lambda batch: [batch["nearest"][1]]
    with naming_unreadable(pairs):
        return columns, {"nearest": training.nearest(pairs)}
