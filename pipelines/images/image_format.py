"""Reads the file of one side of a pair as numbers in [0, 1], and turns generated images back into stored numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.images import codecs, labels, transforms
from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.color import Color
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.kernels import Stored, decode_stored, to_range
from pipelines.images.readers import call_python, choose_reader
from pipelines.images.size import MAX_PIXELS, Size
from pipelines.images.value_range import Range


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """Describes how stored numbers of one side become what networks see, and back.

    Attributes:
      channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA; any other number, or one of these without alpha, as stored.
      resize_method: one of choices.RESIZE_METHODS.
      value_range: the stored numbers that become 0 and 1; None: all numbers of the integer type. Floats need a range.
      percentiles: each image's own percentiles become 0 and 1; there is no way back.
      labels: the number of classes of a label map, whose channels are one-hot; 0 for other images.
      palette: the colors of the classes, for label maps that are stored in colors.
      shown: the colors of the classes in results; default: those of the palette.
      axes: of arrays whose file does not say, such as CYX.
      background: the color behind a transparent image that is read without alpha.
      max_pixels: a file with more pixels, by its header, is not decoded.
      context: slices of a stack on either side of each one, whose channels are among `channels`.
    """

    channels: int = 3
    resize_method: str = "bicubic"
    value_range: Range | None = None
    percentiles: Range | None = None
    labels: int = 0
    palette: Sequence[Color] | None = None
    shown: Sequence[Color] | None = None
    axes: str = ""
    background: Color = transforms.WHITE
    max_pixels: int = MAX_PIXELS
    context: int = 0

    def __post_init__(self) -> None:
        codecs.check_axes(self.axes)

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha, if the file has one."""
        return transforms.has_alpha(self.channels) and not self.labels

    @property
    def holds_indices(self) -> bool:
        """Whether the numbers of its files are those of classes."""
        return bool(self.labels) and self.palette is None

    @property
    def needs_python(self) -> bool:
        """Whether TensorFlow's kernels, which know gray, RGB and alpha, cannot read it, whatever the file."""
        return bool(self.labels or self.percentiles or self.axes or self.context or self.channels > MAX_PLAIN_CHANNELS)

    @property
    def border(self) -> tuple[float, ...]:
        """The color around a padded image, in [0, 1]: the background; 0 if the image is neither gray nor RGB."""
        if self.labels or self.context or self.channels not in (1, 3):
            return (0.0,)
        color = np.asarray(self.background) / 255
        return tuple(color.tolist() if self.channels == 3 else [float(color @ np.asarray(transforms.LUMINANCE))])

    def read(self, contents: tf.Tensor, name: tf.Tensor | str = "it", in_model: bool = False) -> transforms.Image:
        """Reads a whole file: `(H, W, channels)` float32 in [0, 1], upright, in sRGB.

        JPEG and PNG files in sRGB are decoded by TensorFlow's kernels, all others in Python.

        Args:
          contents: the file's bytes, a scalar string.
          name: names the image in the errors of a graph.
          in_model: whether the graph is exported: it has kernels only, and refuses what they cannot read.

        Raises:
          BadImageError: eagerly, if it is damaged or does not fit.
          tf.errors.OpError: in a graph, likewise.
        """

        def by_kernels() -> transforms.Image:
            return self.from_stored(decode_stored(contents, self.max_pixels, name))

        def in_python() -> transforms.Image:
            (image,) = call_python(lambda raw: [self.read_bytes(raw)], contents, [self.channels])
            return image

        if in_model:
            return by_kernels()
        return choose_reader(contents, by_kernels, in_python, self.needs_python)

    def from_stored(self, stored: Stored) -> transforms.Image:
        """Converts what TensorFlow's kernels decoded to `(H, W, channels)` in [0, 1]."""
        return transforms.to_channels(to_range(stored, self.value_range), self.channels, self.background)

    def read_bytes(self, contents: bytes | StoredFile, window: codecs.Window | None = None) -> np.ndarray:
        """Does what `read` does, in Python and for every format."""
        return self.from_raster(self.decode(contents, window))

    def decode(self, contents: bytes | StoredFile, window: codecs.Window | None = None) -> codecs.Raster:
        """Returns the stored numbers of a file, those of a palette's indices if they are classes."""
        return codecs.decode(contents, self.axes, self.max_pixels, indices=self.holds_indices, window=window)

    def from_raster(
        self, raster: codecs.Raster, percentiles: tuple[np.ndarray, np.ndarray] | None = None
    ) -> np.ndarray:
        """Converts stored numbers `(H, W, C)` to `(H, W, channels)` float32 in [0, 1].

        Args:
          raster: the numbers.
          percentiles: those of the whole image, each `(C,)` without alpha, if the numbers are a part of it.

        Raises:
          BadImageError: it has another number of channels, or holds floats and there is no range.
        """
        values = raster.values
        if self.context and values.shape[-1] != self.channels:
            raise BadImageError(_unlike_slices(values.shape[-1], self.channels, self.context))
        if self.labels:
            return labels.one_hot_of(values, raster.has_alpha, self.labels, self.palette)
        span = type_range(values.dtype, raster.bits)
        alpha = _scale(values[..., -1:], span) if raster.has_alpha else None
        colors = values[..., :-1] if raster.has_alpha else values
        unit = _scale(colors, percentiles or self._range_of(colors, span, values.dtype))
        if alpha is not None and not self.has_alpha:
            unit = _over(unit, alpha, self.background)
        if self.has_alpha and (alpha is not None or unit.shape[-1] != self.channels):
            alpha = np.ones_like(unit[..., :1]) if alpha is None else alpha
            unit = np.concatenate([_with_channels(unit, self.channels - 1), alpha], axis=-1)
        else:
            unit = _with_channels(unit, self.channels)
        return unit.astype(np.float32)

    def to_stored(self, image: tf.Tensor, dtype: str) -> tf.Tensor:
        """Converts generated images `(..., channels)` in [-1, 1] to the numbers of files; label maps to `(..., 1)`.

        Args:
          image: of the generator.
          dtype: one of choices.NUMBER_TYPES. Integers are rounded, and clipped to their type. Floats without a range
            are in [0, 1].
        """
        if self.labels:
            return tf.cast(tf.argmax(image, axis=-1)[..., None], dtype)
        kind = tf.as_dtype(dtype)
        low, high = self.value_range or ((0, kind.max) if kind.is_integer else (0, 1))
        wide = tf.float64 if kind.size > 2 else tf.float32
        unit = tf.clip_by_value(tf.cast(image, wide), -1.0, 1.0) + 1.0
        numbers = unit * ((high - low) / 2) + low
        if not kind.is_integer:
            return tf.cast(numbers, kind)
        return tf.cast(tf.clip_by_value(tf.round(numbers), kind.min, kind.max), kind)

    def numbers(self, image: np.ndarray, dtype: str) -> np.ndarray:
        """Does what `to_stored` does, in NumPy: for images of the usual sizes in a fraction of the time."""
        if self.labels:
            return np.argmax(image, axis=-1)[..., None].astype(dtype)
        kind = np.dtype(dtype)
        span = np.iinfo(kind) if kind.kind in "iu" else None
        low, high = self.value_range or ((0, span.max) if span else (0, 1))
        # All in place, since new memory takes longer than the arithmetic.
        numbers: np.ndarray = image.astype(np.float64 if kind.itemsize > 2 else np.float32)
        np.clip(numbers, -1.0, 1.0, out=numbers)
        numbers += 1.0
        numbers *= (high - low) / 2
        numbers += low
        if span:
            np.clip(np.rint(numbers, out=numbers), span.min, span.max, out=numbers)
        return numbers.astype(kind)

    def resize_generated(self, image: tf.Tensor, size: Size | tf.Tensor) -> tf.Tensor:
        """Resizes a generated image `(H, W, channels)` in [-1, 1]; of a label map the probabilities of its classes."""
        method = "bilinear" if self.labels else self.resize_method
        return transforms.normalize(transforms.resize((image + 1) / 2, size, method))

    def _range_of(self, colors: np.ndarray, span: Range, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray] | Range:
        """Returns the stored numbers that become 0 and 1; `span` is that of their type."""
        if self.percentiles is not None:
            low, high = np.percentile(colors, self.percentiles, axis=(0, 1))
            return low, high
        if self.value_range is not None:
            return self.value_range
        if np.issubdtype(dtype, np.floating):
            raise BadImageError(
                "it holds floats, and nothing says which of them are black and white; give --source_range or "
                "--target_range, as `pipelines.prepare check` proposes"
            )
        return span


