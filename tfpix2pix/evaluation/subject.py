"""What a measurement is made on: a split of a data set, and the networks that some metrics need."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.datasets.layout import Dataset
from pipelines.images.display import Display
from pipelines.loader import eval_dataset, whole_batch_size
from pipelines.pairs import Pairs, naming_unreadable, open_pairs
from pipelines.storage.image_set import ImageSet
from pipelines.storage.kind import Aspects, warn_of_single_images
from pipelines.system.terminal import one_line
from tfpix2pix.config import Config
from tfpix2pix.evaluation.label_palettes import by_nearest, check_sources, class_names, palette_of_targets
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.metric_networks import available_networks, without_small
from tfpix2pix.quality.bootstrap import RESAMPLES_OF_SET
from tfpix2pix.quality.measure import Batch, Column, Networks, compile_columns, measure
from tfpix2pix.quality.tally import Result

# A split that needs no more than this is kept in memory; a larger one is read again each time.
CACHE_MIB = 64
# The name in a batch of pairs whose sources are shown instead of those of the pairs.
SOURCES = "sources"
# Options that stand in the run's config too, and count instead of it if they are given.
OVERRIDES = ("data", "bad_images", "max_pixels", "inception_weights", "alexnet_weights", "lpips_weights")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A split that is open, and the networks that measure it.

    Attributes:
      config: the run's, with the data and the weights that the options name instead.
      options: what was asked for.
      pairs: of the split.
      networks: those that could be opened.
      missing: what cannot be measured, and why.
      sources: as many pairs, whose sources are shown, and read by a segmenter, instead of those of `pairs`.
    """

    config: Config
    options: MeasureOptions
    pairs: Pairs
    networks: Networks
    missing: dict[str, str]
    sources: Pairs | None = None

    def displays(self) -> tuple[Display, Display]:
        """Tells how sources are shown, then how targets and generated images are."""
        return self.config.display("source"), self.config.display("target")

    def class_names(self) -> list[str]:
        """Returns the names of the classes that targets or sources show, in their order; none if they show none."""
        return class_names(self.config, self.networks.palette or self.networks.target_palette)

    def measure(
        self,
        columns: dict[str, Column],
        needs: dict[str, Pairs],
        on_batch: Callable[[int, Batch, dict[str, Sequence[tf.Tensor]]], None],
        title: str = "evaluating",
        models: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    ) -> dict[str, Result]:
        """Measures all columns in one pass, and prints how fast that was.

        Args:
          columns: by name.
          needs: pairs that columns need besides, as many as the split has and in its order.
          on_batch: as `measure` of quality/measure.py calls it.
          title: of the progress bar.
          models: translate a batch's sources outside of TensorFlow's graph; a column finds the results in the batch by
            this name.
        """
        models = models or {}
        if self.networks.segment:
            needs = {"labels": by_nearest(self.sources or self.pairs, "source"), **needs}
        if self.networks.target_palette:
            needs = {"target labels": by_nearest(self.pairs, "target"), **needs}
        if self.sources:
            needs = {SOURCES: self.sources, **needs}
        batch_size = whole_batch_size(self.pairs, self.options.batch_size, self.config.image_size)
        done = [(0, time.monotonic())]

        def add(first: int, batch: Batch, generated: dict[str, Sequence[tf.Tensor]]) -> None:
            on_batch(first, {**batch, "source": batch[SOURCES][0]} if SOURCES in batch else batch, generated)
            done.append((first + len(batch["target"]), time.monotonic()))

        compiled = compile_columns(columns, self.networks, self.config.target_kind, self.pairs.min_side)

        def run(batch: Batch) -> dict:
            results = {name: tf.constant(translate(batch["source"].numpy())) for name, translate in models.items()}
            return compiled({**batch, **results})

        with naming_unreadable(self.pairs, *needs.values()):
            found = measure(
                run,
                batches_of(self.pairs, batch_size, **needs),
                -(-len(self.pairs) // batch_size),
                resamples=RESAMPLES_OF_SET,
                title=title,
                on_batch=add,
            )
        if len(done) > 2:
            print(f"{images_per_second(done):.1f} images/s")
        return found or {}  # it is None only if it is cancelled


def open_subject(config: Config, options: MeasureOptions, aspects: Aspects | None = None) -> Subject:
    """Opens the split and the networks that the options name.

    Args:
      config: of the run.
      options: what is measured.
      aspects: of the run's own sources, if they are known.

    Raises:
      InputError: there is no such split, it has bad files that the run would not skip, or a file that the options name
        is not what it should be.
    """
    config = with_options(config, options)
    dataset = config.open_dataset(make=bool(options.data))
    dataset.split(options.split)  # before weights are downloaded
    available = available_networks(config, options)
    pairs = open_split(config, options.split, dataset)
    if options.data:
        warn_of_single_images(pairs.files, aspects, config.picture_axes, config.max_pixels)
    return make_subject(config, options, pairs, available)


def make_subject(
    config: Config,
    options: MeasureOptions,
    pairs: Pairs,
    available: tuple[Networks, dict[str, str]],
    sources: Pairs | None = None,
) -> Subject:
    """Chooses what can measure pairs that are open.

    Args:
      config: says what they are.
      options: what was asked for.
      pairs: opened.
      available: what available_networks returned.
      sources: as Subject has them.

    Raises:
      InputError: colors or a segmenter were named that do not suit the images.
    """
    networks, missing = without_small(*available, config, pairs.min_side)
    if networks.segment and networks.palette:
        check_sources(networks.palette, config, options, sources or pairs)
    else:
        networks = dataclasses.replace(networks, target_palette=palette_of_targets(config, options, pairs))
    if len(pairs) < 2:
        missing["FID and KID"] = "a single image has no distribution"
    keras.utils.set_random_seed(config.seed)
    return Subject(config, options, pairs, networks, missing, sources)


def with_options(config: Config, options: MeasureOptions) -> Config:
    """Returns the run's config with what the options say instead."""
    given: dict[str, Any] = {name: value for name in OVERRIDES if (value := getattr(options, name))}
    return dataclasses.replace(config.with_data(str(options.data)) if options.data else config, **given)


def split_files(config: Config, split: str, is_asked_for: bool) -> ImageSet:
    """Opens the files of a split, such as `val` or `test`.

    Args:
      config: names the data set.
      split: its name.
      is_asked_for: whether the user named the data set. Only such a one is downloaded or drawn if it is not there.

    Raises:
      InputError: there is no such data set, or no such split in it.
    """
    return config.open_dataset(make=is_asked_for).split(split)


def open_split(config: Config, split: str, dataset: Dataset) -> Pairs:
    """Opens a split of the data set as it is measured: at the scale of the run's training. Reads every file once.

    Raises:
      InputError: there is no such split, or it has bad files that the run would not skip.
    """
    for line in dataset.summary(split):
        print(one_line(line))
    return open_pairs(
        dataset.split(split), config.measured_format(), config.bad_images, min(config.cache_mib, CACHE_MIB)
    )


def batches_of(pairs: Pairs, batch_size: int, **others: Pairs) -> tf.data.Dataset:
    """Returns batches by name: `source` and `target` of the pairs, and what columns need besides.

    Args:
      pairs: of the split.
      batch_size: images at a time; the last batch may be smaller.
      **others: as many pairs, in the same order; each gives its `(source, target)` under its name.
    """
    datasets = [eval_dataset(each, batch_size) for each in (pairs, *others.values())]
    return tf.data.Dataset.zip(tuple(datasets)).map(
        lambda pair, *rest: {"source": pair[0], "target": pair[1], **dict(zip(others, rest, strict=True))}
    )


def images_per_second(done: list[tuple[int, float]]) -> float:
    """Returns the speed from (images, seconds) at the start and after each batch, without the first, which traces."""
    (first, start), (last, end) = done[1], done[-1]
    return (last - first) / max(end - start, 1e-9)
