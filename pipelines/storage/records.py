"""TFRecord shards with an index: write one, and read any record of it without those before."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from pipelines.system.paths import AnyPath, file_sha256, put, unfinished

# What TFRecord adds to a record: its length and two checksums.
FRAME_BYTES = 16
# The first of them: the length.
LENGTH_BYTES = 8
SHARD_SUFFIX = ".tfrecord"
INDEX_SUFFIX = ".index"
# Offsets in an index file.
INDEX_TYPE = np.dtype("<u8")

FEATURES = {"name": tf.io.FixedLenFeature((), tf.string), "image": tf.io.FixedLenFeature((), tf.string)}


@dataclasses.dataclass(frozen=True)
class Shard:
    """What is known of a shard.

    Attributes:
      name: of its file; the index lies beside it, with INDEX_SUFFIX.
      records: how many.
      bytes: of the file.
      sha256: of the file, in hex.
      index_sha256: of the index.
    """

    name: str
    records: int
    bytes: int
    sha256: str
    index_sha256: str


def shard_name(split: str, number: int, count: int) -> str:
    """Such as train-00000-of-00004.tfrecord."""
    return f"{split}-{number:05d}-of-{count:05d}{SHARD_SUFFIX}"


def index_path(path: AnyPath) -> AnyPath:
    """Where a shard's index lies."""
    return path.with_name(path.name + INDEX_SUFFIX)


def write_shard(path: AnyPath, images: Iterable[tuple[str, bytes]]) -> Shard:
    """Writes a shard and its index, each whole or not at all; equal images give equal files.

    Args:
      path: of the shard, in a folder that is there.
      images: name, and encoded bytes as they are to be read again.

    Raises:
      tf.errors.OpError: it cannot be written.
    """
    temporary = unfinished(path)
    offsets = [0]
    try:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for name, contents in images:
                record = encode(name, contents)
                writer.write(record)
                offsets.append(offsets[-1] + len(record) + FRAME_BYTES)
        # Read again: the digest is that of what the disk has, not of what was sent to it.
        digest = file_sha256(temporary)
        tf.io.gfile.rename(str(temporary), str(path), overwrite=True)
    finally:
        if tf.io.gfile.exists(str(temporary)):
            tf.io.gfile.remove(str(temporary))
    index = np.array(offsets, INDEX_TYPE).tobytes()
    put(index_path(path), index)
    return Shard(path.name, len(offsets) - 1, offsets[-1], digest, hashlib.sha256(index).hexdigest())


def encode(name: str, contents: bytes) -> bytes:
    """An image as a tf.train.Example with the features `name` and `image`."""
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in (("name", name.encode(errors="surrogateescape")), ("image", contents))
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The order of a map's entries is otherwise left open.
    return example.SerializeToString(deterministic=True)


def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A record as (name, contents), scalar strings."""
    example = tf.io.parse_single_example(record, FEATURES)
    return example["name"], example["image"]


def has_length(path: AnyPath, start: int, stop: int) -> bool:
    """Whether the frame of a record says the length that the index says.

    TensorFlow's kernel allocates whatever the frame says; one that says 2^60, under a checksum that is right, ends the
    process.
    """
    with tf.io.gfile.GFile(str(path), "rb") as file:
        file.seek(start)
        return int.from_bytes(file.read(LENGTH_BYTES), "little") == stop - start - FRAME_BYTES


def wrong_lengths(path: pathlib.Path, offsets: np.ndarray) -> np.ndarray:
    """The rows of a shard on a disk for which `has_length` is not true."""
    if len(offsets) == 1:
        return np.array([], np.int64)
    frames = np.memmap(path, np.uint8, "r")
    lengths = frames[offsets[:-1, None] + np.arange(LENGTH_BYTES)].view(INDEX_TYPE)[:, 0]
    return np.flatnonzero(lengths != np.diff(offsets) - FRAME_BYTES)


def read_at(path: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """The record between two offsets of a shard, in one read, inside a graph or eagerly.

    Args:
      path: a scalar string.
      start: of the record's frame, int64.
      stop: of the next one's.

    Raises:
      tf.errors.DataLossError: it is not what was written, by its checksum.
      tf.errors.NotFoundError: the shard is not there.
    """
    # tf.data.TFRecordDataset has no argument for offsets, its kernel has.
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None], compression_type="", buffer_size=stop - start, byte_offsets=start[None]
    )
    records = tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string))
    return records.take(1).get_single_element()
