"""Reads encoded images from TFRecord shards: any one by its index, in one read."""

import concurrent.futures
import functools
import hashlib
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.packed_pair import is_packed
from pipelines.storage import manifest, records
from pipelines.storage.image_files import Files
from pipelines.storage.image_set import ImageSet
from pipelines.storage.listing import list_folder, with_images
from pipelines.storage.manifest import Manifest, is_sharded
from pipelines.storage.records import Record
from pipelines.system.paths import AnyPath, file_size
from pipelines.system.terminal import InputError

# Simultaneous requests while shards are opened: an object store answers each after about 50 ms.
OPENERS = 16


class Shards(ImageSet):
    """An ImageSet of records. Index i is the i-th file, by name, of the folder from which the shards were made.

    The offsets of all records are in memory, 8 bytes each.

    Args:
      folder: has a manifest.
      rows: the numbers of the records among all; None for all of them.

    Raises:
      InputError: a shard or its index is missing, or differs from the manifest.
    """

    def __init__(self, folder: AnyPath, rows: np.ndarray | None = None):
        self.folder = folder
        self.manifest: Manifest = manifest.load(folder)
        self.kind, self.skipped = self.manifest.kind, self.manifest.skipped
        self.load_size, self.resize_methods = self.manifest.load_size, self.manifest.resize_methods
        self._rows = rows
        with concurrent.futures.ThreadPoolExecutor(OPENERS) as pool:
            indexes, wrong = zip(*pool.map(self._open, self.manifest.shards), strict=True)
        # Shard s has one offset more than records, the end of its last; so record i of all starts at offsets[i + s].
        self._offsets = np.concatenate(indexes)
        self._firsts = np.cumsum([0, *(shard.records for shard in self.manifest.shards)])[:-1]
        self._wrong = np.concatenate([first + rows for first, rows in zip(self._firsts, wrong, strict=True)])
        self._paths = [str(folder / shard.name) for shard in self.manifest.shards]

    def _open(self, shard: records.Shard) -> tuple[np.ndarray, np.ndarray]:
        """Returns the offsets of its records, and the rows of those that must not be given to TensorFlow."""
        path = self.folder / shard.name
        try:
            found = file_size(path)
            # The size first: a pipe or a device has another one, and would be read without end.
            has_size = file_size(records.index_path(path)) == (shard.records + 1) * records.INDEX_TYPE.itemsize
            index = records.index_path(path).read_bytes() if has_size else b""
        except OSError as error:
            raise InputError(f"{error.filename or path} cannot be read ({error.strerror}); restore it") from None
        remedy = "it differs from the manifest; restore it, or make the shards again"
        if found != shard.bytes:
            raise InputError(f"{path} has {found} bytes instead of {shard.bytes}: {remedy}")
        if not has_size:
            raise InputError(f"{records.index_path(path)} has other offsets than the shard: {remedy}")
        if hashlib.sha256(index).hexdigest() != shard.index_sha256:
            raise InputError(f"{records.index_path(path)} has another digest: {remedy}")
        # An offset from 2^63 on becomes negative, so it does not ascend.
        offsets = np.frombuffer(index, records.INDEX_TYPE).astype(np.int64)
        if offsets[0] != 0 or offsets[-1] != shard.bytes:
            raise InputError(f"{records.index_path(path)} has other offsets than the shard: {remedy}")
        if (np.diff(offsets) < records.FRAME_BYTES).any():
            raise InputError(f"{records.index_path(path)} has offsets that do not ascend: {remedy}")
        # In an object store each record would cost a request.
        wrong = records.wrong_lengths(path, offsets) if isinstance(path, pathlib.Path) else np.array([], np.int64)
        return offsets, wrong

    @functools.cached_property
    def is_packed(self) -> bool:
        """Whether its images are packed pairs of two files, as the first record tells."""
        # It may be asked while a graph is built.
        with tf.init_scope():
            try:
                return len(self) > 0 and is_packed(self[0].read_bytes())
            except OSError:
                return False

    def __len__(self) -> int:
        return self.manifest.records if self._rows is None else len(self._rows)

    def __getitem__(self, index: int) -> Record:
        row = range(len(self))[index] if self._rows is None else int(self._rows[index])
        shard = int(np.searchsorted(self._firsts, row, side="right")) - 1
        start, stop = self._offsets[row + shard : row + shard + 2].tolist()
        return Record(self._paths[shard], row - int(self._firsts[shard]), start, stop)

    def select(self, indices: Sequence[int]) -> "Shards":
        """Returns a set of some of the images, in this order."""
        rows = np.asarray(indices, np.int64)
        return Shards(self.folder, rows if self._rows is None else self._rows[rows])

    def names(self) -> list[str]:
        """Returns the names below the folder from which the shards were made; reads every record.

        Raises:
          InputError: a record is damaged.
        """
        names: list[str] = []
        try:
            for name in tf.data.Dataset.range(len(self)).map(self._reader(name=True), tf.data.AUTOTUNE):
                names.append(name.numpy().decode(errors="surrogateescape"))
        except (tf.errors.OpError, UnicodeDecodeError):
            # The records come in order, so the first name that is missing is that of the damaged record.
            record = self[len(names)]
            remedy = "restore the shard, or make the shards again from the files"
            try:
                record.read()
            except OSError as error:
                raise InputError(f"{record}: {error.strerror}; {remedy}") from None
            raise InputError(f"{record} could not be read, and now can be; give the same command again") from None
        return names

    def containers(self) -> list[AnyPath]:
        """Returns the shards."""
        return [self.folder / shard.name for shard in self.manifest.shards]

    def fingerprint(self) -> str:
        """Returns a digest of the records and their order, by the shards' digests."""
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
                wrong = tf.strings.format("the record at byte {} has another length than its index says", start)
                with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(row != self._wrong), [wrong])]):
                    start = tf.identity(start)
            record = records.read_at(paths[shard], start, stop)
            return records.decode(record)[0 if name else 1]

        return read


def open_files(folder: AnyPath) -> ImageSet:
    """Opens the images of a folder: Shards if it has a manifest, else Files.

    Raises:
      InputError: the folder does not exist or has no image, or shards differ from their manifest.
    """
    if is_sharded(folder):
        return Shards(folder)
    listing = with_images(list_folder(folder))
    return Files(folder, listing.files, left_out=listing.left_out)
