"""Finds what a JPEG or PNG says of itself besides its pixels: EXIF data, a color profile, a transparent color.

All functions take a file's bytes, a scalar string, eagerly and in graphs, and find the same in both. What is damaged is
not found.
"""

import tensorflow as tf

from pipelines.images import header
from pipelines.images.rare import rare

# Chunks of a PNG that say something of the pixels stand before them, in the first bytes; EXIF data also stand behind
# them (PNG specification, 5.6), in the last bytes.
START_BYTES = 2**16
PROFILE_NAME_BYTES = 80
# A gray PNG's transparent level, and an RGB PNG's transparent color, by their color type: length and name of the chunk.
TRANSPARENT = {b"\0": b"\0\0\0\2tRNS", b"\2": b"\0\0\0\6tRNS"}

# A JPEG's metadata stand in its first segments, APP0 to APP15 and COM, before all tables (EXIF 2.3, 4.5.4). A profile
# alone may have 255 of them.
MAX_SEGMENTS = 512
SEGMENT_HEAD = 4  # two bytes of marker, two of length
# The marker, and the name that the segment begins with. The numbers of a segment and of all segments follow a
# profile's name.
EXIF = (0xE1, b"Exif\0\0")
PROFILE = (0xE2, b"ICC_PROFILE\0")
# Segment APP0 as all programs write it, without a thumbnail, then the first table.
JFIF_HEAD = b"\xff\xe0\0\x10"
TABLE_PLACE, TABLE = 20, b"\xff\xdb"


