"""What an image's header says, inside a graph and without decoding: a bomb is refused before it takes memory."""

import tensorflow as tf

from pipelines.images import JPEG_SIGNATURE, PNG_SIGNATURE, starts_with

# Where a PNG has its width and height, four bytes each (PNG specification, 11.2.2).
PNG_SIZE = (16, 8)


def checked(contents: tf.Tensor, max_pixels: int, name: tf.Tensor | str = "image") -> tf.Tensor:
    """Returns the bytes of an image whose header is in order.

    Args:
      contents: a scalar string.
      max_pixels: the most that height times width may be.
      name: what the image is called in errors.

    Raises:
      tf.errors.InvalidArgumentError: it is empty, neither JPEG nor PNG, its header is damaged, or it is too large.
    """
    is_png = starts_with(contents, PNG_SIGNATURE)
    is_jpeg = starts_with(contents, JPEG_SIGNATURE)
    kind = tf.where(tf.strings.length(contents) == 0, " is empty", " is neither JPEG nor PNG")
    with tf.control_dependencies([tf.debugging.Assert(is_png | is_jpeg, [name + kind])]):
        height, width = tf.cond(is_png, lambda: _png_size(contents, name), lambda: _jpeg_size(contents))
    too_large = tf.strings.format(" has {}x{} pixels, and at most {} are taken", (height, width, max_pixels))
    checks = [
        tf.debugging.Assert((height > 0) & (width > 0), [name + " has a damaged header"]),
        tf.debugging.Assert(height * width <= max_pixels, [name + too_large]),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(contents)


def _png_size(contents: tf.Tensor, name: tf.Tensor | str) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, int64."""
    is_whole = tf.strings.length(contents) >= sum(PNG_SIZE)
    with tf.control_dependencies([tf.debugging.Assert(is_whole, [name + " is cut short"])]):
        text = tf.strings.substr(contents, *PNG_SIZE)
    width_and_height = tf.cast(tf.io.decode_raw(text, tf.int32, little_endian=False), tf.int64)
    return width_and_height[1], width_and_height[0]


def _jpeg_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, int64."""
    shape = tf.cast(tf.io.extract_jpeg_shape(contents), tf.int64)
    return shape[0], shape[1]