def type_range(dtype: np.dtype, bits: int = 0) -> Range:
    """Returns the smallest and the largest integer of a type, or of the bits that a file uses; 0 and 1 of others."""
    if not np.issubdtype(dtype, np.integer):
        return 0.0, 1.0
    if bits and np.issubdtype(dtype, np.unsignedinteger):
        return 0.0, float(2**bits - 1)
    info = np.iinfo(dtype)
    return float(info.min), float(info.max)


def _scale(values: np.ndarray, span: tuple[Any, Any]) -> np.ndarray:
    """Maps the range to [0, 1], float64, and clips. A range without extent, as a constant image has it, becomes 0."""
    low, high = (np.asarray(bound, np.float64) for bound in span)
    return np.clip((values.astype(np.float64) - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)


def _over(colors: np.ndarray, alpha: np.ndarray, background: Color) -> np.ndarray:
    """Composes colors in [0, 1] over the background."""
    behind = np.asarray(background) / 255
    if colors.shape[-1] != len(behind):
        behind = behind @ np.asarray(transforms.LUMINANCE)
    return colors * alpha + behind * (1 - alpha)


def _with_channels(colors: np.ndarray, channels: int) -> np.ndarray:
    stored = colors.shape[-1]
    if stored == channels:
        return colors
    if (stored, channels) == (1, 3):
        return np.repeat(colors, 3, axis=-1)
    if (stored, channels) == (3, 1):
        return colors @ np.asarray(transforms.LUMINANCE)[:, None]
    raise BadImageError(
        f"it has {stored} channels, and {channels} are asked for; save those alone, or train with --source_channels or "
        f"--target_channels={stored}"
    )


def _unlike_slices(stored: int, channels: int, context: int) -> str:
    """Says that a picture has not the channels of a slice with its neighbors."""
    slices = 2 * context + 1
    if stored % slices:
        return (
            f"it has {stored} channels, and {channels} are asked for: those of a slice and {context} neighbors on "
            f"either side (source_context={context}); give a stack"
        )
    return (
        f"its slices have {stored // slices} channels, and {channels // slices} are asked for; save those "
        f"alone, or train with --source_channels={stored // slices}"
    )
