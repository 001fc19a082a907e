"""Stored numbers of test pictures, as `translate` reads and writes them."""

import numpy as np
import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.codecs import Raster
from pipelines.images.image_format import type_range
from pipelines.images.value_range import Range
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config

# The types that a source may have; auto: as the range allows.
SOURCE_TYPES = ("auto", "uint8", "uint16", "float32")


def source_type(config: Config, asked: str = "auto") -> str:
    """Returns the type of the numbers in a package's sources.

    A range tells it; percentiles suit any number; else sources are taken to be as the targets.

    Args:
      config: of the run.
      asked: one of SOURCE_TYPES.

    Raises:
      InputError: floats are asked for, and the run says of none which is black or white.
    """
    form = config.image_format("source")
    if asked == "auto":
        if form.percentiles:
            return "float32"
        if form.value_range is None:
            return config.result_type if config.result_type in SOURCE_TYPES[1:3] else "uint8"
        fitting = (kind for kind in SOURCE_TYPES[1:3] if _is_within(form.value_range, type_range(np.dtype(kind))))
        return next(fitting, "float32")
    if asked == "float32" and not form.percentiles and form.value_range is None:
        raise InputError("source_type=float32 has no range of numbers in this run; give uint8 or uint16")
    return asked


def source_range(config: Config, kind: str) -> Range:
    """Returns the numbers of the type that become -1 and 1; of percentiles those of test pictures."""
    return config.image_format("source").value_range or type_range(np.dtype("uint16" if kind == "float32" else kind))


def result_range(config: Config) -> Range:
    """Returns the stored numbers of results that -1 and 1 become; of label maps probabilities."""
    kind = np.dtype(config.result_type)
    return (0.0, 1.0) if config.target_labels else config.image_format("target").value_range or type_range(kind)


def result_type(config: Config) -> str:
    """Returns the type of a package's results; what it cannot round, since it only cuts off, is left as float32."""
    kind = np.dtype(config.result_type)
    return kind.name if kind.kind == "u" and not config.target_labels else "float32"


def stored(config: Config, source: np.ndarray, kind: str) -> np.ndarray:
    """Converts a source `(H, W, C)` in [-1, 1] to a file's numbers."""
    low, high = source_range(config, kind)
    numbers = (source.astype(np.float64) + 1) / 2 * (high - low) + low
    return (numbers if kind == "float32" else np.round(numbers)).astype(kind)


def seen(config: Config, numbers: np.ndarray) -> np.ndarray:
    """Returns what the network sees of stored numbers `(H, W, C)`, as `translate` reads them: `(1, H, W, C)`."""
    unit = config.image_format("source").from_raster(Raster(numbers, has_alpha=False))
    return transforms.normalize(tf.constant(unit))[None].numpy()


def to_stored(config: Config, generated: tf.Tensor) -> np.ndarray:
    """Converts a generated image in [-1, 1] to the numbers of a package's results."""
    if config.target_labels:
        return ((generated + 1) / 2).numpy()
    return config.image_format("target").to_stored(generated, result_type(config)).numpy()


def _is_within(a: Range, b: Range) -> bool:
    return b[0] <= a[0] and a[1] <= b[1] and all(float(x).is_integer() for x in a)
