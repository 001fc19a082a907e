"""Reads plain JPEG and PNG files by TensorFlow's kernels: those that need no turning, no alpha and no color conversion.

Most files are plain. The graph of the others would be ten times as large, and take seconds to build, so that tf.data
reads them in Python.
"""

import tensorflow as tf

from pipelines.images import header
from pipelines.images.size import MAX_PIXELS
from pipelines.images.transforms import SRGB_NAMES, Stored

# EXIF data of up to 64 KiB may stand before the color profile.
START_BYTES = 2**17
# A PNG's EXIF data may stand behind the pixels.
END_BYTES = 2**12
# The entry of the orientation in EXIF data (Exif 2.32, tag 0x0112, one SHORT), in both byte orders; its value follows.
ORIENTATION_TAGS = (b"\x01\x12\x00\x03\x00\x00\x00\x01\x00", b"\x12\x01\x03\x00\x01\x00\x00\x00")
UPRIGHT = (b"\x00", b"\x01")
# Gray, RGB and palette (PNG specification, 11.2.2).
PNG_COLORS_WITHOUT_ALPHA = (b"\x00", b"\x02", b"\x03")


def is_plain(contents: tf.Tensor) -> tf.Tensor:
    """Tells whether `decode_plain` reads these bytes of a file, a scalar string, as a viewer shows them.

    A file that could be read so may be called not plain, since the bytes are searched, not parsed.
    """
    if tf.executing_eagerly():
        return tf.constant(_is_plain(contents.numpy()))
    start = tf.strings.substr(contents, 0, START_BYTES)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    is_jpeg = header.starts_with(contents, header.JPEG_SIGNATURE)
    end = tf.strings.substr(contents, -tf.minimum(tf.strings.length(contents), END_BYTES), END_BYTES)
    color = tf.strings.substr(tf.strings.join([start, b"\xff" * header.PNG_DEPTH_BYTE]), header.PNG_COLOR_BYTE, 1)
    has_color = tf.reduce_any(tf.equal(color, PNG_COLORS_WITHOUT_ALPHA))
    plain_png = is_png & has_color & ~_has(start, b"tRNS") & ~_has(start, b"eXIf") & ~_has(end, b"eXIf")
    is_srgb = _has(start, SRGB_NAMES[0]) | _has(start, SRGB_NAMES[1])
    has_profile = tf.where(is_png, _has(start, b"iCCP"), _has(start, b"ICC_PROFILE"))
    turned = [tf.reduce_any(_turns(start, tag)) for tag in ORIENTATION_TAGS]
    return (plain_png | (is_jpeg & ~tf.reduce_any(turned))) & (is_srgb | ~has_profile)


def _is_plain(file: bytes) -> bool:
    """Tells in Python, which is faster than eager operations, what `is_plain` tells."""
    start = file[:START_BYTES]
    if file.startswith(header.PNG_SIGNATURE):
        has_color = start[header.PNG_COLOR_BYTE : header.PNG_COLOR_BYTE + 1] in PNG_COLORS_WITHOUT_ALPHA
        is_plain = has_color and b"tRNS" not in start and b"eXIf" not in start and b"eXIf" not in file[-END_BYTES:]
        has_profile = b"iCCP" in start
    else:
        values = [piece[:1] or UPRIGHT[0] for tag in ORIENTATION_TAGS for piece in start.split(tag)[1:]]
        is_plain = file.startswith(header.JPEG_SIGNATURE) and all(value in UPRIGHT for value in values)
        has_profile = b"ICC_PROFILE" in start
    return is_plain and (not has_profile or any(name in start for name in SRGB_NAMES))


def decode_plain(
    contents: tf.Tensor, with_alpha: bool, max_pixels: int = MAX_PIXELS, name: tf.Tensor | str = "it"
) -> Stored:
    """Decodes a plain file to RGB or, opaque, to RGBA. Gray gives equal channels.

    Args:
      contents: the file's bytes, a scalar string.
      with_alpha: whether to add an alpha channel.
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
    is_deep = tf.equal(tf.strings.substr(contents, header.PNG_DEPTH_BYTE, 1), b"\x10")
    # An 8-bit value v is decoded as 257 v, and 257 v / 65535 equals v / 255 to the last bit.
    image = tf.cond(
        is_png,
        lambda: _to_unit(tf.io.decode_png(contents, 3, tf.uint16)),
        # The accurate transform equals Pillow's to the last bit; TensorFlow's default differs by up to 7 levels.
        lambda: _to_unit(tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE")),
    )
    image = tf.ensure_shape(image, (None, None, 3))
    white = tf.where(is_png & is_deep, tf.uint16.max, tf.uint8.max)
    return Stored(tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=1.0) if with_alpha else image, white)


def _has(contents: tf.Tensor, part: bytes) -> tf.Tensor:
    return tf.size(tf.raw_ops.StringSplitV2(input=[contents], sep=part, maxsplit=1).values) > 1


def _turns(contents: tf.Tensor, tag: bytes) -> tf.Tensor:
    """Tells for each place of the tag whether the value that follows is one of an image that must be turned."""
    pieces = tf.raw_ops.StringSplitV2(input=[contents], sep=tag, maxsplit=-1).values[1:]
    first = tf.strings.substr(tf.strings.join([pieces, b"\x00"]), 0, 1)
    return tf.reduce_all([tf.not_equal(first, value) for value in UPRIGHT], axis=0)


def _to_unit(image: tf.Tensor) -> tf.Tensor:
    """Converts integers of any depth to [0, 1]."""
    # In a graph TensorFlow multiplies by the reciprocal instead of dividing. In float32 the last bit could differ from
    # the eager result; from float64 both are rounded to the nearest.
    return tf.cast(tf.cast(image, tf.float64) / image.dtype.max, tf.float32)
