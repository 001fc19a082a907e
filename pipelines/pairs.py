"""The pairs of one split: opened once, so that bad ones are found then, and read by index afterwards."""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import format_size
from pipelines.storage.image_files import Files
from pipelines.storage.shards import Record, Shards, open_files
from pipelines.storage.validity import read_file, read_files
from pipelines.system.disk import MIB
from pipelines.system.memory import FLOAT_BYTES, check_memory
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError, progress_bar

# What reading raises inside tf.data; the latter where TensorFlow quotes from a record what is no text.
READ_ERRORS = (tf.errors.OpError, UnicodeDecodeError)


@dataclasses.dataclass(frozen=True)
class LostPair:
    """A pair that could be read once, and later could not.

    Attributes:
      index: its place among the pairs.
      name: of its file below the folder, or of shard and record.
      reason: in words.
      size: of its file in bytes, when it could be read; 0 of a record.
      digest: of its file, in hex; none of a record.
    """

    index: int
    name: str
    reason: str
    size: int = 0
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Pairs:
    """The pairs of one split, by index.

    Attributes:
      files: the encoded pairs; good ones only.
      form: how they are read.
      skipped: files left out, with the reason.
      cache: sources and targets, `(n, H, W, C)` float32 in [0, 1], where they fit into memory.
      digests: `(n, 8)` uint8, of each file as it was first read; None of shards, whose records have checksums.
      sizes: `(n,)` likewise, in bytes.
      lost: pairs by index that cannot be read any more. They keep their places, and the next one that can be read
        stands in.
    """

    files: Files | Shards
    form: PairFormat
    skipped: dict[pathlib.Path | Record | str, str]
    cache: tuple[np.ndarray, np.ndarray] | None = None
    digests: np.ndarray | None = None
    sizes: np.ndarray | None = None
    lost: Mapping[int, LostPair] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def fingerprint(self) -> str:
        """Tells whether these are the same files, in the same order."""
        return self.files.fingerprint() if self.sizes is None else self.files.fingerprint(self.sizes)

    def contents(self) -> str | None:
        """Tells whether the files hold what they did, and not their names and sizes alone; None of shards."""
        return None if self.digests is None else hashlib.sha256(self.digests.tobytes()).hexdigest()

    def reader(self) -> Callable[[tf.Tensor], transforms.Pair]:
        """Returns a function from a scalar int64 index to the pair in [0, 1], to be used inside tf.data."""
        # A data set's tensors stay on the host, also where there is a GPU.
        with tf.device("CPU"):
            lost, present = (tf.constant(each, tf.int64) for each in self._stand_ins())
            digests = None if self.digests is None else tf.constant(self.digests)
            if self.cache:
                sources, targets = (tf.convert_to_tensor(array) for array in self.cache)
            else:
                contents = self.files.reader()

        def read(index: tf.Tensor) -> transforms.Pair:
            if self.lost:
                is_lost = tf.equal(lost, index)
                index = tf.where(tf.reduce_any(is_lost), tf.reduce_sum(tf.where(is_lost, present, 0)), index)
            if self.cache:
                return sources[index], targets[index]
            encoded = contents(index)
            if digests is not None:
                # A file that has changed is no image, whatever it holds.
                encoded = tf.where(tf.reduce_all(tf.equal(_digest(encoded), digests[index])), encoded, "")
            return self.form.read(encoded)

        return read

    def unreadable(self, indices: Iterable[int]) -> dict[int, LostPair]:
        """Reads what `reader` reads for these indices once more, and returns what cannot be read, by its own index."""
        stand_in = dict(zip(*self._stand_ins(), strict=True))
        found = {}
        for index in sorted({stand_in.get(index, index) for index in indices}):
            file, reason = self.files[index], self._problem(index)
            if not reason:
                continue
            if self.digests is None:
                found[index] = LostPair(index, str(file), reason)
            else:
                name = file.relative_to(self.files.folder).as_posix()
                found[index] = LostPair(
                    index, name, reason, int(self.sizes[index]), self.digests[index].tobytes().hex()
                )
        return found

    def without(self, lost: Mapping[int, LostPair]) -> "Pairs":
        """The same pairs with these lost besides.

        Raises:
          InputError: none is left.
        """
        lost = {**self.lost, **lost}
        if sum(index < len(self) for index in lost) == len(self):
            raise InputError(
                f"none of the {len(self)} pairs in {self.files.folder} can be read any more; bring them back"
            )
        return dataclasses.replace(self, lost=lost)

    def select(self, rows: Sequence[int]) -> "Pairs":
        """Some of them, in this order; none of them is lost."""
        arrays = {
            "cache": self.cache and tuple(array[rows] for array in self.cache),
            "digests": None if self.digests is None else self.digests[rows],
            "sizes": None if self.sizes is None else self.sizes[rows],
        }
        return dataclasses.replace(self, files=self.files.select(rows), lost={}, **arrays)

    def _problem(self, index: int) -> str | None:
        def check(contents: bytes) -> None:
            self.form.read(tf.constant(contents))
            if self.digests is not None and not np.array_equal(_digest(contents), self.digests[index]):
                raise BadImageError("it is not the file any more that was there when the training began")

        try:
            read_file(self.files[index], check, self.form.max_pixels)
        except BadImageError as error:
            return error.reason
        return None

    def _stand_ins(self) -> tuple[list[int], list[int]]:
        """The lost indices, and for each the next one that is not."""
        present = []
        for index in self.lost:
            while index in self.lost:
                index = (index + 1) % len(self)
            present.append(index)
        return list(self.lost), present


