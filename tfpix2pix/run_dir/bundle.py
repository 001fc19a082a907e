"""The index of a checkpoint, looked at before TensorFlow believes it: of some, its process dies.

A checkpoint is what TensorFlow calls a tensor bundle: `<prefix>.index`, and `<prefix>.data-00000-of-00001` with the
tensors' bytes. The index is a table in LevelDB's format (github.com/google/leveldb, doc/table_format.md), from names
to BundleEntryProto. Checksums are not looked at here: TensorFlow does that itself, and whoever forges a file makes
them right.
"""

import math
import pathlib
import stat
import struct
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

# That of a U-Net for 256×256, with all that its training has, is of 13 kB; a replica's pool adds some hundred bytes.
MOST_BYTES = 2 * 2**20
# Bounds for one name and one entry, so that a small index does not unfold into much memory or time.
MOST_NAME_BYTES = 1024
MOST_ENTRY_BYTES = 4096
# TensorFlow's own, of a shape.
MOST_DIMENSIONS = 254
MOST_ELEMENTS = 2**63 - 1

# Two handles, padded, and the number that tells such a table; behind each block, its type and its checksum.
FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")
TRAILER_BYTES = 5
UNCOMPRESSED = 0
MOST_VARINT_BYTES = 10

# The name of the entry that says which object each tensor is of. Without it TensorFlow goes by names alone.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
STRING = tf.string.as_datatype_enum
LENGTH_CHECKSUM_BYTES = 4
# What TensorFlow reads as plain bytes; others have readers of their own, which trust lengths inside the data.
NUMBERS = (
    *(tf.bool, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64),
    *(tf.float16, tf.bfloat16, tf.float32, tf.float64),
)
NUMBER_BYTES = {dtype.as_datatype_enum: dtype.size for dtype in NUMBERS}


def check_index(prefix: pathlib.Path) -> dict[str, BundleEntryProto]:
    """Reads the index of a checkpoint, and finds out whether TensorFlow can be given it.

    Args:
      prefix: the checkpoint's, as tf.train.Checkpoint.read takes it.

    Returns:
      The entries of its tensors by name. Each has a shape that is one, is as long as that shape and its dtype say, and
      lies inside its data file, where no bytes are of two of them.

    Raises:
      ValueError: one of its files is not there, is no regular file or cannot be read; the index is damaged, or larger
        than MOST_BYTES; or an entry is none that this project writes.
    """
    index = prefix.with_name(f"{prefix.name}.index")
    try:
        if _regular_size(index) > MOST_BYTES:
            raise ValueError(f"{index.name} has more than {MOST_BYTES} bytes")
        return _checked_entries(prefix, index.read_bytes())
    except OSError as error:
        raise ValueError(f"{prefix.name}: {error.strerror or error}") from None
    except DecodeError:
        raise ValueError(f"{index.name} is damaged: an entry is none") from None


def _checked_entries(prefix: pathlib.Path, index: bytes) -> dict[str, BundleEntryProto]:
    pairs = _table(index)
    name, value = next(pairs)
    if name:
        raise ValueError("the index has no header")
    shards = BundleHeaderProto.FromString(value).num_shards
    entries = {}
    # Bytes of each data file, and how many of them the entries so far take.
    sizes, taken = {}, {}
    for name, value in pairs:
        name = name.decode()
        entry = BundleEntryProto.FromString(value)
        shard = entry.shard_id
        if not 0 <= shard < shards:
            raise ValueError(f"{name!r} is in data file {shard} of {shards}")
        data = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")
        if shard not in sizes:
            sizes[shard], taken[shard] = _regular_size(data), 0
        _check_shape(name, entry)
        if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > sizes[shard]:
            raise ValueError(f"{name!r} is not inside {data.name}")
        taken[shard] += entry.size
        if taken[shard] > sizes[shard]:
            raise ValueError(f"the tensors of {data.name} share bytes")
        if entry.dtype == STRING:
            _check_string(name, entry, data)
        entries[name] = entry
    if OBJECT_GRAPH not in entries or entries[OBJECT_GRAPH].dtype != STRING:
        raise ValueError("the index does not say which objects the tensors are of")
    return entries


