"""Encoded images in TFRecord shards: any of them in one read, by its place among all."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from pipelines.storage import manifest, records
from pipelines.storage.image_files import Files, list_files
from pipelines.storage.manifest import Manifest, is_sharded
from pipelines.system.paths import AnyPath, file_size, parse_path
from pipelines.system.terminal import InputError

# Requests under way at once while shards are opened: an object store answers each after some 50 ms.
OPENERS = 16


@dataclasses.dataclass(frozen=True)
class Record:
    """One image of a shard; reads like a file."""

    path: str
    row: int
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.path}, record {self.row} at byte {self.start}"

    def read_bytes(self) -> bytes:
        """The encoded image.

        Raises:
          OSError: it is damaged, or the shard is not there.
        """
        return self.read()[1]

    def read(self) -> tuple[str, bytes]:
        """Name and encoded image; raises like read_bytes."""
        try:
            if not records.has_length(parse_path(self.path), self.start, self.stop):
                raise OSError(0, "its length is another than its index says: the shard is damaged", str(self))
            start, stop = tf.constant([self.start, self.stop], tf.int64)
            name, contents = records.decode(records.read_at(tf.constant(self.path), start, stop))
        except tf.errors.DataLossError:
            raise OSError(0, "its checksum is another: the shard is damaged", str(self)) from None
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None
        except UnicodeDecodeError:
            # TensorFlow's words quote what it found instead, which need not be text.
            raise OSError(0, "it holds no image", str(self)) from None
        return name.numpy().decode(errors="surrogateescape"), contents.numpy()


class Shards(Sequence[Record]):
    """Images by index: what Files are, from shards. Index i is the i-th file by name of the folder they were made from.

    The offsets of all records are in memory, 8 bytes each.

    Args:
      folder: with a manifest.
      rows: which records, by their places among all; None for all of them.

    Raises:
      InputError: a shard or its index is not there, or not the one that the manifest describes.
    """

    def __init__(self, folder: AnyPath, rows: np.ndarray | None = None):
        self.folder = folder
        self.manifest: Manifest = manifest.load(folder)
        self._rows = rows
        with concurrent.futures.ThreadPoolExecutor(OPENERS) as pool:
            indexes, wrong = zip(*pool.map(self._open, self.manifest.shards), strict=True)
        # Shard s has one offset more than records, the end of its last; so record i of all starts at offsets[i + s].
        self._offsets = np.concatenate(indexes)
        self._firsts = np.cumsum([0, *(shard.records for shard in self.manifest.shards)])[:-1]
        self._wrong = np.concatenate([first + rows for first, rows in zip(self._firsts, wrong, strict=True)])
        self._paths = [str(folder / shard.name) for shard in self.manifest.shards]

    def _open(self, shard: records.Shard) -> tuple[np.ndarray, np.ndarray]:
        """The offsets of its records, and which of them must not be given to TensorFlow, by their rows."""
        path = self.folder / shard.name
        try:
            found = file_size(path)
            # Looked at first: what is no file, and may have no end, has another size.
            has_size = file_size(records.index_path(path)) == (shard.records + 1) * records.INDEX_TYPE.itemsize
            index = records.index_path(path).read_bytes() if has_size else b""
        except OSError as error:
            raise InputError(f"{error.filename or path} cannot be read ({error.strerror}); bring it back") from None
        remedy = "it is not the one that the manifest describes; bring that back, or make the shards again"
        if found != shard.bytes:
            raise InputError(f"{path} has {found} bytes instead of {shard.bytes}: {remedy}")
        if not has_size:
            raise InputError(f"{records.index_path(path)} has other offsets than the shard: {remedy}")
        if hashlib.sha256(index).hexdigest() != shard.index_sha256:
            raise InputError(f"{records.index_path(path)} has another digest: {remedy}")
        # What is no int64 becomes negative, and so does not ascend.
        offsets = np.frombuffer(index, records.INDEX_TYPE).astype(np.int64)
        if offsets[0] != 0 or offsets[-1] != shard.bytes:
            raise InputError(f"{records.index_path(path)} has other offsets than the shard: {remedy}")
        if (np.diff(offsets) < records.FRAME_BYTES).any():
            raise InputError(f"{records.index_path(path)} has offsets that do not ascend: {remedy}")
        # In an object store every look would cost a request.
        wrong = records.wrong_lengths(path, offsets) if isinstance(path, pathlib.Path) else np.array([], np.int64)
        return offsets, wrong

    def __len__(self) -> int:
        return self.manifest.records if self._rows is None else len(self._rows)

    def __getitem__(self, index: int) -> Record:
        row = range(len(self))[index] if self._rows is None else int(self._rows[index])
        shard = int(np.searchsorted(self._firsts, row, side="right")) - 1
        start, stop = self._offsets[row + shard : row + shard + 2].tolist()
        return Record(self._paths[shard], row - int(self._firsts[shard]), start, stop)

    def select(self, indices: Sequence[int]) -> "Shards":
        """Some of them, in this order."""
        rows = np.asarray(indices, np.int64)
        return Shards(self.folder, rows if self._rows is None else self._rows[rows])

    def names(self) -> list[str]:
        """The names below the folder that they were made from, as whoever made them says; reads every record.

        Raises:
          InputError: a record is damaged.
        """
        contents = tf.data.Dataset.range(len(self)).map(self._reader(name=True), tf.data.AUTOTUNE)
        with _naming_damage(self):
            return [name.decode(errors="surrogateescape") for name in contents.as_numpy_iterator()]

    def containers(self) -> list[AnyPath]:
        """What holds them: the shards."""
        return [self.folder / shard.name for shard in self.manifest.shards]

    def fingerprint(self) -> str:
        """Tells whether these are the same records in the same order."""
        whole = self.manifest.fingerprint()
        return whole if self._rows is None else hashlib.sha256(whole.encode() + self._rows.tobytes()).hexdigest()

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data."""
        return self._reader(name=False)

    def _reader(self, name: bool) -> Callable[[tf.Tensor], tf.Tensor]:
        paths, firsts, offsets = tf.constant(self._paths), tf.constant(self._firsts), tf.constant(self._offsets)
        rows = None if self._rows is None else tf.constant(self._rows)

        def read(index: tf.Tensor) -> tf.Tensor:
            row = index if rows is None else rows[index]
            shard = tf.searchsorted(firsts, row[None], side="right", out_type=tf.int64)[0] - 1
            start, stop = offsets[row + shard], offsets[row + shard + 1]
            if len(self._wrong):
                wrong = tf.strings.format("the length of the record at {} is another", start)
                with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(row != self._wrong), [wrong])]):
                    start = tf.identity(start)
            record = records.read_at(paths[shard], start, stop)
            return records.decode(record)[0 if name else 1]

        return read

    def damaged(self, offset: int) -> list[Record]:
        """The records around an offset, in whichever shard, that cannot be read."""
        found = []
        for shard, first in enumerate(self._firsts):
            count = self.manifest.shards[shard].records
            starts = self._offsets[first + shard : first + shard + count]
            row = int(np.searchsorted(starts, offset, side="right")) - 1
            if 0 <= row < count:
                record = Record(self._paths[shard], row, *self._offsets[first + shard + row :][:2].tolist())
                try:
                    record.read()
                except OSError:
                    found.append(record)
        return found


