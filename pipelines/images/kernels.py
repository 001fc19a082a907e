"""Reads JPEG and PNG files by TensorFlow's kernels, eagerly and in graphs, as a viewer shows them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipelines.images import header, metadata
from pipelines.images.orientation import TRANSPOSED, UPRIGHT, orientation_of, turn_upright
from pipelines.images.rare import rare
from pipelines.images.size import MAX_PIXELS
from pipelines.images.transforms import WHITE, Image, half_of, to_channels

# What a profile that is sRGB has in its name: as ASCII, and as UTF-16 since version 4 of profiles.
SRGB_NAMES = (b"sRGB", b"s\0R\0G\0B")


class Stored(NamedTuple):
    """An image as its file has it.

    Attributes:
      image: `(height, width, channels)` in [0, 1], upright; 1 channel (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
      white: the stored number that became 1, int32: 255 of up to 8 bits, 65535 of 16 bits.
    """

    image: Image
    white: tf.Tensor


def can_read(contents: tf.Tensor) -> tf.Tensor:
    """Tells whether these bytes of a file, a scalar string, are a JPEG or PNG whose colors need no conversion."""
    if tf.executing_eagerly():
        file = tf.convert_to_tensor(contents).numpy()
        return file.startswith((header.JPEG_SIGNATURE, header.PNG_SIGNATURE)) and not needs_conversion(contents)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    is_jpeg = header.starts_with(contents, header.JPEG_SIGNATURE)
    return (is_png | is_jpeg) & ~needs_conversion(contents)


def needs_conversion(contents: tf.Tensor) -> tf.Tensor:
    """Tells whether a file has a color profile that does not call itself sRGB; `decode` takes no notice of it.

    A PNG's profile is compressed, and judged by the name that the chunk gives it. Some programs give sRGB another
    name, such as `ICC Profile`.

    Args:
      contents: the file's bytes, a scalar string.
    """
    profile = metadata.profile_of(contents)
    if tf.executing_eagerly():
        name = profile.numpy()
        return tf.constant(bool(name) and not any(srgb in name for srgb in SRGB_NAMES))
    return tf.cond(tf.equal(profile, b""), lambda: False, lambda: ~_is_srgb(profile))


@rare
def _is_srgb(profile: tf.Tensor) -> tf.Tensor:
    names = [tf.raw_ops.StringSplitV2(input=[profile], sep=name, maxsplit=1).values for name in SRGB_NAMES]
    return tf.reduce_any([tf.size(parts) > 1 for parts in names])


def decode(
    contents: tf.Tensor,
    channels: int = 3,
    *,
    value_range: tuple[float, float] | None = None,
    background: Sequence[int] = WHITE,
    max_pixels: int = MAX_PIXELS,
    name: tf.Tensor | str = "it",
) -> Image:
    """Decodes a JPEG or PNG file to `(height, width, channels)` floats in [0, 1], upright as its EXIF data say.

    Args:
      contents: the file's bytes, a scalar string.
      channels: as `to_channels` has it.
      value_range: as `to_range` has it; None: all numbers that the file can hold.
      background: as `to_channels` has it.
      max_pixels: a file with more pixels, by its header, is not decoded.
      name: names the image in the errors of a graph.

    Raises:
      header.BadImageError: eagerly, if its header is refused.
      tf.errors.InvalidArgumentError: it is damaged; in a graph, also if its header is refused.
    """
    stored = decode_stored(contents, max_pixels, name)
    return to_channels(to_range(stored, value_range), channels, background)


def decode_stored(
    contents: tf.Tensor, max_pixels: int = MAX_PIXELS, name: tf.Tensor | str = "it", half: str = ""
) -> Stored:
    """Decodes a JPEG (RGB, gray, CMYK) or PNG (up to 16 bits, at full depth) file with the channels that it has.

    CMYK becomes RGB, and so does a palette. A transparent color becomes an alpha channel. In a graph the number of
    channels is unknown until it runs.

    Args:
      contents: as `decode` has it.
      max_pixels: likewise.
      name: likewise.
      half: `A` or `B` of a side-by-side image, eagerly; empty for all of it.

    Raises:
      header.BadImageError: as `decode`; half is given, and the width is odd.
      tf.errors.InvalidArgumentError: as `decode`.
    """
    if tf.executing_eagerly():
        return _decode_eagerly(contents, max_pixels, half)
    contents = _checked(contents, max_pixels, name)
    orientation = _orientation(contents)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    image, white = tf.cond(is_png, lambda: _decode_png(contents), lambda: _decode_jpeg(contents))
    # A quotient by what is known when the graph runs: TensorFlow would replace a constant by its reciprocal, and the
    # last bit could differ from the eager result. Both are the quotient of the integers, rounded once.
    return Stored(turn_upright(image, orientation) / tf.cast(white, tf.float32), white)


def decode_bytes(contents: tf.Tensor, max_pixels: int = MAX_PIXELS, name: tf.Tensor | str = "it") -> tf.Tensor:
    """Decodes a JPEG or an 8-bit PNG file without a transparent color to `(H, W, channels)` uint8, upright.

    Args and errors are those of `decode`.
    """
    contents = _checked(contents, max_pixels, name)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    image = tf.cond(is_png, lambda: tf.io.decode_png(contents, 0), lambda: _decode_jpeg_bytes(contents))
    return turn_upright(image, _orientation(contents))


def upright_size(contents: tf.Tensor, name: tf.Tensor | str = "it") -> tf.Tensor:
    """Returns the (height, width), int32, that `decode` gives a JPEG or PNG file, from what stands before its pixels.

    Args and errors are those of `decode`, but that large images pass; in graphs only.
    """
    size = tf.cast(header.stored_size_in_graph(contents, name), tf.int32)
    with tf.control_dependencies([size]):
        contents = tf.identity(contents)
    is_turned = tf.reduce_any(tf.equal(_orientation(contents), TRANSPOSED))
    return tf.where(is_turned, size[::-1], size)


def to_range(stored: Stored, value_range: tuple[float, float] | None) -> Image:
    """Returns an image in which other stored numbers than 0 and the largest become 0 and 1; alpha stays.

    Args:
      stored: as its file has it.
      value_range: the numbers that become 0 and 1, in the file's own units: 0..255 of up to 8 bits, 0..65535 of 16.
        Numbers outside are clipped. None changes nothing.
    """
    image = stored.image
    if value_range is None:
        return image
    low, high = value_range
    # In float64, where a reciprocal in place of the quotient does no harm. Rounding gives back the file's integers.
    numbers = tf.round(tf.cast(image, tf.float64) * tf.cast(stored.white, tf.float64))
    ranged = tf.cast(tf.clip_by_value((numbers - low) / (high - low), 0.0, 1.0), tf.float32)
    with_alpha = tf.shape(image)[-1] % 2 == 0
    return tf.cond(with_alpha, lambda: tf.concat([ranged[..., :-1], image[..., -1:]], axis=-1), lambda: ranged)


def _decode_eagerly(contents: tf.Tensor, max_pixels: int, half: str) -> Stored:
    """Does what `decode_stored` does, in NumPy where TensorFlow's calls take longer than their work."""
    contents = tf.convert_to_tensor(contents)
    file = contents.numpy()
    header.check_header(file, max_pixels)
    is_png = file.startswith(header.PNG_SIGNATURE)
    is_deep = is_png and file[header.PNG_DEPTH_BYTE] == 16
    white = tf.uint16.max if is_deep else tf.uint8.max
    if not is_png:
        levels = _decode_jpeg_bytes(contents)
    elif metadata.has_transparent_color(contents):
        levels = _decode_transparent_color(contents, tf.constant(white))
    else:
        levels = tf.io.decode_png(contents, 0, tf.uint16 if is_deep else tf.uint8)
    exif = metadata.exif_of(contents)
    if exif.numpy():
        levels = turn_upright(levels, orientation_of(exif))
    # Without a copy, which `numpy()` makes.
    stored = np.asarray(levels)
    stored = half_of(stored, half) if half else stored
    image = np.divide(stored, np.float32(white), dtype=np.float32)
    return Stored(tf.constant(image), tf.constant(white))


def _checked(contents: tf.Tensor, max_pixels: int, name: tf.Tensor | str) -> tf.Tensor:
    """Returns the contents after the checks of `header.check_header`, eagerly or in a graph."""
    if not tf.executing_eagerly():
        return header.check_header_in_graph(contents, max_pixels, name)
    header.check_header(tf.convert_to_tensor(contents).numpy(), max_pixels)
    return contents


def _orientation(contents: tf.Tensor) -> tf.Tensor:
    exif = metadata.exif_of(contents)
    return tf.cond(tf.equal(exif, b""), lambda: UPRIGHT, lambda: orientation_of(exif))


def _decode_png(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the stored numbers as float32, and the largest that there can be."""
    is_deep = tf.equal(tf.strings.substr(contents, header.PNG_DEPTH_BYTE, 1), b"\x10")
    white = tf.where(is_deep, tf.uint16.max, tf.uint8.max)

    def with_stored_channels(dtype: tf.DType) -> tf.Tensor:
        return tf.cast(tf.io.decode_png(contents, 0, dtype), tf.float32)

    image = tf.cond(
        metadata.has_transparent_color(contents),
        lambda: _decode_transparent_color(contents, white),
        lambda: tf.cond(is_deep, lambda: with_stored_channels(tf.uint16), lambda: with_stored_channels(tf.uint8)),
    )
    return image, white


@rare
def _decode_transparent_color(contents: tf.Tensor, white: tf.Tensor) -> tf.Tensor:
    # TensorFlow drops the transparent color of a gray or RGB file, unless it is asked for RGBA. It is asked for that
    # here alone: the alpha that it adds to 1, 2 and 4 bits without a transparent color is almost transparent.
    rgba = tf.io.decode_png(contents, 4, tf.uint16)
    is_gray = tf.equal(tf.strings.substr(contents, header.PNG_COLOR_BYTE, 1), b"\0")
    wanted = tf.cast(rgba[..., tf.where(is_gray, 2, 0) :], tf.int32)
    # 8 bits of 16 are repeated.
    return tf.cast(wanted // (tf.uint16.max // white), tf.float32)


def _decode_jpeg(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the same of a JPEG."""
    return tf.cast(_decode_jpeg_bytes(contents), tf.float32), tf.constant(tf.uint8.max)


def _decode_jpeg_bytes(contents: tf.Tensor) -> tf.Tensor:
    # The accurate transform equals Pillow's to the last bit; TensorFlow's default differs by up to 7 levels.
    return tf.io.decode_jpeg(contents, 0, dct_method="INTEGER_ACCURATE")
