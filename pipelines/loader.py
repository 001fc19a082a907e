"""From files to batches of pairs: the one place where the order of operations lives."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipelines import images
from pipelines.check import bad_files
from pipelines.command import InputError
from pipelines.files import Files
from pipelines.place import AnyPath
from pipelines.shards import Record, Shards, open_files
from pipelines.size import MAX_PIXELS


@dataclasses.dataclass(frozen=True)
class PairFormat:
    """How a side-by-side file becomes a pair.

    Attributes:
      direction: `AtoB` (the left half is the source) or `BtoA`.
      size: (height, width) of each image.
      resize_method: one of images.RESIZE_METHODS.
      source_channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
      target_channels: likewise.
      max_pixels: a file whose header says more is not decoded.
    """

    direction: str
    size: tuple[int, int]
    resize_method: str = "bicubic"
    source_channels: int = 3
    target_channels: int = 3
    max_pixels: int = MAX_PIXELS

    def read(self, contents: tf.Tensor) -> images.Pair:
        """The bytes of a side-by-side JPEG or PNG as (source, target), in [0, 1]."""
        with_alpha = images.has_alpha(self.source_channels) or images.has_alpha(self.target_channels)
        source, target = images.split(images.decode(contents, with_alpha, self.max_pixels), self.direction)
        return self._fit(source, self.source_channels), self._fit(target, self.target_channels)

    def read_source(self, contents: tf.Tensor, pair: bool, name: tf.Tensor | str = "it") -> images.Image:
        """The source alone, in [0, 1]: half of a side-by-side image where it is a pair, else the whole image.

        In errors it is called `name`.
        """
        image = images.decode(contents, images.has_alpha(self.source_channels), self.max_pixels, name)
        if pair:
            image, _ = images.split(image, self.direction)
        return self._fit(image, self.source_channels)

    def _fit(self, image: images.Image, channels: int) -> images.Image:
        return images.resize(images.to_channels(image, channels), self.size, self.resize_method)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """The pairs of one split, by index.

    Attributes:
      files: the encoded pairs; good ones only.
      form: how they are read.
      skipped: files left out, with the reason.
      cache: sources and targets, `(n, H, W, C)` float32 in [0, 1], where they fit into memory.
    """

    files: Files | Shards
    form: PairFormat
    skipped: dict[pathlib.Path | Record | str, str]
    cache: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def fingerprint(self) -> str:
        """Tells whether these are the same files, in the same order."""
        return self.files.fingerprint()

    def reader(self) -> Callable[[tf.Tensor], images.Pair]:
        """Returns a function from a scalar int64 index to the pair in [0, 1], to be used inside tf.data."""
        # A data set's tensors stay on the host, also where there is a GPU.
        with tf.device("CPU"):
            if self.cache:
                sources, targets = (tf.convert_to_tensor(array) for array in self.cache)
                return lambda index: (sources[index], targets[index])
            contents = self.files.reader()
        return lambda index: self.form.read(contents(index))


def open_pairs(folder: AnyPath, form: PairFormat, bad_images: str = "fail", cache_mib: int = 0) -> Pairs:
    """Reads every file of a split once, so that a bad one is found now and not in the night.

    Shards were read when they were made, and are not read again unless they are kept in memory.

    Args:
      folder: such as `facades/train`; of files, or of shards.
      form: how its files become pairs.
      bad_images: `fail` at the first, with all of them named, or `skip` them.
      cache_mib: keep all pairs in memory, as they are before jitter, if that takes no more MiB than this.

    Raises:
      InputError: a folder without good images, or bad ones with `fail`; shards that are damaged, or of no pairs.
    """
    files = open_files(folder)
    skipped = {}
    if isinstance(files, Shards):
        if files.manifest.kind != "pairs":
            raise InputError(f"{folder} holds shards of single images, not of pairs; give another")
        skipped = files.manifest.skipped
    channels = form.source_channels + form.target_channels
    mib = len(files) * form.size[0] * form.size[1] * channels * np.dtype(np.float32).itemsize / 2**20
    cache = None
    if mib > cache_mib and isinstance(files, Shards):
        return Pairs(files, form, skipped)
    if mib <= cache_mib:
        cache = tuple(
            np.empty((len(files), *form.size, c), np.float32) for c in (form.source_channels, form.target_channels)
        )

    def read(index: int, contents: bytes) -> None:
        pair = form.read(tf.constant(contents))
        if cache:
            for array, image in zip(cache, pair, strict=True):
                array[index] = image.numpy()

    bad = bad_files(files, read, f"reading {folder}", form.max_pixels)
    if bad and bad_images == "fail":
        lines = "".join(f"\n  {file}: {reason}" for file, reason in bad.items())
        raise InputError(
            f"{len(bad)} of {len(files)} files in {folder} are no pairs; mend or remove them, or give "
            f"--bad_images=skip:{lines}"
        )
    if len(bad) == len(files):
        file, reason = next(iter(bad.items()))
        raise InputError(f"none of the {len(files)} files in {folder} is a pair; the first, {file}: {reason}")
    good = [index for index, file in enumerate(files) if file not in bad]
    if bad and cache:
        cache = tuple(array[good] for array in cache)
    return Pairs(files.select(good) if bad else files, form, skipped | bad, cache)


def train_dataset(
    pairs: Pairs,
    *,
    image_size: tuple[int, int],
    flip: bool,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """Batches of (source, target), `(batch_size, H, W, C)` in [-1, 1], for the steps first_step .. last_step - 1.

    Which pairs a step gets and how each is jittered follows from (seed, step) alone: a data set that starts at step
    k gives what one that started at 0 gives there, without reading what lies before. Every epoch is a new order of
    all pairs; those that do not fill its last batch, other ones each time, are left out.

    Several workers each take their own part of each batch, `batch_size / workers` pairs: one after the other they are
    the batch that a single process would have, and none needs to know of the others.

    Args:
      pairs: of load_size.
      image_size: (height, width) of the random crop.
      flip: whether every other pair is mirrored.
      batch_size: pairs a step.
      seed: of order and jitter.
      first_step: counted from 0.
      last_step: the first step that is not given any more.
      worker: whose part, from 0.
      workers: how many there are; batch_size is a multiple of it.
    """
    read = pairs.reader()
    steps_per_epoch = len(pairs) // batch_size

    def pair_at(position):
        step, place = position // batch_size, position % batch_size
        epoch, rank = step // steps_per_epoch, step % steps_per_epoch * batch_size + place
        index = tf.random.experimental.index_shuffle(rank, tf.stack([seed, epoch]), len(pairs) - 1)
        pair = images.jitter(read(index), image_size, flip, tf.stack([seed, position]))
        return tuple(images.normalise(image) for image in pair)

    share = batch_size // workers
    # A position counts the pairs of the whole training, so it names both the step and the place in its batch.
    dataset = tf.data.Dataset.range(first_step * share, last_step * share)
    dataset = dataset.map(lambda i: i // share * batch_size + worker * share + i % share)
    # Reading, decoding and jitter of many pairs at once; the order stays that of the positions.
    dataset = dataset.map(pair_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(share, drop_remainder=True)
    # The next batches are made while the device is at work on this one.
    return dataset.prefetch(tf.data.AUTOTUNE)


def eval_dataset(pairs: Pairs, batch_size: int) -> tf.data.Dataset:
    """All pairs in the order of their names, in [-1, 1], without jitter; the last batch may be smaller."""
    read = pairs.reader()
    dataset = tf.data.Dataset.range(len(pairs))
    dataset = dataset.map(
        lambda index: tuple(images.normalise(image) for image in read(index)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
