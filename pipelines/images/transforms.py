"""Decodes, splits, resizes, normalizes and encodes images: pure functions.

Images are `(height, width, channels)` float32, in [0, 1] until `normalize`. All work eagerly and inside tf.data.
"""

from typing import TypeAlias

import tensorflow as tf

from pipelines.images import header
from pipelines.images.size import MAX_PIXELS

# ITU-R BT.601, as in Pillow.
LUMINANCE = (0.299, 0.587, 0.114)

ODD_WIDTH = "its width is odd, so it has no two halves of one width"

Image: TypeAlias = tf.Tensor
Pair: TypeAlias = tuple[Image, Image]


def decode(
    contents: tf.Tensor, with_alpha: bool = False, max_pixels: int = MAX_PIXELS, name: tf.Tensor | str = "it"
) -> Image:
    """Decodes a JPEG (RGB, gray, CMYK) or PNG (8 or 16 bits, at full depth) file to floats in [0, 1].

    Args:
      contents: the file's bytes, a scalar string.
      with_alpha: whether to return RGBA, opaque if the file has no alpha; otherwise RGB, from which alpha is dropped
        without blending. Gray files give three equal channels.
      max_pixels: a file with more pixels, by its header, is not decoded.
      name: names the image in the errors of a graph.

    Raises:
      header.BadImageError: eagerly, if its header is refused.
      tf.errors.InvalidArgumentError: it is damaged; in a graph, also if its header is refused.
    """
    if tf.executing_eagerly():
        header.check_header(tf.convert_to_tensor(contents).numpy(), max_pixels)
    else:
        contents = header.check_header_in_graph(contents, max_pixels, name)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    image = tf.cond(is_png, lambda: _decode_png(contents, with_alpha), lambda: _decode_jpeg(contents, with_alpha))
    return tf.ensure_shape(image, (None, None, 4 if with_alpha else 3))


def to_channels(image: Image, channels: int) -> Image:
    """Converts RGB or RGBA to 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels; 2 and 4 need RGBA."""
    if channels >= 3:
        return image[..., :channels]
    gray = tf.reduce_sum(image[..., :3] * LUMINANCE, axis=-1, keepdims=True)
    return gray if channels == 1 else tf.concat([gray, image[..., 3:]], axis=-1)


def has_alpha(channels: int) -> bool:
    """Tells whether an image with this number of channels has alpha."""
    return channels in (2, 4)


def _decode_png(contents: tf.Tensor, with_alpha: bool) -> Image:
    # An 8-bit value v is decoded as 257 v, and 257 v / 65535 equals v / 255 to the last bit.
    image = _to_unit(tf.io.decode_png(contents, 4 if with_alpha else 3, tf.uint16))
    if not with_alpha:
        return image
    # TensorFlow adds a missing alpha to 1, 2 and 4 bits before it widens them, so it comes out almost transparent.
    is_shallow = tf.reduce_any(tf.equal(tf.strings.substr(contents, header.PNG_DEPTH_BYTE, 1), [b"\1", b"\2", b"\4"]))
    before = tf.strings.split(contents, "IDAT", maxsplit=1)[0]
    is_opaque = is_shallow & tf.equal(tf.size(tf.strings.split(before, "tRNS", maxsplit=1)), 1)
    return tf.concat([image[..., :3], tf.where(is_opaque, tf.ones_like(image[..., 3:]), image[..., 3:])], axis=-1)


def _decode_jpeg(contents: tf.Tensor, with_alpha: bool) -> Image:
    # The accurate transform equals Pillow's to the last bit; TensorFlow's default differs by up to 7 levels.
    image = _to_unit(tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE"))
    return tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=1.0) if with_alpha else image


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
