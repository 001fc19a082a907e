"""Checks an image's header before decoding it, so that a bomb takes neither memory nor time.

`check_header` is for files that are opened in Python, `check_header_in_graph` for tf.data and exported models. Both
refuse the same files.
"""

import struct
from typing import TypeVar

import tensorflow as tf

from pipelines.images.rare import rare
from pipelines.images.size import MAX_PIXELS

PNG_SIGNATURE = b"\x89PNG"
JPEG_SIGNATURE = b"\xff\xd8\xff"

# The first bytes of every PNG: the signature, then the length and the name of the chunk IHDR. A decoder skips unknown
# chunks before IHDR, and would so read the size at another place than the checks below; so IHDR has to come first.
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
# In a PNG: (position, length) of width and height, four bytes each; positions of the bits per channel and of the color
# type (PNG specification, 11.2.2).
PNG_SIZE = (16, 8)
PNG_DEPTH_BYTE = 24
PNG_COLOR_BYTE = 25
PNG_COLORS_WITH_ALPHA = (4, 6)
# The channels of a PNG by its color type; those of a palette are its colors'.
PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}

# Parts that make a small file slow: every scan of a progressive JPEG passes over all pixels, and every compressed text
# or profile of a PNG is unpacked to up to 8 MB and thrown away. Programs write about ten of either.
SCAN = b"\xff\xda\x00"
UNPACKED = (b"zTXt", b"iTXt", b"iCCP")
MAX_PARTS = 100

# The largest file of a number of pixels: four channels of 16 bits each, and room for metadata.
BYTES_PER_PIXEL = 8
METADATA_BYTES = 2**20

DAMAGED = "it is damaged or cut short"

# A number in Python, or one in a graph.
Number = TypeVar("Number", int, tf.Tensor)


class BadImageError(ValueError):
    """An image file that cannot be used.

    Attributes:
      reason: why, in words that follow the file's name, such as "it is empty".
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def check_header(contents: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Raises BadImageError for an image file whose header shows that it should not be decoded.

    Reasons: it is empty, or neither JPEG nor PNG; its header is damaged; it has more than max_pixels pixels, more bytes
    than its pixels can take, or more than MAX_PARTS slow parts.
    """
    if not contents:
        raise BadImageError("it is empty")
    if contents.startswith(PNG_SIGNATURE):
        height, width = _png_size(contents)
        parts = sum(contents.count(name) for name in UNPACKED)
    elif contents.startswith(JPEG_SIGNATURE):
        height, width = _jpeg_size(contents)
        parts = contents.count(SCAN)
    else:
        raise BadImageError("it is neither JPEG nor PNG, whatever its name says")
    if height <= 0 or width <= 0:
        raise BadImageError(DAMAGED)
    if height * width > max_pixels:
        raise BadImageError(
            f"it has {height}x{width} pixels, and at most {max_pixels} are taken; {_remedy(height * width)}"
        )
    room = _max_bytes(height, width)
    if contents.startswith(PNG_SIGNATURE) and len(contents) > room:
        raise BadImageError(f"it has {len(contents)} bytes, and {height}x{width} pixels take at most {room}")
    if parts > MAX_PARTS:
        raise BadImageError(f"it has {parts} scans or compressed parts, and at most {MAX_PARTS} are taken")


