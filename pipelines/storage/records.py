"""Writes TFRecord shards with an index, and reads any record of them without those before it."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from pipelines.storage.manifest import Shard
from pipelines.system.disk import whole_file, write_whole
from pipelines.system.paths import AnyPath, file_sha256, parse_path

# Bytes that TFRecord adds to a record: its length and two checksums.
FRAME_BYTES = 16
# Bytes of the length, which come first.
LENGTH_BYTES = 8
INDEX_SUFFIX = ".index"
# The type of the offsets in an index file.
INDEX_TYPE = np.dtype("<u8")

FEATURES = {"name": tf.io.FixedLenFeature((), tf.string), "image": tf.io.FixedLenFeature((), tf.string)}


@dataclasses.dataclass(frozen=True)
class Record:
    """One image of a shard; reads like a file.

    Attributes:
      path: of the shard.
      row: its number in the shard, from 0.
      start: the offset of its frame, in bytes.
      stop: the offset of the next frame.
    """

    path: str
    row: int
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.path}, record {self.row} at byte {self.start}"

    def read_bytes(self) -> bytes:
        """Returns the encoded image.

        Raises:
          OSError: it is damaged, or the shard is gone.
        """
        return self.read()[1]

    def read(self) -> tuple[str, bytes]:
        """Returns the name and the encoded image; raises like read_bytes."""
        try:
            if not has_length(parse_path(self.path), self.start, self.stop):
                raise OSError(0, "its length differs from its index: the shard is damaged", str(self))
            start, stop = tf.constant([self.start, self.stop], tf.int64)
            name, contents = decode(read_at(tf.constant(self.path), start, stop))
        except tf.errors.DataLossError:
            raise OSError(0, "its checksum is wrong: the shard is damaged", str(self)) from None
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None
        except UnicodeDecodeError:
            # TensorFlow quotes the record in its message, which then need not be text.
            raise OSError(0, "it holds no image", str(self)) from None
        return name.numpy().decode(errors="surrogateescape"), contents.numpy()


def index_path(path: AnyPath) -> AnyPath:
    """Returns the path of a shard's index."""
    return path.with_name(path.name + INDEX_SUFFIX)


def write_shard(path: AnyPath, images: Iterable[tuple[str, bytes]]) -> Shard:
    """Writes a shard and its index, each whole or not at all; equal images give equal files.

    Args:
      path: of the shard, in a folder that exists.
      images: name and encoded bytes of each.

    Raises:
      tf.errors.OpError: it cannot be written.
      OSError: likewise.
    """
    offsets = [0]
    with whole_file(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for name, contents in images:
                record = encode(name, contents)
                writer.write(record)
                offsets.append(offsets[-1] + len(record) + FRAME_BYTES)
        # The digest is that of the file on the disk.
        digest = file_sha256(temporary)
    index = np.array(offsets, INDEX_TYPE).tobytes()
    write_whole(index_path(path), index)
    return Shard(path.name, len(offsets) - 1, offsets[-1], digest, hashlib.sha256(index).hexdigest())


def encode(name: str, contents: bytes) -> bytes:
    """Returns an image as a tf.train.Example with the features `name` and `image`."""
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in (("name", name.encode(errors="surrogateescape")), ("image", contents))
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Without this the order of a map's entries may vary.
    return example.SerializeToString(deterministic=True)


def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (name, contents) of a record, scalar strings."""
    example = tf.io.parse_single_example(record, FEATURES)
    return example["name"], example["image"]


def has_length(path: AnyPath, start: int, stop: int) -> bool:
    """Tells whether the frame of a record has the length that the index has.

    TensorFlow's kernel allocates the length in the frame: 2^60, with a right checksum, ends the process.
    """
    with tf.io.gfile.GFile(str(path), "rb") as file:
        file.seek(start)
        return int.from_bytes(file.read(LENGTH_BYTES), "little") == stop - start - FRAME_BYTES


def wrong_lengths(path: pathlib.Path, offsets: np.ndarray) -> np.ndarray:
    """Returns the rows of a shard on a disk for which `has_length` is false."""
    if len(offsets) == 1:
        return np.array([], np.int64)
    frames = np.memmap(path, np.uint8, "r")
    lengths = frames[offsets[:-1, None] + np.arange(LENGTH_BYTES)].view(INDEX_TYPE)[:, 0]
    return np.flatnonzero(lengths != np.diff(offsets) - FRAME_BYTES)


def read_at(path: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """Reads the record between two offsets of a shard, in one read, in a graph or eagerly.

    Args:
      path: a scalar string.
      start: offset of the record's frame, int64.
      stop: offset of the next frame.

    Raises:
      tf.errors.DataLossError: its checksum is wrong.
      tf.errors.NotFoundError: the shard is gone.
    """
    # tf.data.TFRecordDataset has no argument for offsets, but its kernel has.
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None], compression_type="", buffer_size=stop - start, byte_offsets=start[None]
    )
    records = tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string))
    return records.take(1).get_single_element()
