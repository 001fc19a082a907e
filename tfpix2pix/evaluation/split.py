"""A split of a run's data, as its validation sees it."""

import dataclasses

import tensorflow as tf
from absl import flags

from pipelines.datasets import locate
from pipelines.images.size import define_max_pixels
from pipelines.loader import eval_dataset
from pipelines.pairs import Pairs, open_pairs
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config

# A split that needs no more than this is read once, a larger one from its files each time: memory stays bounded.
CACHE_MIB = 64


def split_folder(config: Config, split: str) -> AnyPath:
    """The folder of a split of the run's data, such as `val` or `test`.

    Raises:
      InputError: there is no such data set, or no such split in it.
    """
    folder = locate.dataset_folder(config.data, config.data_dir, make=bool(flags.FLAGS.data))
    if not (folder / split).is_dir():
        there = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir())) or "no folders at all"
        raise InputError(f"split={split} is not in {folder}, which has {there}; give another --split, or --data")
    return folder / split


def open_split(config: Config, split: str) -> Pairs:
    """Opens a split in the run's own format, after every file in it was read once.

    Raises:
      InputError: there is no such split, or it has bad files that the run would not skip.
    """
    folder = split_folder(config, split)
    return open_pairs(folder, config.pair_format(), config.bad_images, min(config.cache_mib, CACHE_MIB))


def label_maps(pairs: Pairs) -> dict[str, Pairs]:
    """The pairs once more, as `labels`, resized by what does not mix the colours of label maps."""
    return {"labels": Pairs(pairs.files, dataclasses.replace(pairs.form, resize_method="nearest"), skipped={})}


def batches_of(pairs: Pairs, batch_size: int, **others: Pairs) -> tf.data.Dataset:
    """Batches by name: `source` and `target` of the pairs, and what the columns of `measure` need besides.

    Args:
      pairs: of the split.
      batch_size: images at a time; the last batch may be smaller.
      **others: as many pairs, in the same order; each gives its `(source, target)` under its name.
    """
    datasets = [eval_dataset(each, batch_size) for each in (pairs, *others.values())]
    return tf.data.Dataset.zip(tuple(datasets)).map(
        lambda pair, *rest: {"source": pair[0], "target": pair[1], **dict(zip(others, rest, strict=True))}
    )


def too_few(pairs: Pairs) -> dict[str, str]:
    """The metrics that so few images do not have, and why."""
    return {} if len(pairs) > 1 else {"FID and KID": "a single image has no distribution"}


def with_flags(config: Config) -> Config:
    """The run's config with the data, and what becomes of bad files in it, that the flags ask for."""
    values = flags.FLAGS
    return dataclasses.replace(
        config,
        data=values.data or config.data,
        bad_images=values.bad_images or config.bad_images,
        max_pixels=values.max_pixels or config.max_pixels,
    )


def define_flags() -> None:
    """The options of all commands that measure a split."""
    flags.DEFINE_string("split", "val", "folder of the data set, such as val or test")
    flags.DEFINE_string("data", "", "another data set than the run's own: a name, or a folder that holds the split")
    flags.DEFINE_enum("bad_images", None, ("fail", "skip"), "if a file is no pair; default: as in the run's config")
    define_max_pixels(None)
    flags.DEFINE_integer("batch_size", 8, "images at a time", lower_bound=1)