def open_files(folder: AnyPath) -> Files | Shards:
    """The images of a folder: shards where it has a manifest, else files.

    Raises:
      InputError: there is no such folder, no image in it, or shards that are not as their manifest says.
    """
    return Shards(folder) if is_sharded(folder) else Files(folder, list_files(folder))


@contextlib.contextmanager
def _naming_damage(shards: Shards) -> Iterator[None]:
    """Turns TensorFlow's word of a damaged record, which names an offset and no file, into an InputError that does.

    Of an image that is damaged, under a checksum that is right, not even the offset is known; `prepare check` names it.
    """
    try:
        yield
    except UnicodeDecodeError:
        # What TensorFlow quotes from a record need not be text.
        raise _unnamed(shards) from None
    except tf.errors.NotFoundError as error:
        raise InputError(f"{shards.folder} has lost a shard ({error.message}); bring it back") from None
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        offset = re.search(r" at (\d+)", error.message)
        found = "; ".join(str(record) for record in (shards.damaged(int(offset[1])) if offset else []))
        if not found:
            raise _unnamed(shards) from None
        remedy = "bring back the shard, or make the shards again from the files"
        raise InputError(f"{found}: its checksum or its length is another, so it is damaged; {remedy}") from None


def _unnamed(shards: Shards) -> InputError:
    return InputError(
        f"an image in {shards.folder} cannot be read; python -m pipelines.prepare check --data=FOLDER names it"
    )
