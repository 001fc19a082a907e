"""What an image's header says, without decoding: a bomb is refused before it takes memory or time."""

import re

import tensorflow as tf

from pipelines.images.size import MAX_PIXELS

PNG_SIGNATURE = b"\x89PNG"
JPEG_SIGNATURE = b"\xff\xd8\xff"

# How every PNG begins: the whole signature, then the length and the name of its first chunk. Decoders skip chunks that
# they do not know, also before this one, and so find a size at another place than is looked at here.
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
# Where a PNG has its width and height, four bytes each, its bits a channel and its kind of color (PNG specification,
# 11.2.2).
PNG_SIZE = (16, 8)
PNG_DEPTH_BYTE = 24
PNG_COLOR_BYTE = 25
PNG_COLORS_WITH_ALPHA = (4, 6)

# What lets a small file cost much time: every scan of a progressive JPEG passes over all its pixels, and every
# compressed text or profile of a PNG is unpacked to up to 8 MB, to be thrown away. Programs write some ten of either.
SCAN = b"\xff\xda\x00"
UNPACKED = (b"zTXt", b"iTXt", b"iCCP")
MOST_PARTS = 100

# The largest file of so many pixels: four channels of 16 bits, and room for what is not pixels.
BYTES_A_PIXEL = 8
OTHER_BYTES = 2**20

EXCESS = re.compile(
    r"has (?:(\d+)x(\d+) pixels|\d+ scans or compressed parts), and at most \d+ are taken"
    r"|has \d+ bytes, and \d+x\d+ pixels take at most \d+"
)


def checked(contents: tf.Tensor, max_pixels: int, name: tf.Tensor | str = "it") -> tf.Tensor:
    """Returns the bytes of an image whose header is in order; works eagerly and inside a graph.

    Args:
      contents: a scalar string.
      max_pixels: the most that height times width may be.
      name: what the image is called in errors.

    Raises:
      tf.errors.InvalidArgumentError: it is empty, neither JPEG nor PNG, its header is damaged, it is too large, or it
        has more than MOST_PARTS of what is slow.
    """
    is_png = starts_with(contents, PNG_SIGNATURE)
    is_jpeg = starts_with(contents, JPEG_SIGNATURE)
    kind = tf.where(tf.strings.length(contents) == 0, " is empty", " is neither JPEG nor PNG")
    with tf.control_dependencies([tf.debugging.Assert(is_png | is_jpeg, [name + kind])]):
        height, width, parts = tf.cond(is_png, lambda: _of_png(contents, name), lambda: _of_jpeg(contents))
    too_large = tf.strings.format(" has {}x{} pixels, and at most {} are taken", (height, width, max_pixels))
    # A decoder unpacks what a PNG has behind its last row too, a thousand bytes for each.
    room = height * (width * BYTES_A_PIXEL + 1) + OTHER_BYTES
    length = tf.strings.length(contents)
    too_long = tf.strings.format(" has {} bytes, and {}x{} pixels take at most {}", (length, height, width, room))
    too_slow = tf.strings.format(" has {} scans or compressed parts, and at most {} are taken", (parts, MOST_PARTS))
    checks = [
        tf.debugging.Assert((height > 0) & (width > 0), [name + " has a damaged header"]),
        tf.debugging.Assert(height * width <= max_pixels, [name + too_large]),
        tf.debugging.Assert(is_jpeg | (tf.cast(length, tf.int64) <= room), [name + too_long]),
        tf.debugging.Assert(parts <= MOST_PARTS, [name + too_slow]),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(contents)


def excess(message: str) -> str | None:
    """In words, with the remedy, what `checked` found too much, from its error's message; None if that is not why."""
    found = EXCESS.search(message)
    if not found:
        return None
    return f"it {found[0]}" + (f"; {remedy(int(found[1]) * int(found[2]))}" if found[1] else "")


def excess_bytes(length: int, max_pixels: int = MAX_PIXELS) -> str | None:
    """In words, with the remedy, that a file of this length need not be read at all; None if it may be read."""
    if length <= max_pixels * BYTES_A_PIXEL + OTHER_BYTES:
        return None
    return f"it has {length} bytes, more than an image of {max_pixels} pixels; {remedy(length // BYTES_A_PIXEL)}"


def remedy(pixels: int) -> str:
    """What to do about an image that has so many."""
    return f"--max_pixels={pixels} if you trust it"


def starts_with(contents: tf.Tensor, signature: bytes) -> tf.Tensor:
    """Whether a file's bytes, a scalar string, begin with these."""
    return tf.equal(tf.strings.substr(contents, 0, len(signature)), signature)


def has_transparent_color(png: bytes) -> bool:
    """Whether a PNG without a channel for alpha has a tRNS chunk, which stands before the first IDAT."""
    return b"tRNS" in png.split(b"IDAT", 1)[0]


def _of_png(contents: tf.Tensor, name: tf.Tensor | str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Height and width, int64, and how many parts are slow, int32."""
    is_whole = tf.strings.length(contents) >= sum(PNG_SIZE)
    checks = [
        tf.debugging.Assert(is_whole, [name + " is cut short"]),
        tf.debugging.Assert(starts_with(contents, PNG_START) | ~is_whole, [name + " has a damaged header"]),
    ]
    with tf.control_dependencies(checks):
        text = tf.strings.substr(contents, *PNG_SIZE)
    width_and_height = tf.cast(tf.io.decode_raw(text, tf.int32, little_endian=False), tf.int64)
    return width_and_height[1], width_and_height[0], tf.add_n([_count(contents, name) for name in UNPACKED])


def _of_jpeg(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Likewise."""
    shape = tf.cast(tf.io.extract_jpeg_shape(contents), tf.int64)
    return shape[0], shape[1], _count(contents, SCAN)


def _count(contents: tf.Tensor, part: bytes) -> tf.Tensor:
    """How often these bytes are in a file; counted to MOST_PARTS + 1, for each piece takes memory."""
    return tf.size(tf.raw_ops.StringSplitV2(input=[contents], sep=part, maxsplit=MOST_PARTS + 1).values) - 1