def exif_of(contents: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF data from their byte order on, and perhaps bytes that follow them; empty if there are none."""
    if tf.executing_eagerly():
        file = tf.convert_to_tensor(contents).numpy()
        return tf.constant(_behind(_ends(file), b"eXIf") if _is_png(file) else _segment(file, *EXIF))
    return tf.cond(
        header.starts_with(contents, header.PNG_SIGNATURE),
        lambda: _behind_in_graph(_ends_in_graph(contents), b"eXIf"),
        lambda: _segment_in_graph(contents, *EXIF),
    )


def profile_of(contents: tf.Tensor) -> tf.Tensor:
    """Returns a JPEG's color profile, its first segment; a PNG's name of it, and more bytes; empty without one."""
    if tf.executing_eagerly():
        file = tf.convert_to_tensor(contents).numpy()
        found = _behind(_start(file), b"iCCP")[:PROFILE_NAME_BYTES] if _is_png(file) else _segment(file, *PROFILE)
        return tf.constant(found)
    return tf.cond(
        header.starts_with(contents, header.PNG_SIGNATURE),
        lambda: tf.strings.substr(_behind_in_graph(_start_in_graph(contents), b"iCCP"), 0, PROFILE_NAME_BYTES),
        lambda: _segment_in_graph(contents, *PROFILE),
    )


def has_transparent_color(png: tf.Tensor) -> tf.Tensor:
    """Tells whether a gray or RGB PNG, without an alpha channel, has a transparent color; its header was checked."""
    if tf.executing_eagerly():
        file = tf.convert_to_tensor(png).numpy()
        chunk = TRANSPARENT.get(file[header.PNG_COLOR_BYTE : header.PNG_COLOR_BYTE + 1])
        return chunk is not None and chunk in _start(file)
    color = tf.strings.substr(png, header.PNG_COLOR_BYTE, 1)
    (gray, level), (_, rgb) = TRANSPARENT.items()
    chunk = tf.where(tf.equal(color, gray), level, rgb)
    return tf.reduce_any(tf.equal(color, list(TRANSPARENT))) & (tf.size(_split(_start_in_graph(png), chunk)) > 1)


def _is_png(file: bytes) -> bool:
    return file.startswith(header.PNG_SIGNATURE)


def _start(png: bytes) -> bytes:
    """Returns what stands before the pixels."""
    return png[:START_BYTES].split(b"IDAT", 1)[0]


def _start_in_graph(png: tf.Tensor) -> tf.Tensor:
    return _split(tf.strings.substr(png, 0, START_BYTES), b"IDAT")[0]


def _ends(png: bytes) -> bytes:
    """Returns what stands before the pixels, and the last bytes."""
    start = _start(png)
    return start + png[max(len(start), len(png) - START_BYTES) :]


def _ends_in_graph(png: tf.Tensor) -> tf.Tensor:
    start = _start_in_graph(png)
    behind = tf.maximum(tf.strings.length(start), tf.strings.length(png) - START_BYTES)
    return start + tf.strings.substr(png, behind, START_BYTES)


def _behind(text: bytes, part: bytes) -> bytes:
    """Returns what follows the first such part; nothing if there is none."""
    return text.partition(part)[2]


def _behind_in_graph(text: tf.Tensor, part: bytes) -> tf.Tensor:
    return tf.strings.reduce_join(_split(text, part)[1:])


def _split(text: tf.Tensor, part: bytes | tf.Tensor) -> tf.Tensor:
    """Splits a scalar string at the first such part: one or two strings."""
    return tf.raw_ops.StringSplitV2(input=[text], sep=part, maxsplit=1).values


def _segment(jpeg: bytes, marker: int, name: bytes) -> bytes:
    """Returns what follows the name in the first segment with this marker and name; empty if there is none."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        head = jpeg[position : position + SEGMENT_HEAD].ljust(SEGMENT_HEAD, b"\0")
        length = head[2] * 256 + head[3]
        if head[0] != 0xFF or not (0xE0 <= head[1] <= 0xEF or head[1] >= 0xFE):
            break
        if head[1] == 0xFF:  # fills the space before a marker
            position += 1
            continue
        body = jpeg[position + SEGMENT_HEAD : position + 2 + length]
        if head[1] == marker and body.startswith(name):
            return body[len(name) :]
        position += 2 + length
    return b""


def _segment_in_graph(jpeg: tf.Tensor, marker: int, name: bytes) -> tf.Tensor:
    # Most files have no metadata. To find that out takes less time than the search.
    place = tf.minimum(TABLE_PLACE, tf.strings.length(jpeg))
    is_jfif = tf.equal(tf.strings.substr(jpeg, 2, len(JFIF_HEAD)), JFIF_HEAD)
    is_plain = is_jfif & tf.equal(tf.strings.substr(jpeg, place, len(TABLE)), TABLE)
    return tf.cond(is_plain, lambda: b"", lambda: _search(jpeg, marker, name))


@rare
def _search(jpeg: tf.Tensor, marker: int, name: bytes) -> tf.Tensor:
    """Returns the same as _segment."""
    end = tf.strings.length(jpeg)

    def step(position: tf.Tensor, found: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        head = tf.strings.substr(jpeg, tf.minimum(position, end), SEGMENT_HEAD) + bytes(SEGMENT_HEAD)
        numbers = tf.cast(tf.io.decode_raw(tf.strings.substr(head, 0, SEGMENT_HEAD), tf.uint8), tf.int32)
        length = numbers[2] * 256 + numbers[3]
        is_segment = (numbers[0] == 0xFF) & ((numbers[1] >= 0xE0) & (numbers[1] <= 0xEF) | (numbers[1] >= 0xFE))
        place = tf.minimum(position + SEGMENT_HEAD, end)
        body = tf.strings.substr(jpeg, place, tf.maximum(length - 2, 0))
        is_it = is_segment & (numbers[1] == marker) & header.starts_with(body, name)
        found = tf.where(is_it, tf.strings.substr(body, tf.where(is_it, len(name), 0), 2**16), found)
        return position + tf.where(numbers[1] == 0xFF, 1, 2 + length), found, is_segment & ~is_it

    start = (tf.constant(2), tf.constant(b""), tf.constant(True))
    return tf.while_loop(lambda *state: state[-1], step, start, maximum_iterations=MAX_SEGMENTS)[1]
