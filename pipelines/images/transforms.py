"""Converts channels, splits, resizes, normalizes and encodes images: pure functions.

Images are `(height, width, channels)` float32, in [0, 1] until `normalize`. All work eagerly and inside tf.data.
"""

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from pipelines.images import header
from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.rare import rare
from pipelines.images.size import Size

# ITU-R BT.601, as in Pillow.
LUMINANCE = (0.299, 0.587, 0.114)
WHITE = (255, 255, 255)

ODD_WIDTH = "its width is odd, so it has no two halves of one width"

Image: TypeAlias = tf.Tensor
Pair: TypeAlias = tuple[Image, Image]


def to_channels(image: Image, channels: int, background: Sequence[int] = WHITE) -> Image:
    """Converts an image of 1 to 4 channels to 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels.

    Without a change of channels, an image stays as it is. A missing alpha is opaque. Where 1 or 3 channels are asked
    for, an image with alpha is laid over the background.

    Args:
      image: in [0, 1].
      channels: of the result.
      background: red, green and blue in 0..255.

    Raises:
      header.BadImageError: channels is more than 4.
    """
    if channels > MAX_PLAIN_CHANNELS:
        raise header.BadImageError(f"it has at most {MAX_PLAIN_CHANNELS} channels, and {channels} are asked for")
    if image.shape[-1] is not None:
        return _convert(image, image.shape[-1], channels, tuple(background))
    stored = tf.shape(image)[-1]
    image = tf.cond(stored == channels, lambda: image, lambda: _convert_any(image, channels, tuple(background)))
    return tf.ensure_shape(image, (None, None, channels))


def has_alpha(channels: int) -> bool:
    """Tells whether an image with this number of channels has alpha."""
    return channels in (2, 4)


def _convert(image: Image, stored: int, channels: int, background: Sequence[int]) -> Image:
    """Converts an image of a known number of channels, `stored`."""
    if stored == channels:
        return image
    color, alpha = (image[..., :-1], image[..., -1:]) if has_alpha(stored) else (image, None)
    if alpha is not None and not has_alpha(channels):
        # As one level where the image is gray and stays so, for its own levels must not be rounded.
        is_gray = color.shape[-1] == channels == 1
        ground = [sum(w * b for w, b in zip(LUMINANCE, background, strict=True))] if is_gray else background
        color = color * alpha + tf.constant(ground, tf.float32) / 255.0 * (1.0 - alpha)
    if channels <= 2 and color.shape[-1] != 1:
        color = tf.reduce_sum(color * LUMINANCE, axis=-1, keepdims=True)
    if channels >= 3 and color.shape[-1] == 1:
        color = tf.tile(color, (1, 1, 3))
    if not has_alpha(channels):
        return color
    return tf.concat([color, tf.ones_like(color[..., :1]) if alpha is None else alpha], axis=-1)


@rare
def _convert_any(image: Image, channels: int, background: Sequence[int]) -> Image:
    """Converts an image whose channels are known when the graph runs."""

    def converted(stored: int) -> Image:
        return _convert(tf.ensure_shape(image, (None, None, stored)), stored, channels, background)

    cases = [functools.partial(converted, stored) for stored in range(1, MAX_PLAIN_CHANNELS + 1)]
    return tf.switch_case(tf.shape(image)[-1] - 1, cases)


def split(image: Image, direction: str) -> Pair:
    """Splits a side-by-side image in the middle into (source, target): A is the left half, B the right one.

    Raises:
      header.BadImageError: eagerly, if the width is odd.
      tf.errors.InvalidArgumentError: in a graph, if the width is odd.
    """
    half = _half_width(image)
    a, b = image[:, :half], image[:, half:]
    return (a, b) if direction == "AtoB" else (b, a)


def half_of(image: np.ndarray, side: str) -> np.ndarray:
    """Returns side `A` or `B` of a side-by-side image; raises header.BadImageError if the width is odd."""
    width = image.shape[1]
    if width % 2:
        raise header.BadImageError(ODD_WIDTH)
    return image[:, : width // 2] if side == "A" else image[:, width // 2 :]


def halves(image: Image) -> tf.Tensor:
    """Returns both halves of a side-by-side image as a batch, `(2, H, W, C)`, A first; errors are those of `split`."""
    height, _, channels = tf.unstack(tf.shape(image))
    rows = tf.reshape(image, tf.stack([height, 2, _half_width(image), channels]))
    # In one copy; two slices and a stack take three.
    return tf.ensure_shape(tf.transpose(rows, (1, 0, 2, 3)), (2, None, None, image.shape[-1]))


def _half_width(image: Image) -> tf.Tensor:
    if tf.executing_eagerly() and image.shape[1] % 2:
        raise header.BadImageError(ODD_WIDTH)
    width = tf.shape(image)[1]
    with tf.control_dependencies([tf.debugging.assert_equal(width % 2, 0, ODD_WIDTH)]):
        return width // 2


def resize(image: Image, size: Size | tf.Tensor, method: str) -> Image:
    """Resizes to (height, width), antialiased, and clips the overshoot of bicubic and lanczos3 to [0, 1].

    A size that only the graph's run knows is a tensor.
    """

    def resized() -> Image:
        return tf.clip_by_value(tf.image.resize(image, size, method, antialias=True), 0.0, 1.0)

    # Resizing to the same size is the identity, but takes as long as any other.
    image = tf.cond(tf.reduce_all(tf.shape(image)[:2] == size), lambda: image, resized)
    return tf.ensure_shape(image, (*((None, None) if tf.is_tensor(size) else size), image.shape[-1]))


def mirrored_if(condition: tf.Tensor | None, pair: Pair) -> Pair:
    """Mirrors both images left to right, or none; None stands for False."""
    return pair if condition is None else either(condition, lambda image: tf.reverse(image, [1]), pair)


def either(condition: tf.Tensor, change: Callable[[tf.Tensor], tf.Tensor], pair: Pair) -> Pair:
    """Changes both images, to ones of the same shape, or none."""
    source, target = tf.cond(condition, lambda: tuple(change(image) for image in pair), lambda: pair)
    return tf.ensure_shape(source, pair[0].shape), tf.ensure_shape(target, pair[1].shape)


def unit(image: tf.Tensor) -> Image:
    """Maps stored levels, 0 to the largest of their unsigned type, to [0, 1]; floats stay as they are."""
    return image if image.dtype.is_floating else tf.cast(image, tf.float32) / float(image.dtype.max)


def normalize(image: tf.Tensor) -> Image:
    """Maps [0, 1], or stored levels, to [-1, 1]."""
    if image.dtype.is_floating:
        return image * 2.0 - 1.0
    # To the same bits as by [0, 1]: to halve and to double is exact.
    return tf.cast(image, tf.float32) / (image.dtype.max / 2) - 1.0


def to_uint8(image: Image) -> tf.Tensor:
    """Maps [-1, 1] to the nearest of 0..255, after clipping."""
    return tf.cast(tf.round((tf.clip_by_value(image, -1.0, 1.0) + 1.0) * 127.5), tf.uint8)


def encode(image: Image, suffix: str) -> tf.Tensor:
    """Encodes an image in [-1, 1] of 1 to 4 channels as a PNG or, for `.jpg`, a JPEG of quality 95."""
    pixels = to_uint8(image)
    if suffix == ".png":
        return tf.io.encode_png(pixels)
    return tf.io.encode_jpeg(pixels, quality=95, chroma_downsampling=False)
