"""Opens the pairs of one split once, so that bad ones are found then, and reads them by index afterwards."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.datasets.open_place import open_folder
from pipelines.datasets.places import find_places
from pipelines.images import transforms
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.pair_window import check_readable
from pipelines.images.size import Size, format_size
from pipelines.storage.file_set import digest_of
from pipelines.storage.image_set import ImageSet
from pipelines.storage.pair_cache import Cache, Kept
from pipelines.storage.pair_reader import ChooseWindow, ReadWindow, cached_reader, file_reader
from pipelines.storage.validity import read_file, read_files
from pipelines.system.disk import MIB
from pipelines.system.memory import FLOAT_BYTES, check_memory
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError, check_value, progress_bar

# Bad files of one reason that an error names.
MAX_NAMED = 10
# What reading raises in tf.data, and eagerly. UnicodeDecodeError if TensorFlow quotes bytes of a record, not text.
READ_ERRORS = (tf.errors.OpError, UnicodeDecodeError, BadImageError)


@dataclasses.dataclass(frozen=True)
class LostPair:
    """A pair that could be read when the training began, and cannot be read any more.

    Attributes:
      index: its number among the pairs.
      name: of its file below the folder, or of shard and record.
      reason: why it cannot be read.
      size: of its file in bytes, when it could be read; 0 of a record.
      digest: of its file, in hex; empty of a record.
    """

    index: int
    name: str
    reason: str
    size: int = 0
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Gives the pairs of one split by index.

    Attributes:
      files: the encoded pairs; good ones only.
      form: how they are read.
      skipped: the bad ones that were left out, by file, record or name, with the reason.
      cache: all pairs, if they fit into memory.
      fits_twice: whether there is memory for the cache of all pairs and their mirror images.
      shapes: `(n, 2)`, each pair's (height, width), if all were read when they were opened.
      lost: pairs by index that cannot be read any more. They keep their indices; the next pair that can be read
        replaces each.
    """

    files: ImageSet
    form: PairFormat
    skipped: Mapping[Any, str]
    cache: Cache | None = None
    shapes: np.ndarray | None = None
    lost: Mapping[int, LostPair] = dataclasses.field(default_factory=dict)
    fits_twice: bool = False

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> Size | None:
        """(height, width) of all pairs; None if they differ, or may."""
        if self.form.shape or self.shapes is None:
            return self.form.shape
        height, width = self.shapes[0].tolist()
        return (height, width) if (self.shapes == self.shapes[0]).all() else None

    @property
    def min_side(self) -> int:
        """The shortest side of all pairs, in pixels."""
        return int(min(self.form.least_size) if self.form.shape or self.shapes is None else self.shapes.min())

    def fingerprint(self) -> str:
        """Returns a digest that changes with the files and their order."""
        return self.files.fingerprint()

    def contents(self) -> str | None:
        """Returns a digest of the files' contents; None if `fingerprint` covers them."""
        return self.files.contents_fingerprint()

    def reader(self) -> Callable[[tf.Tensor], transforms.Pair]:
        """Returns a function from a scalar int64 index to the pair in [0, 1], to be used inside tf.data."""
        read = self.window_reader()

        def whole(index: tf.Tensor) -> transforms.Pair:
            source, target = read(index, None, None)
            return transforms.unit(source), transforms.unit(target)

        return whole

    def window_reader(self, size: Size | None = None, mirrors: bool = False) -> ReadWindow:
        """Returns a function that reads a window of a pair, to be used inside tf.data.

        It takes a scalar int64 index, a function from the pair's (height, width) to the window, or None for all, and
        whether to mirror it, or None. It gives numbers in [0, 1], or stored levels: transforms.unit and normalize take
        both. Where files and form allow it, only the window is decoded.

        Args:
          size: (height, width) of all windows, if they have one.
          mirrors: whether pairs will be mirrored.
        """
        # The tensors stay on the host, even if there is a GPU.
        with tf.device("CPU"):
            lost, replacements = (tf.constant(each, tf.int64) for each in self._replacements())
            if self.cache:
                read_present = cached_reader(self.cache, size, mirrors and self.fits_twice)
            else:
                read_present = file_reader(self.files, self.form, size)

        def read(
            index: tf.Tensor, choose: ChooseWindow | None, is_mirrored: tf.Tensor | None = None
        ) -> transforms.Pair:
            if self.lost:
                is_lost = tf.equal(lost, index)
                index = tf.where(tf.reduce_any(is_lost), tf.reduce_sum(tf.where(is_lost, replacements, 0)), index)
            return read_present(index, choose, is_mirrored)

        return read

    def unreadable(self, indices: Iterable[int]) -> dict[int, LostPair]:
        """Reads once more what `reader` reads for these indices; returns the pairs that fail, by their own index."""
        replacements = dict(zip(*self._replacements(), strict=True))
        found = {}
        for index in sorted({replacements.get(index, index) for index in indices}):
            try:
                self._check(index)
            except BadImageError as error:
                identity = self.files.identity(index)
                found[index] = LostPair(index, identity.name, error.reason, identity.size, identity.digest)
        return found

    def without(self, lost: Mapping[int, LostPair]) -> "Pairs":
        """Returns the same pairs with these lost, too.

        Raises:
          InputError: no pair is left.
        """
        lost = {**self.lost, **lost}
        if sum(index < len(self) for index in lost) == len(self):
            raise InputError(f"none of the {len(self)} pairs in {self.files} can be read any more; restore them")
        return dataclasses.replace(self, lost=lost)

    def select(self, rows: Sequence[int]) -> "Pairs":
        """Returns some of the pairs, in this order; none of them is lost."""
        cache = self.cache and (self.cache[0][rows], self.cache[1][rows])
        shapes = None if self.shapes is None else self.shapes[rows]
        return dataclasses.replace(self, files=self.files.select(rows), cache=cache, shapes=shapes, lost={})

    def read_by(self, form: PairFormat) -> "Pairs":
        """Returns the same pairs read in another way, such as by another resize method, in the same shapes."""
        return Pairs(self.files, form, skipped={}, shapes=self.shapes)

    def _check(self, index: int) -> None:
        """Raises BadImageError if a pair cannot be read, or has changed."""

        def check(contents: bytes) -> None:
            check_readable(self.form, contents)
            if not self.files.is_unchanged(index, contents):
                raise BadImageError("it has changed since the training began")

        read_file(self.files[index], check, self.form.max_pixels)

    def _replacements(self) -> tuple[list[int], list[int]]:
        """Returns the lost indices, and for each the next one that is not lost."""
        present = []
        for index in self.lost:
            while index in self.lost:
                index = (index + 1) % len(self)
            present.append(index)
        return list(self.lost), present


