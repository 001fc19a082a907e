"""Packs the two files of a pair into one string of bytes, which passes through sets and shards as one image does."""

import contextlib
import struct
from collections.abc import Iterator

import tensorflow as tf

from pipelines.images.header import BadImageError

# No image format begins like this.
MAGIC = b"\x8fPAIR\r\n\x1a"
# The length of A follows the signature: 64 bits, little-endian.
LENGTH = struct.Struct("<q")
HEADER_BYTES = len(MAGIC) + LENGTH.size

_BYTES = [bytes([value]) for value in range(256)]


def pack(a: bytes, b: bytes) -> bytes:
    """Returns the bytes of both files as one string."""
    return MAGIC + LENGTH.pack(len(a)) + a + b


def is_packed(contents: bytes) -> bool:
    """Tells whether these bytes are those of two files, not of one side-by-side image."""
    return contents.startswith(MAGIC)


def unpack(contents: bytes) -> tuple[bytes, bytes]:
    """Returns the bytes of A and of B.

    Raises:
      BadImageError: it is not what `pack` returns.
    """
    if not is_packed(contents) or len(contents) < HEADER_BYTES:
        raise BadImageError("it is not a packed pair")
    (length,) = LENGTH.unpack_from(contents, len(MAGIC))
    if not 0 <= length <= len(contents) - HEADER_BYTES:
        raise BadImageError("its packed pair is cut short")
    middle = HEADER_BYTES + length
    return contents[HEADER_BYTES:middle], contents[middle:]


def files_of(contents: bytes) -> tuple[bytes, ...]:
    """Returns the bytes of A and of B, or those of a side-by-side file alone; raises as `unpack`."""
    return unpack(contents) if is_packed(contents) else (contents,)


def pack_in_graph(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns what `pack` returns, by TensorFlow's operations; all are scalar strings."""
    length = tf.cast(tf.bitcast(_length(a), tf.uint8), tf.int32)  # its eight bytes, the lowest first
    return tf.strings.join([MAGIC, tf.strings.reduce_join(tf.gather(_BYTES, length)), a, b])


def is_packed_in_graph(contents: tf.Tensor) -> tf.Tensor:
    """Tells what `is_packed` tells, of a scalar string."""
    return tf.equal(tf.strings.substr(contents, 0, len(MAGIC)), MAGIC)


def unpack_in_graph(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what `unpack` returns, by TensorFlow's operations.

    Raises:
      tf.errors.InvalidArgumentError: it is not what `pack` returns.
    """
    total = _length(contents)
    checks = [tf.debugging.Assert(is_packed_in_graph(contents) & (total >= HEADER_BYTES), ["it is not a packed pair"])]
    with tf.control_dependencies(checks):
        number = tf.strings.substr(contents, len(MAGIC), LENGTH.size)
    length = tf.io.decode_raw(number, tf.int64)[0]
    fits = (length >= 0) & (length <= total - HEADER_BYTES)
    with tf.control_dependencies([tf.debugging.Assert(fits, ["its packed pair is cut short"])]):
        length = tf.identity(length)
    middle = HEADER_BYTES + length
    return (
        tf.strings.substr(contents, tf.constant(HEADER_BYTES, tf.int64), length),
        tf.strings.substr(contents, middle, total - middle),
    )


@contextlib.contextmanager
def naming_side(side: str) -> Iterator[None]:
    """Names the side, `A` or `B`, in the errors of what happens inside."""
    try:
        yield
    except BadImageError as error:
        raise BadImageError(f"side {side}: {error.reason}") from None


def _length(contents: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(contents), tf.int64)
