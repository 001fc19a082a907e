"""Decodes, splits, resizes, normalizes and encodes images: pure functions.

Images are `(height, width, channels)` float32, in [0, 1] until `normalize`. All work eagerly and inside tf.data.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from pipelines.images import header, metadata
from pipelines.images.orientation import orientation_of, turn_upright
from pipelines.images.size import MAX_PIXELS

# ITU-R BT.601, as in Pillow.
LUMINANCE = (0.299, 0.587, 0.114)
WHITE = (255, 255, 255)
# The most channels of a JPEG or PNG.
MAX_CHANNELS = 4

# What a profile that is sRGB has in its name: as ASCII, and as UTF-16 since version 4 of profiles.
SRGB_NAMES = (b"sRGB", b"s\0R\0G\0B")

ODD_WIDTH = "its width is odd, so it has no two halves of one width"

Image: TypeAlias = tf.Tensor
Pair: TypeAlias = tuple[Image, Image]


class Stored(NamedTuple):
    """An image as its file has it.

    Attributes:
      image: `(height, width, channels)` in [0, 1], upright; 1 channel (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
      white: the stored number that became 1, int32: 255 of up to 8 bits, 65535 of 16 bits.
    """

    image: Image
    white: tf.Tensor


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


def decode_stored(contents: tf.Tensor, max_pixels: int = MAX_PIXELS, name: tf.Tensor | str = "it") -> Stored:
    """Decodes a JPEG (RGB, gray, CMYK) or PNG (up to 16 bits, at full depth) file with the channels that it has.

    CMYK becomes RGB, and so does a palette. A transparent color becomes an alpha channel. In a graph the number of
    channels is unknown until it runs.

    Args and errors are those of `decode`.
    """
    if tf.executing_eagerly():
        header.check_header(tf.convert_to_tensor(contents).numpy(), max_pixels)
    else:
        contents = header.check_header_in_graph(contents, max_pixels, name)
    found = metadata.read(contents)
    orientation = tf.cond(tf.equal(found.exif, b""), lambda: 1, lambda: orientation_of(found.exif))
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    return tf.cond(
        is_png,
        lambda: _decode_png(contents, found.has_transparent_color, orientation),
        lambda: _decode_jpeg(contents, orientation),
    )


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
    # In float64 for the reason that _to_unit has. Rounding gives back the file's integers.
    numbers = tf.round(tf.cast(image, tf.float64) * tf.cast(stored.white, tf.float64))
    ranged = tf.cast(tf.clip_by_value((numbers - low) / (high - low), 0.0, 1.0), tf.float32)
    with_alpha = tf.shape(image)[-1] % 2 == 0
    return tf.cond(with_alpha, lambda: tf.concat([ranged[..., :-1], image[..., -1:]], axis=-1), lambda: ranged)


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
    if channels > MAX_CHANNELS:
        raise header.BadImageError(f"it has at most {MAX_CHANNELS} channels, and {channels} are asked for")
    convert = functools.partial(_convert, image, channels=channels, background=background)
    if image.shape[-1] is not None:
        return convert(image.shape[-1])
    cases = [functools.partial(convert, stored) for stored in range(1, MAX_CHANNELS + 1)]
    return tf.ensure_shape(tf.switch_case(tf.shape(image)[-1] - 1, cases), (None, None, channels))


def has_alpha(channels: int) -> bool:
    """Tells whether an image with this number of channels has alpha."""
    return channels in (2, 4)


def needs_conversion(contents: tf.Tensor) -> tf.Tensor:
    """Tells whether a JPEG or PNG has a color profile that does not call itself sRGB; `decode` takes no notice of it.

    A PNG's profile is compressed, and judged by the name that the chunk gives it. Some programs give sRGB another
    name, such as `ICC Profile`.

    Args:
      contents: the file's bytes, a scalar string.
    """
    profile = metadata.read(contents).profile
    names = [tf.raw_ops.StringSplitV2(input=[profile], sep=name, maxsplit=1).values for name in SRGB_NAMES]
    return tf.not_equal(profile, b"") & tf.reduce_all([tf.equal(tf.size(parts), 1) for parts in names])


def _convert(image: Image, stored: int, channels: int, background: Sequence[int]) -> Image:
    """Converts an image of a known number of channels, `stored`."""
    if stored == channels:
        return image
    image = tf.ensure_shape(image, (None, None, stored))
    color, alpha = (image[..., :-1], image[..., -1:]) if has_alpha(stored) else (image, None)
    if alpha is not None and not has_alpha(channels):
        color = color * alpha + tf.constant(background, tf.float32) / 255.0 * (1.0 - alpha)
    if channels <= 2 and color.shape[-1] != 1:
        color = tf.reduce_sum(color * LUMINANCE, axis=-1, keepdims=True)
    if channels >= 3 and color.shape[-1] == 1:
        color = tf.repeat(color, 3, axis=-1)
    if not has_alpha(channels):
        return color
    return tf.concat([color, tf.ones_like(color[..., :1]) if alpha is None else alpha], axis=-1)


def _decode_png(contents: tf.Tensor, has_transparent_color: tf.Tensor, orientation: tf.Tensor) -> Stored:
    # TensorFlow drops the transparent color of a gray or RGB file, unless it is asked for RGBA. It is asked for that
    # here alone: the alpha that it adds to 1, 2 and 4 bits without a transparent color is almost transparent.
    def with_alpha(rgba: tf.Tensor) -> tf.Tensor:
        is_gray = tf.equal(tf.strings.substr(contents, header.PNG_COLOR_BYTE, 1), b"\0")
        return rgba[..., tf.where(is_gray, 2, 0) :]

    def decoded(dtype: tf.DType) -> Stored:
        image = tf.cond(
            has_transparent_color,
            lambda: with_alpha(tf.io.decode_png(contents, 4, dtype)),
            lambda: tf.io.decode_png(contents, 0, dtype),
        )
        return Stored(_to_unit(turn_upright(image, orientation)), tf.constant(dtype.max))

    is_deep = tf.equal(tf.strings.substr(contents, header.PNG_DEPTH_BYTE, 1), b"\x10")
    # The same numbers either way, but 8 bits in bytes are faster.
    return tf.cond(is_deep, lambda: decoded(tf.uint16), lambda: decoded(tf.uint8))


def _decode_jpeg(contents: tf.Tensor, orientation: tf.Tensor) -> Stored:
    # The accurate transform equals Pillow's to the last bit; TensorFlow's default differs by up to 7 levels.
    image = tf.io.decode_jpeg(contents, 0, dct_method="INTEGER_ACCURATE")
    return Stored(_to_unit(turn_upright(image, orientation)), tf.constant(tf.uint8.max))


def _to_unit(image: tf.Tensor) -> Image:
    """Converts integers of any depth to [0, 1]."""
    # In a graph TensorFlow multiplies by the reciprocal instead of dividing. In float32 the last bit could differ from
    # the eager result; from float64 both are rounded to the nearest.
    return tf.cast(tf.cast(image, tf.float64) / image.dtype.max, tf.float32)


def split(image: Image, direction: str) -> Pair:
    """Splits a side-by-side image in the middle into (source, target): A is the left half, B the right one.

    Raises:
      header.BadImageError: eagerly, if the width is odd.
      tf.errors.InvalidArgumentError: in a graph, if the width is odd.
    """
    if tf.executing_eagerly() and image.shape[1] % 2:
        raise header.BadImageError(ODD_WIDTH)
    width = tf.shape(image)[1]
    with tf.control_dependencies([tf.debugging.assert_equal(width % 2, 0, ODD_WIDTH)]):
        half = width // 2
    a, b = image[:, :half], image[:, half:]
    return (a, b) if direction == "AtoB" else (b, a)


def resize(image: Image, size: tuple[int, int], method: str) -> Image:
    """Resizes to (height, width), antialiased, and clips the overshoot of bicubic and lanczos3 to [0, 1]."""

    def resized() -> Image:
        return tf.clip_by_value(tf.image.resize(image, size, method, antialias=True), 0.0, 1.0)

    # Resizing to the same size is the identity, but takes as long as any other.
    image = tf.cond(tf.reduce_all(tf.shape(image)[:2] == size), lambda: image, resized)
    return tf.ensure_shape(image, (*size, image.shape[-1]))


def normalize(image: Image) -> Image:
    """Maps [0, 1] to [-1, 1]."""
    return image * 2.0 - 1.0


def to_uint8(image: Image) -> tf.Tensor:
    """Maps [-1, 1] to the nearest of 0..255, after clipping."""
    return tf.cast(tf.round((tf.clip_by_value(image, -1.0, 1.0) + 1.0) * 127.5), tf.uint8)


def encode(image: Image, suffix: str) -> tf.Tensor:
    """Encodes an image in [-1, 1] of 1 to 4 channels as a PNG or, for `.jpg`, a JPEG of quality 95."""
    pixels = to_uint8(image)
    if suffix == ".png":
        return tf.io.encode_png(pixels)
    return tf.io.encode_jpeg(pixels, quality=95, chroma_downsampling=False)