def open_pairs(
    data: str | os.PathLike | AnyPath | ImageSet,
    form: PairFormat,
    bad_images: str = "fail",
    cache_mib: int = 0,
    lost: Sequence[LostPair] = (),
) -> Pairs:
    """Reads every file of a split once, so that a bad one is found before the training.

    Shards were read when they were made, and are read again only to keep them in memory.

    Args:
      data: a split's files or shards, or its folder, such as `facades/train`.
      form: how a file becomes a pair.
      bad_images: `fail` names all bad files in an error, `skip` leaves them out.
      cache_mib: keep all pairs in memory, as they are before jitter, if they need no more MiB than this.
      lost: pairs that existed when the training began; they keep their indices, whatever has become of them.

    Raises:
      InputError: the folder is a whole data set, or has no good pair, or has bad ones or files without a partner with
        `fail`; shards are damaged, or hold single images.
    """
    files = data if isinstance(data, ImageSet) else _open_split(parse_path(data))
    files = files.with_missing(pair.name for pair in lost)
    if files.kind not in (None, "pairs"):
        raise InputError(f"{files} holds shards of single images, not of pairs; give another folder")
    check_value("bad_images", bad_images, choices=("fail", "skip"))
    if files.skipped and bad_images == "fail" and not files.was_read:
        words = "; ".join(f"{file}: {reason}" for file, reason in files.skipped.items())
        raise InputError(
            f"{len(files.skipped)} files in {files} have no partner; repair or remove them, or give "
            f"--bad_images=skip: {words}"
        )
    channels = form.source.channels + form.target.channels
    height, width = form.least_size
    # Pictures that are brought to one size are so as a whole, also where only their middle is kept.
    resized = form.size if form.preprocess in ("resize_and_crop", "pad") else (height, width)
    check_memory(
        f"a pair of size {format_size(resized)}",
        math.prod(resized) * channels * FLOAT_BYTES,
        "take a smaller image_size or load_size",
    )
    # As bytes; whether they need floats is known when they have been read.
    fits = len(files) * height * width * channels <= cache_mib * MIB
    # How large images of different sizes are is known when they have been read.
    needs_shapes = form.whole and not form.shape
    if files.was_read and not needs_shapes and not (fits and form.shape):
        pairs = Pairs(files, form, files.skipped)
    else:
        pairs = _read_pairs(files, form, bad_images, fits, cache_mib * MIB, lost)
    return pairs.without({pair.index: pair for pair in lost}) if lost else pairs


