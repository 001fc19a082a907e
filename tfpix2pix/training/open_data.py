"""Opens the data of a training, and makes sure of everything about it before the first step."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import tensorflow as tf

from pipelines.datasets.findings import find
from pipelines.datasets.survey import survey_sample
from pipelines.images import codecs
from pipelines.images.choices import NUMBER_TYPES
from pipelines.images.color import Color
from pipelines.images.header import BadImageError
from pipelines.images.label_colors import Palette, format_palette
from pipelines.images.packed_pair import is_packed, unpack
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import format_size
from pipelines.pairs import Pairs, open_pairs
from pipelines.storage.image_set import Readable
from pipelines.storage.sample import spread_indices
from pipelines.storage.validity import read_file
from pipelines.system.terminal import InputError, one_line, print_warning
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.evaluation.metric_networks import check_named, networks_for
from tfpix2pix.quality.measure import Networks
from tfpix2pix.quality.metrics import MIN_SIDES
from tfpix2pix.quality.pretrained.vgg import Vgg19, check_file
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.lost_pairs import Lost

Result = TypeVar("Result")

# Targets whose type stands for that of all.
SAMPLED_TARGETS = 8


@dataclasses.dataclass(frozen=True)
class Data:
    """Holds what a training reads.

    Attributes:
      train: at load_size.
      val: whole pictures at the scale of training, as Config.measured_format has it.
      lost: records the pairs that get lost during the training.
      networks: for the metrics of validation; None where another worker validates.
    """

    train: Pairs
    val: Pairs
    lost: Lost
    networks: Networks | None


def agree_on_config(config: Config, workers: Workers) -> None:
    """Raises InputError, on all workers, if they were started with different options."""
    if not workers.have_same(config.without_machine_options().to_json()):
        raise InputError("workers were started with different options; give all of them the same command")


def check_weights_files(config: Config) -> None:
    """Raises InputError if training needs a file of weights that an option names, and it is not there; fetches none."""
    check_named(config)
    if config.perceptual_weight:
        check_file(config.vgg_weights)


def open_data(config: Config, run_dir: pathlib.Path, workers: Workers, may_change: bool = False) -> Data:
    """Opens the data on all workers, and checks that they have the same.

    Args:
      config: of the run.
      run_dir: need not exist.
      workers: each of them opens the data.
      may_change: whether the run takes the data as it is now, without the pairs that were lost.

    Raises:
      InputError: on all workers, if one of them cannot train.
    """
    workers.on_chief(lambda: check_weights_files(config))
    networks = workers.on_chief(lambda: networks_for(config))
    if config.perceptual_weight:
        # Each worker will make one. The chief fetches its weights first: the workers may share the folder.
        workers.on_chief(lambda: Vgg19(config.vgg_weights))
        if workers.count > 1:
            workers.together(lambda: Vgg19(config.vgg_weights))
    if workers.count > 1:
        # The chief fetches a named data set first: the workers may share the folder.
        workers.on_chief(config.open_dataset)
    lost = Lost(run_dir)
    train, val = workers.together(lambda: open_splits(config, run_dir, lost, may_change))
    if not workers.have_same(train.fingerprint()):
        raise InputError(f"data={train.files} differs between workers in its training pairs; give all the same files")
    if not (run_dir / data_json.DATA_FILE).exists():
        workers.on_chief(lambda: warn(config, train, val))
    return Data(train, val, lost, networks)


def warn(config: Config, train: Pairs, val: Pairs | None) -> None:
    """Prints what is odd about some training pairs, and about files that are in both splits."""
    survey = survey_sample(train.files, train.form)
    for words in find(survey, target_mask=config.target_mask):
        print_warning(f"of {len(survey)} training pairs: {words}")
    if config.target_labels and len(classes := _classes_of(train)) < 2:
        print_warning(
            f"the targets have {len(classes)} of {config.target_labels} classes, and 255 is no class: if their numbers "
            "are colors, such as black and white, give --label_colors=#000000,#ffffff"
        )
    resized, form = train.files.load_size, train.form
    if resized and (resized != form.size or form.preprocess != "resize_and_crop"):
        print_warning(
            f"the training pairs were resized to {format_size(resized)} when they were sharded, and load_size is "
            f"{format_size(form.size)} with preprocess={form.preprocess}; make other shards"
        )
    elif (made := train.files.resize_methods) and made != (asked := _resize_methods(form)):
        print_warning(
            f"the training pairs were resized by {' and '.join(made)} when they were sharded, and the options ask for "
            f"{' and '.join(asked)}, which does nothing here; make other shards, or give the same"
        )
    if val is None:
        return
    digests = {identity.digest for identity in train.files.identities()}
    if seen := [identity.name for identity in val.files.identities() if identity.digest in digests]:
        print_warning(f"{len(seen)} of {len(val)} validation pairs are training pairs too, such as {seen[0]}")


def _resize_methods(form: PairFormat) -> tuple[str, str]:
    """Returns by which A and B are resized."""
    source, target = form.source.resize_method, form.target.resize_method
    return (source, target) if form.direction == "AtoB" else (target, source)


def _classes_of(train: Pairs) -> set[int]:
    """Returns the classes of some targets."""

    def classes(file: Readable, form: PairFormat) -> list[int]:
        _, target = read_file(file, lambda raw: form.read(tf.constant(raw)), form.max_pixels)
        return np.flatnonzero(target.numpy().any((0, 1))).tolist()

    return {index for found in _of_sample(train, classes) for index in found}


def with_target_type(config: Config, train: Pairs) -> Config:
    """Fills in target_type, if it is auto, from the files of the training's targets."""
    if config.target_type != "auto":
        return config
    if config.target_labels:
        return dataclasses.replace(config, target_type="uint8")
    found = _of_sample(train, _target_type)
    # The widest of them; of integers that no type of results holds, floats.
    widest = np.result_type(*found).name if found else "uint8"
    return dataclasses.replace(config, target_type=widest if widest in NUMBER_TYPES else "float32")