def open_pairs(
    folder: AnyPath, form: PairFormat, bad_images: str = "fail", cache_mib: int = 0, lost: Sequence[LostPair] = ()
) -> Pairs:
    """Reads every file of a split once, so that a bad one is found now and not in the night.

    Shards were read when they were made, and are not read again unless they are kept in memory.

    Args:
      folder: such as `facades/train`; of files, or of shards.
      form: how its files become pairs.
      bad_images: `fail` at the first, with all of them named, or `skip` them.
      cache_mib: keep all pairs in memory, as they are before jitter, if that takes no more MiB than this.
      lost: pairs that were there when the training began; they keep their places, whatever has become of them.

    Raises:
      InputError: a folder without good images, or bad ones with `fail`; shards that are damaged, or of no pairs.
    """
    files = open_files(folder)
    if lost and isinstance(files, Files):
        files = Files(folder, sorted({*files, *(folder / pair.name for pair in lost)}))
    skipped = {}
    if isinstance(files, Shards):
        if files.manifest.kind != "pairs":
            raise InputError(f"{folder} holds shards of single images, not of pairs; give another")
        skipped = files.manifest.skipped
    channels = form.source_channels + form.target_channels
    pair_bytes = form.size[0] * form.size[1] * channels * FLOAT_BYTES
    check_memory(f"a pair of size {format_size(form.size)}", pair_bytes, "take a smaller image_size or load_size")
    mib = len(files) * pair_bytes / MIB
    cache = None
    if mib > cache_mib and isinstance(files, Shards):
        return Pairs(files, form, skipped).without({pair.index: pair for pair in lost})
    if mib <= cache_mib:
        cache = tuple(
            np.empty((len(files), *form.size, c), np.float32) for c in (form.source_channels, form.target_channels)
        )

    digests, sizes = np.zeros((len(files), 8), np.uint8), np.zeros(len(files), np.int64)

    def read(contents: bytes) -> tuple[np.ndarray, int, list[np.ndarray]]:
        pair = form.read(tf.constant(contents))
        return _digest(contents).numpy(), len(contents), [image.numpy() for image in pair] if cache else []

    if isinstance(files, Shards):
        known = {files[pair.index] for pair in lost if pair.index < len(files)}
    else:
        known = {folder / pair.name for pair in lost}
    bad = {}
    found = progress_bar(read_files(files, read, form.max_pixels), f"reading {folder}", len(files))
    for index, result in enumerate(found):
        if not isinstance(result, BadImageError):
            digests[index], sizes[index], images = result
            for array, image in zip(cache or (), images, strict=True):
                array[index] = image
        elif files[index] not in known:
            bad[files[index]] = result.reason
    if bad and bad_images == "fail":
        words = "; ".join(f"{file}: {reason}" for file, reason in bad.items())
        raise InputError(
            f"{len(bad)} of {len(files)} files in {folder} are no pairs; mend or remove them, or give "
            f"--bad_images=skip: {words}"
        )
    if len(bad) == len(files):
        file, reason = next(iter(bad.items()))
        raise InputError(f"none of the {len(files)} files in {folder} is a pair; the first, {file}: {reason}")
    good = [index for index, file in enumerate(files) if file not in bad]
    if isinstance(files, Shards):
        digests = sizes = None
    pairs = Pairs(files, form, skipped | bad, cache, digests, sizes)
    pairs = pairs.select(good) if bad else pairs
    for pair in lost:
        if pairs.digests is not None and pair.index < len(pairs):
            pairs.digests[pair.index] = np.frombuffer(bytes.fromhex(pair.digest), np.uint8)
            pairs.sizes[pair.index] = pair.size
    return pairs.without({pair.index: pair for pair in lost}) if lost else pairs


@contextlib.contextmanager
def naming_unreadable(*opened: Pairs) -> Iterator[None]:
    """Turns TensorFlow's word of a pair that can be read no more, which names none, into an InputError that does.

    Args:
      *opened: what is read inside; looked through in this order, up to the first that cannot be read.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise
    except (*READ_ERRORS, BadImageError):
        for pairs in opened:
            for index in range(0 if pairs.cache else len(pairs)):
                for lost in pairs.unreadable([index]).values():
                    raise InputError(
                        f"{pairs.files[lost.index]}: {lost.reason}; bring it back, or leave it out by "
                        "--bad_images=skip, and give the same command again"
                    ) from None
        raise


def _digest(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """Of a file's bytes, a scalar string: `(8,)` uint8, FarmHash."""
    return tf.fingerprint(tf.reshape(encoded, (1,)))[0]