def _open_split(folder: AnyPath) -> ImageSet:
    """Opens the folder of one split, and refuses that of a whole data set, whose splits would become one."""
    places = find_places(folder)[0] if folder.is_dir() else {}
    if splits := [split for split in places if split]:
        place = places[splits[0]]
        way = place.a if place.b is None else f"pipelines.datasets.layout.open_dataset('{folder}').split('{splits[0]}')"
        raise InputError(f"{folder} is a whole data set, with {', '.join(splits)}; give one of them, such as {way}")
    return open_folder(folder)


def _read_pairs(
    files: ImageSet, form: PairFormat, bad_images: str, keep: bool, room: int, lost: Sequence[LostPair]
) -> Pairs:
    """Reads all files, and keeps what takes at most `room` bytes.

    `bad_images` decides whether bad ones raise; lost pairs may be bad.
    """
    count = len(files)
    sizes: np.ndarray = np.zeros(count, np.int64)
    digests: np.ndarray = np.zeros((count, 8), np.uint8)
    shapes: np.ndarray = np.ones((count, 2), np.int64)
    kept = Kept(count, form, room if keep else 0)

    def read(contents: bytes) -> tuple[int, np.ndarray, Size, list[np.ndarray]]:
        if kept.is_full:
            pair: list[np.ndarray] = []
            shape = check_readable(form, contents)
        else:
            pair = kept.levels([image.numpy() for image in form.read(tf.constant(contents))])
            shape = pair[0].shape[:2]
        return len(contents), digest_of(contents).numpy(), shape, pair

    known = {files.index_of(pair.name, pair.index): pair for pair in lost}
    bad: dict[int, str] = {}
    results = progress_bar(read_files(files, read, form.max_pixels), f"reading {files}", count)
    for index, result in enumerate(results):
        if not isinstance(result, BadImageError):
            sizes[index], digests[index], shapes[index], images = result
            kept.add(index, images)
            if kept.is_full and files.was_read and form.shape:
                return Pairs(files, form, files.skipped)
        elif index not in known:
            bad[index] = result.reason
    for index, pair in known.items():
        if pair.digest:
            sizes[index], digests[index] = pair.size, np.frombuffer(bytes.fromhex(pair.digest), np.uint8)
    if bad and bad_images == "fail" and len(bad) < count:
        raise InputError(
            f"{len(bad)} of {count} files in {files} are not pairs; repair or remove them, or give "
            f"--bad_images=skip: {_by_reason(files, bad)}"
        )
    if len(bad) == count and len({*bad.values()}) > 1:
        raise InputError(f"none of the {count} files in {files} is a pair: {_by_reason(files, bad)}")
    if len(bad) == count:
        raise InputError(f"none of the {count} files in {files} is a pair; the first, {files[0]}: {bad[0]}")
    skipped: dict[Any, str] = {**files.skipped}
    skipped.update({files[index]: reason for index, reason in bad.items()})
    pairs = Pairs(files.as_read(sizes, digests), form, skipped, kept.cache(), shapes, fits_twice=kept.fits_twice)
    return pairs.select([index for index in range(count) if index not in bad]) if bad else pairs


def _by_reason(files: ImageSet, bad: Mapping[int, str]) -> str:
    """Names bad files, those of one reason together."""
    named: dict[str, list[str]] = {}
    for index, reason in bad.items():
        named.setdefault(reason, []).append(str(files[index]))
    more = [f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "" for names in named.values()]
    return "; ".join(
        f"{', '.join(names[:MAX_NAMED])}{rest}: {reason}"
        for (reason, names), rest in zip(named.items(), more, strict=True)
    )


@contextlib.contextmanager
def naming_unreadable(*opened: Pairs) -> Iterator[None]:
    """Turns TensorFlow's error of a pair that can no longer be read into an InputError that names the pair.

    Args:
      *opened: what is read inside; the first pair that cannot be read is named.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise
    except READ_ERRORS:
        for pairs in opened:
            for index in range(0 if pairs.cache else len(pairs)):
                for lost in pairs.unreadable([index]).values():
                    raise InputError(
                        f"{pairs.files[lost.index]}: {lost.reason}; restore it, or leave it out by --bad_images=skip, "
                        "and give the same command again"
                    ) from None
        raise