def with_target_palette(config: Config, train: Pairs) -> Config:
    """Fills in target_palette, if no option names colors, from the palette of the training's targets, if it has one."""
    if not config.target_labels or config.target_palette or config.label_colors:
        return config
    found = _of_sample(train, _target_colors)
    if not found:
        return config
    colors = (found[0] or [])[: config.target_labels]
    # Colors of other files, or alike for two classes, would mislead.
    if found.count(found[0]) < len(found) or len({*colors}) < config.target_labels:
        return config
    palette = Palette({str(number): color for number, color in enumerate(colors)})
    return dataclasses.replace(config, target_palette=format_palette(palette))


def _of_sample(train: Pairs, look: Callable[[Readable, PairFormat], Result]) -> list[Result]:
    """Returns what `look` says of some pairs. A lost pair, whose file may be gone, says nothing."""
    found = []
    for index in spread_indices(len(train), SAMPLED_TARGETS):
        with contextlib.suppress(BadImageError):
            found.append(look(train.files[index], train.form))
    return found


def _target_type(file: Readable, form: PairFormat) -> np.dtype:
    """Returns the type of the numbers in a pair's target.

    Raises:
      InputError: the file uses fewer bits than the type has, so that results would have other numbers.
    """
    found = codecs.probe(_target_file(file, form), form.target.axes)
    if found.bits < 8 * found.dtype.itemsize and form.target.value_range is None:
        raise InputError(
            f"{file}: its target has {found.bits} bits, and results would have {8 * found.dtype.itemsize}; give "
            f"--target_range=0,{2**found.bits - 1}"
        )
    return np.dtype(np.uint8) if found.dtype.kind == "b" else found.dtype


def _target_colors(file: Readable, form: PairFormat) -> list[Color] | None:
    """Returns the palette of a pair's target."""
    return codecs.palette(_target_file(file, form))


def _target_file(file: Readable, form: PairFormat) -> bytes:
    """Returns the file of a pair's target, or that of both sides."""
    contents = read_file(file, bytes, form.max_pixels)
    return unpack(contents)[form.direction == "AtoB"] if is_packed(contents) else contents


def open_splits(config: Config, run_dir: pathlib.Path, lost: Lost, may_change: bool = False) -> tuple[Pairs, Pairs]:
    """Opens train at load_size and val whole at the scale of training, after it has read every file in them once."""
    dataset = config.open_dataset()
    train, val = (dataset.split(split) for split in ("train", "val"))
    for line in dataset.summary("train", "val"):
        print(one_line(line))
    splits, without = [], {pair.index: pair for pair in lost.load()}
    if may_change:
        without = {}
    elif config.bad_images == "skip":
        for pair in data_json.missing_pairs(run_dir, train):
            if pair.index not in without:
                without[pair.index] = pair
                place = train.folder / pair.name
                print(one_line(f"lost {place}: it is gone since the run began; another pair replaces it"))
    for files, form, kept in ((train, config.train_format(), [*without.values()]), (val, config.measured_format(), [])):
        pairs = open_pairs(files, form, config.bad_images, config.cache_mib, kept)
        if pairs.skipped:
            print(f"skipped {len(pairs.skipped)} bad files in {files}:")
            for file, reason in pairs.skipped.items():
                print(f"  {one_line(f'{file}: {reason}')}")
        if pairs.lost:
            print(f"{len(pairs.lost)} pairs in {files} were lost before, and others replace them")
        splits.append(pairs)
    if may_change and (before := lost.load()) and data_json.is_known(run_dir, splits[0]):
        # The data is as it was, so what replaced a pair that was lost goes on replacing it.
        splits[0] = splits[0].without({pair.index: pair for pair in before})
    if config.batch_size > len(splits[0]):
        raise InputError(
            f"batch_size={config.batch_size} is more than the {len(splits[0])} pairs in {train}; give a smaller one"
        )
    steps = len(splits[0]) // config.batch_size * config.epochs
    if config.warmup_steps > steps:
        raise InputError(
            f"warmup_steps={config.warmup_steps} is more than the {steps} steps of the training, which would not reach "
            "its learning_rate; give fewer"
        )
    if splits[1].min_side < (needed := MIN_SIDES.get(config.best_by, 0)):
        raise InputError(
            f"best_by={config.best_by} needs images with sides of {needed} or more, and one in {val} has "
            f"{splits[1].min_side}; give best_by=l1 or psnr"
        )
    return splits[0], splits[1]
