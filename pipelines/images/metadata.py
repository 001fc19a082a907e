"""Finds what a JPEG or PNG says of itself besides its pixels: its EXIF data, its color profile, a transparent color.

`read` takes files in Python and in graphs alike, and finds the same in both.
"""

from typing import NamedTuple

import tensorflow as tf

from pipelines.images import header

# Chunks of a PNG that say something of the pixels stand before them, in the first bytes; EXIF data also stand behind
# them (PNG specification, 5.6), in the last bytes.
START_BYTES = 2**16
PROFILE_NAME_BYTES = 80
# A gray PNG's transparent level, and an RGB PNG's transparent color: length and name of the chunk.
TRANSPARENT_LEVEL = b"\0\0\0\2tRNS"
TRANSPARENT_COLOR = b"\0\0\0\6tRNS"

# A JPEG's metadata stand in its first segments, APP0 to APP15 and COM, before all tables (EXIF 2.3, 4.5.4). A profile
# alone may have 255 of them.
MAX_SEGMENTS = 512
EXIF_START = b"Exif\0\0"
PROFILE_START = b"ICC_PROFILE\0"
# Marker and length, then the longer of the two names.
SEGMENT_HEAD = 4
READ_AHEAD = SEGMENT_HEAD + len(PROFILE_START)
# The number of a profile's segment and the number of its segments follow its name.
PROFILE_HEAD = len(PROFILE_START) + 2


class Metadata(NamedTuple):
    """What was found; scalars.

    Attributes:
      exif: the EXIF data, from their byte order on, or more bytes than these; empty if there are none.
      profile: of a JPEG, the color profile's first segment; of a PNG, its name and some more bytes; empty without one.
      has_transparent_color: whether it is a gray or RGB PNG, without an alpha channel, with a transparent color.
    """

    exif: tf.Tensor | bytes
    profile: tf.Tensor | bytes
    has_transparent_color: tf.Tensor | bool


def read(contents: tf.Tensor) -> Metadata:
    """Returns the metadata of a JPEG or PNG file, a scalar string; of a damaged one, what it can find."""
    if tf.executing_eagerly():
        file = tf.convert_to_tensor(contents).numpy()
        return _of_png(file) if file.startswith(header.PNG_SIGNATURE) else _of_jpeg(file)
    is_png = header.starts_with(contents, header.PNG_SIGNATURE)
    return tf.cond(is_png, lambda: _of_png_in_graph(contents), lambda: _of_jpeg_in_graph(contents))


def _of_png(file: bytes) -> Metadata:
    start = file[:START_BYTES].split(b"IDAT", 1)[0]
    end = file[max(len(start), len(file) - START_BYTES) :]
    color = file[header.PNG_COLOR_BYTE : header.PNG_COLOR_BYTE + 1]
    transparent = {b"\0": TRANSPARENT_LEVEL, b"\2": TRANSPARENT_COLOR}.get(color)
    return Metadata(
        exif=_behind(start + end, b"eXIf"),
        profile=_behind(start, b"iCCP")[:PROFILE_NAME_BYTES],
        has_transparent_color=transparent is not None and transparent in start,
    )


def _of_png_in_graph(contents: tf.Tensor) -> Metadata:
    start = _split(tf.strings.substr(contents, 0, START_BYTES), b"IDAT")[0]
    length = tf.strings.length(contents)
    end = tf.strings.substr(contents, tf.maximum(tf.strings.length(start), length - START_BYTES), START_BYTES)
    color = tf.strings.substr(contents, tf.minimum(header.PNG_COLOR_BYTE, length), 1)
    has_level = tf.equal(color, b"\0") & (tf.size(_split(start, TRANSPARENT_LEVEL)) > 1)
    has_color = tf.equal(color, b"\2") & (tf.size(_split(start, TRANSPARENT_COLOR)) > 1)
    return Metadata(
        exif=_behind_in_graph(start + end, b"eXIf"),
        profile=tf.strings.substr(_behind_in_graph(start, b"iCCP"), 0, PROFILE_NAME_BYTES),
        has_transparent_color=has_level | has_color,
    )


def _behind(text: bytes, part: bytes) -> bytes:
    return text.partition(part)[2]


def _behind_in_graph(text: tf.Tensor, part: bytes) -> tf.Tensor:
    # Without the part nothing follows the text, so the last of two is empty.
    return tf.concat([_split(text, part), [b""]], axis=0)[1]


def _split(text: tf.Tensor, part: bytes) -> tf.Tensor:
    """Splits a scalar string at the first such part: one or two strings."""
    return tf.raw_ops.StringSplitV2(input=[text], sep=part, maxsplit=1).values


def _of_jpeg(file: bytes) -> Metadata:
    exif = profile = b""
    position = 2
    for _ in range(MAX_SEGMENTS):
        head = file[position : position + READ_AHEAD].ljust(READ_AHEAD, b"\0")
        marker, length = head[1], head[2] * 256 + head[3]
        if head[:2] == b"\xff\xff":  # a byte to fill, before a marker
            position += 1
            continue
        if head[0] != 0xFF or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            break
        body = file[position + SEGMENT_HEAD : position + 2 + length]
        if not exif and marker == 0xE1 and body.startswith(EXIF_START):
            exif = body[len(EXIF_START) :]
        if not profile and marker == 0xE2 and body.startswith(PROFILE_START):
            profile = body[PROFILE_HEAD:]
        position += 2 + length
    return Metadata(exif, profile, has_transparent_color=False)


def _of_jpeg_in_graph(contents: tf.Tensor) -> Metadata:
    end = tf.strings.length(contents)

    def body_of(position: tf.Tensor, length: tf.Tensor, skip: int) -> tf.Tensor:
        start = tf.minimum(position + SEGMENT_HEAD + skip, end)
        return tf.strings.substr(contents, start, tf.maximum(length - 2 - skip, 0))

    def step(
        position: tf.Tensor, exif: tf.Tensor, profile: tf.Tensor, _: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        head = tf.strings.substr(contents, tf.minimum(position, end), READ_AHEAD)
        numbers = tf.cast(tf.io.decode_raw(tf.strings.substr(head + bytes(4), 0, 4), tf.uint8), tf.int32)
        first, marker, length = numbers[0], numbers[1], numbers[2] * 256 + numbers[3]
        is_fill = (first == 0xFF) & (marker == 0xFF)
        goes_on = (first == 0xFF) & ((marker >= 0xE0) & (marker <= 0xEF) | (marker == 0xFE))
        name = tf.strings.substr(head, tf.minimum(SEGMENT_HEAD, tf.strings.length(head)), READ_AHEAD)
        name = tf.strings.substr(name, 0, tf.maximum(length - 2, 0))
        is_exif = tf.equal(exif, b"") & (marker == 0xE1) & header.starts_with(name, EXIF_START) & goes_on
        is_profile = tf.equal(profile, b"") & (marker == 0xE2) & header.starts_with(name, PROFILE_START) & goes_on
        return (
            position + tf.where(is_fill, 1, 2 + length),
            tf.cond(is_exif, lambda: body_of(position, length, len(EXIF_START)), lambda: exif),
            tf.cond(is_profile, lambda: body_of(position, length, PROFILE_HEAD), lambda: profile),
            is_fill | goes_on,
        )

    nothing = tf.constant(b"")
    _, exif, profile, _ = tf.while_loop(
        lambda *state: state[-1], step, (2, nothing, nothing, True), maximum_iterations=MAX_SEGMENTS
    )
    return Metadata(exif, profile, tf.constant(False))