def _check_shape(name: str, entry: BundleEntryProto) -> None:
    sizes = [dim.size for dim in entry.shape.dim]
    if entry.slices:
        raise ValueError(f"{name!r} is in slices")
    if entry.dtype != STRING and entry.dtype not in NUMBER_BYTES:
        raise ValueError(f"{name!r} is of dtype {entry.dtype}")
    if entry.shape.unknown_rank or len(sizes) > MOST_DIMENSIONS or min(sizes, default=0) < 0:
        raise ValueError(f"{name!r} has no shape that a tensor can have")
    # TensorFlow multiplies from the left, so that a 0 behind does not help.
    if math.prod(max(size, 1) for size in sizes) > MOST_ELEMENTS:
        raise ValueError(f"{name!r} has more than {MOST_ELEMENTS} elements")
    if entry.dtype == STRING and sizes:
        raise ValueError(f"{name!r} is more than one string")
    if entry.dtype != STRING and entry.size != math.prod(sizes) * NUMBER_BYTES[entry.dtype]:
        raise ValueError(f"{name!r} has {entry.size} bytes, which its shape and dtype do not")


def _check_string(name: str, entry: BundleEntryProto, data: pathlib.Path) -> None:
    """A string's own length stands before it, and TensorFlow takes so much memory before it reads."""
    with data.open("rb") as file:
        file.seek(entry.offset)
        length, used = _varint(file.read(min(entry.size, MOST_VARINT_BYTES)), 0)
    if used + LENGTH_CHECKSUM_BYTES + length != entry.size:
        raise ValueError(f"{name!r} is a string of {length} bytes in {entry.size}")


def _regular_size(file: pathlib.Path) -> int:
    """Opening what is no regular file may never end."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{file.name} is no regular file")
    return found.st_size


def _table(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values, by ascending names; at least one."""
    if len(contents) < FOOTER_BYTES or not contents.endswith(MAGIC):
        raise ValueError("the index does not end as one does")
    footer = contents[-FOOTER_BYTES:]
    # The first of the two handles is of a block that TensorFlow does not read.
    _, _, place = _handle(footer, 0)
    offset, size, _ = _handle(footer, place)
    end, last = 0, None
    for _, value in _block(contents, offset, size):
        offset, size, _ = _handle(value, 0)
        if offset < end:
            raise ValueError("the index is damaged: its blocks overlap")
        end = offset + size
        for name, value in _block(contents, offset, size):
            if last is not None and name <= last:
                raise ValueError("the index is damaged: its names are in no order")
            last = name
            yield name, value


def _block(contents: bytes, offset: int, size: int) -> list[tuple[bytes, bytes]]:
    """The names and values of one block; at least one.

    Behind them stand the places where reading may begin, since names there share nothing with the one before.
    TensorFlow's search begins at any of these, so what it would find has to be what is found here.
    """
    end = offset + size
    if end + TRAILER_BYTES > len(contents) - FOOTER_BYTES:
        raise ValueError("the index is damaged: a block is not inside it")
    if contents[end] != UNCOMPRESSED:
        raise ValueError("the index is compressed")
    block = contents[offset:end]
    count = int.from_bytes(block[-4:], "little")
    stop = size - 4 - 4 * count
    if stop <= 0:
        raise ValueError("the index is damaged: a block is empty")
    starts = struct.unpack_from(f"<{count}I", block, stop)
    block = block[:stop]
    pairs, whole = [], set()
    name, place = b"", 0
    while place < stop:
        start = place
        shared, place = _varint(block, place)
        fresh, place = _varint(block, place)
        length, place = _varint(block, place)
        middle = place + fresh
        if shared > len(name) or middle + length > stop:
            raise ValueError("the index is damaged: a name or an entry is not inside its block")
        if shared + fresh > MOST_NAME_BYTES or length > MOST_ENTRY_BYTES:
            raise ValueError("the index has a name or an entry longer than any of this project")
        if not shared:
            whole.add(start)
        name = name[:shared] + block[place:middle]
        place = middle + length
        pairs.append((name, block[middle:place]))
    if not count or not whole.issuperset(starts):
        raise ValueError("the index is damaged: a block does not begin where it says")
    return pairs


def _handle(contents: bytes, place: int) -> tuple[int, int, int]:
    """A block's offset and size, and the place behind."""
    offset, place = _varint(contents, place)
    size, place = _varint(contents, place)
    return offset, size, place


def _varint(contents: bytes, place: int) -> tuple[int, int]:
    """A number of 64 bits, seven in each byte, the lowest first; and the place behind."""
    number = 0
    for i, byte in enumerate(contents[place : place + MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80 and number < 2**64:
            return number, place + i + 1
    raise ValueError("the index is damaged: a number is cut short or too large")
