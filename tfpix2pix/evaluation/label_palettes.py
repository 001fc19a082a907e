"""Finds out which images of a split are label maps in colors, so that their classes can be read."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from pipelines.images.label_colors import PALETTES, Palette, read_palette
from pipelines.pairs import Pairs
from pipelines.storage.sample import spread_indices
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.quality.segmentation import near_share

# Images that stand for all.
SAMPLED = 8
# The share of their pixels near a color of the palette, from which on they are label maps; near_share has what was
# measured.
MIN_SHARE = 0.4
AUTO = "auto"


def palette_of(config: Config, options: MeasureOptions) -> Palette | None:
    """Returns the colors that the options name, or those of the data set's name; None if neither is known.

    Raises:
      InputError: the option names neither a data set nor a file of colors.
    """
    if options.label_colors != AUTO:
        return read_palette(options.label_colors)
    return PALETTES.get(pathlib.Path(config.data).name)


def check_sources(palette: Palette, config: Config, options: MeasureOptions, pairs: Pairs) -> None:
    """Raises InputError if the sources, from which a segmenter's score takes the classes, are no label maps."""
    share = _share(palette, by_nearest(pairs, "source"), 0)
    if share < MIN_SHARE:
        raise InputError(
            f"segmenter={options.segmenter} compares its classes with those of the sources, and the sources of "
            f"{config.data_words}, direction {config.direction}, are no label maps in these colors "
            f"({share:.0%} of their "
            "pixels are near one): leave the segmenter out (targets that are label maps are read by their colors), or "
            "give other --label_colors"
        )


def palette_of_targets(config: Config, options: MeasureOptions, pairs: Pairs) -> Palette | None:
    """Returns the colors by which the classes of targets and generated images are read; None if they show no classes.

    Raises:
      InputError: the options name colors, and the targets are no label maps in these.
    """
    is_asked_for = options.label_colors != AUTO
    palette = palette_of(config, options)
    if palette is None:
        return None
    if config.target_labels:
        if is_asked_for:
            raise InputError(
                f"label_colors={options.label_colors}: target_labels={config.target_labels} of the run says its "
                "classes already; leave it out"
            )
        return None
    if config.target_channels != 3:
        if is_asked_for:
            raise InputError(
                f"label_colors={options.label_colors}: the targets have target_channels={config.target_channels}, and "
                "colors have 3; leave it out"
            )
        return None
    share = _share(palette, by_nearest(pairs, "target"), 1)
    if share < MIN_SHARE and is_asked_for:
        raise InputError(
            f"label_colors={options.label_colors}: the targets of {config.data_words}, direction "
            f"{config.direction}, are no "
            f"label maps in these colors ({share:.0%} of their pixels are near one); give others, or leave it out; of "
            "label maps among the sources, --segmenter reads what became of them"
        )
    return palette if share >= MIN_SHARE else None


def by_nearest(pairs: Pairs, side: str) -> Pairs:
    """Returns the pairs with one side, `source` or `target`, resized by `nearest`, which does not mix colors."""
    nearest = dataclasses.replace(getattr(pairs.form, side), resize_method="nearest")
    return pairs.read_by(dataclasses.replace(pairs.form, **{side: nearest}))


def class_names(config: Config, palette: Palette | None) -> list[str]:
    """Returns the names of the classes that are measured, in their order: those of the palette, else of the run's."""
    if palette is None and config.label_colors:
        palette = read_palette(config.label_colors)
    return [*palette.classes] if palette else [str(number) for number in range(config.target_labels)]


def _share(palette: Palette, pairs: Pairs, side: int) -> float:
    read = pairs.reader()
    indices = spread_indices(len(pairs), SAMPLED)
    return float(np.mean([near_share(read(tf.constant(i, tf.int64))[side].numpy(), palette) for i in indices]))