def check_length(length: int, max_pixels: int = MAX_PIXELS) -> None:
    """Raises BadImageError for a file of more bytes than an image of max_pixels can have; it need not be read."""
    if length > max_pixels * BYTES_PER_PIXEL + METADATA_BYTES:
        remedy = _remedy(length // BYTES_PER_PIXEL)
        raise BadImageError(f"it has {length} bytes, more than an image of {max_pixels} pixels; {remedy}")


def check_header_in_graph(contents: tf.Tensor, max_pixels: int, name: tf.Tensor | str = "it") -> tf.Tensor:
    """Returns the contents, after the checks of `check_header`, by TensorFlow's operations.

    Args:
      contents: a scalar string.
      max_pixels: maximum of height times width.
      name: names the image in errors.

    Raises:
      tf.errors.InvalidArgumentError: `check_header` would refuse it.
    """
    is_png, is_jpeg, checks = _kind_in_graph(contents, name)
    with tf.control_dependencies(checks):
        height, width, parts = tf.cond(is_png, lambda: _of_png(contents, name), lambda: _of_jpeg(contents))
    length, room = tf.cast(tf.strings.length(contents), tf.int64), _max_bytes(height, width)
    is_image = (height > 0) & (width > 0)
    is_small, is_short = height * width <= max_pixels, is_jpeg | (length <= room)
    is_quick = parts <= MAX_PARTS

    @rare
    def refused() -> tf.Tensor:
        size = " has {}x{} pixels, and at most {} are taken"
        bytes_ = " has {} bytes, and {}x{} pixels take at most {}"
        slow = " has {} scans or compressed parts, and at most {} are taken"
        checks = [
            tf.debugging.Assert(is_image, [name + " has a damaged header"]),
            tf.debugging.Assert(is_small, [name + tf.strings.format(size, (height, width, max_pixels))]),
            tf.debugging.Assert(is_short, [name + tf.strings.format(bytes_, (length, height, width, room))]),
            tf.debugging.Assert(is_quick, [name + tf.strings.format(slow, (parts, MAX_PARTS))]),
        ]
        with tf.control_dependencies(checks):
            return tf.identity(contents)

    # The words of a refusal take longer than the checks.
    return tf.cond(is_image & is_small & is_short & is_quick, lambda: tf.identity(contents), refused)


def stored_size_in_graph(contents: tf.Tensor, name: tf.Tensor | str = "it") -> tf.Tensor:
    """Returns (height, width), int64, from the header of a JPEG or PNG file, as it is stored.

    The arguments and errors are those of `check_header_in_graph`, but sizes and parts are not checked.
    """
    is_png, _, checks = _kind_in_graph(contents, name)
    with tf.control_dependencies(checks):
        return tf.cond(is_png, lambda: _png_size_in_graph(contents, name), lambda: _jpeg_size_in_graph(contents))


def starts_with(contents: tf.Tensor, signature: bytes) -> tf.Tensor:
    """Tells whether a file's bytes, a scalar string, begin with the signature."""
    return tf.equal(tf.strings.substr(contents, 0, len(signature)), signature)


def has_transparent_color(png: bytes) -> bool:
    """Tells whether a PNG without an alpha channel has a transparent color: a tRNS chunk, before the first IDAT."""
    return b"tRNS" in png.split(b"IDAT", 1)[0]


def _max_bytes(height: Number, width: Number) -> Number:
    """Returns how many bytes a PNG of this size may have.

    A decoder also unpacks what follows the last row, and a byte of a file can become a thousand in memory.
    """
    return height * (width * BYTES_PER_PIXEL + 1) + METADATA_BYTES


def _remedy(pixels: int) -> str:
    return f"--max_pixels={pixels} if you trust it"


def _png_size(contents: bytes) -> tuple[int, int]:
    """Returns (height, width)."""
    start, length = PNG_SIZE
    if not contents.startswith(PNG_START) or len(contents) < start + length:
        raise BadImageError(DAMAGED)
    width, height = struct.unpack(">ii", contents[start : start + length])
    return height, width


def _jpeg_size(contents: bytes) -> tuple[int, int]:
    """Returns (height, width), as libjpeg reads them."""
    try:
        height, width, _ = tf.io.extract_jpeg_shape(contents).numpy().tolist()
    except tf.errors.InvalidArgumentError:
        raise BadImageError(DAMAGED) from None
    return height, width


def _kind_in_graph(contents: tf.Tensor, name: tf.Tensor | str) -> tuple[tf.Tensor, tf.Tensor, list]:
    """Tells whether a file is a PNG and whether it is a JPEG; the last is the assertion that it is one of them."""
    is_png = starts_with(contents, PNG_SIGNATURE)
    is_jpeg = starts_with(contents, JPEG_SIGNATURE)
    kind = tf.where(tf.strings.length(contents) == 0, " is empty", " is neither JPEG nor PNG")
    return is_png, is_jpeg, [tf.debugging.Assert(is_png | is_jpeg, [name + kind])]


def _png_size_in_graph(contents: tf.Tensor, name: tf.Tensor | str) -> tf.Tensor:
    """Returns (height, width), int64."""
    is_whole = tf.strings.length(contents) >= sum(PNG_SIZE)
    checks = [
        tf.debugging.Assert(is_whole, [name + " is cut short"]),
        tf.debugging.Assert(starts_with(contents, PNG_START) | ~is_whole, [name + " has a damaged header"]),
    ]
    with tf.control_dependencies(checks):
        text = tf.strings.substr(contents, *PNG_SIZE)
    return tf.cast(tf.io.decode_raw(text, tf.int32, little_endian=False), tf.int64)[::-1]


def _jpeg_size_in_graph(contents: tf.Tensor) -> tf.Tensor:
    """Returns the same of a JPEG."""
    return tf.cast(tf.io.extract_jpeg_shape(contents), tf.int64)[:2]


def _of_png(contents: tf.Tensor, name: tf.Tensor | str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height and width, int64, and the number of slow parts, int32."""
    size = _png_size_in_graph(contents, name)
    return size[0], size[1], tf.add_n([_count(contents, part) for part in UNPACKED])


def _of_jpeg(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the same of a JPEG."""
    size = _jpeg_size_in_graph(contents)
    return size[0], size[1], _count(contents, SCAN)


def _count(contents: tf.Tensor, part: bytes) -> tf.Tensor:
    """Counts these bytes in a file, up to MAX_PARTS + 1, since each piece takes memory."""
    return tf.size(tf.raw_ops.StringSplitV2(input=[contents], sep=part, maxsplit=MAX_PARTS + 1).values) - 1
