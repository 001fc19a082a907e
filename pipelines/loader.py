"""Makes batches of pairs: the one place that fixes the order of the operations."""

import dataclasses
import math
import os

import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.augment import Augmentation
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, check_load_size, format_size, paper_load_size, parse_size
from pipelines.pairs import Pairs, open_pairs
from pipelines.storage.image_set import ImageSet
from pipelines.system.terminal import InputError

# Pairs of a folder are kept in memory if they need no more MiB than this, as in training.
CACHE_MIB = 2048
# A data set without a last step ends only after about 10^18 pairs.
ENDLESS = tf.int64.max


def train_dataset(
    data: str | os.PathLike | ImageSet | Pairs,
    *,
    image_size: Size,
    batch_size: int = 1,
    direction: str | None = None,
    load_size: Size | None = None,
    preprocess: str | None = None,
    resize_method: str | None = None,
    resize_precision: str | None = None,
    source_channels: int | None = None,
    target_channels: int | None = None,
    bad_images: str = "fail",
    cache_mib: int = CACHE_MIB,
    flip: bool = True,
    flip_vertical: bool = False,
    rotate90: bool = False,
    color_jitter: float = 0.0,
    scale_jitter: float = 0.0,
    seed: int = 0,
    first_step: int = 0,
    last_step: int | None = None,
    order_since: int = 0,
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """Makes batches of (source, target), `(batch_size, H, W, C)` in [-1, 1], for the steps first_step .. last_step - 1.

        batches = train_dataset("data/facades/train", image_size=(256, 256), batch_size=1, direction="BtoA")

    Which pairs a step gets and how each is jittered follows from (seed, step) alone: a data set that starts at step
    k gives what one that started at 0 gives there, without reading what lies before. Every epoch is a new order of
    all pairs; those that do not fill its last batch, other ones each time, are left out.

    Each of several workers takes its own part of each batch, `batch_size / workers` pairs. Joined in order, the parts
    are the batch of a single process, so the workers need not communicate.

    Args:
      data: one split: its folder, of files or of shards, a split of open_dataset, or opened pairs.
      image_size: (height, width) of the random crop.
      batch_size: pairs per step.
      direction: `AtoB` (the left half is the source; the default for a folder) or `BtoA`.
      load_size: the size before the crop; by default 286/256 of image_size, as in the paper.
      preprocess: how images meet load_size, one of choices.PREPROCESS; by default resize_and_crop.
      resize_method: one of choices.RESIZE_METHODS; by default bicubic.
      resize_precision: one of choices.RESIZE_PRECISIONS; by default fast.
      source_channels: 1 gray, 2 gray and alpha, 3 RGB (the default), 4 RGBA.
      target_channels: likewise.
      bad_images: whether a bad file of a folder is an error (`fail`) or left out (`skip`).
      cache_mib: keep the pairs of a folder in memory if they need no more MiB than this.
      flip: whether every other pair is mirrored.
      flip_vertical: whether every other pair is turned upside down, as by a mirror.
      rotate90: whether pairs are turned by 0, 90, 180 or 270 degrees; image_size is square then.
      color_jitter: by how much the source's brightness, contrast and saturation change at most, such as 0.2.
      scale_jitter: by how much the scale of a pair changes at most, such as 0.2.
      seed: of order and jitter.
      first_step: counted from 0.
      last_step: the first step without a batch; None for a data set without end.
      order_since: the step from which the order's epochs are counted, where a training went on with other pairs.
      worker: the part to take, from 0.
      workers: their number; batch_size has to be a multiple of it.

    Raises:
      InputError: an argument is out of its range, or contradicts the opened pairs; or as pairs.open_pairs.
    """
    image_size = parse_size("image_size", image_size)
    load_size = None if load_size is None else parse_size("load_size", load_size)
    if isinstance(data, Pairs):
        pairs = data
        _check_same(pairs, direction, load_size, preprocess, resize_method, source_channels, target_channels)
        if resize_precision not in (None, pairs.form.precision):
            raise InputError(
                f"resize_precision={resize_precision}, and the pairs were opened with {pairs.form.precision}; "
                "leave it out"
            )
    else:
        kept_scale = preprocess in ("crop", "none")
        size = load_size or (image_size if kept_scale else paper_load_size(image_size))
        form = _format(size, direction, preprocess, resize_method, source_channels, target_channels)
        check_load_size(size, image_size)
        form = dataclasses.replace(form, crop=image_size, random_crop=True, precision=resize_precision or "fast")
        pairs = open_pairs(data, form, bad_images, cache_mib)
    check_load_size(pairs.form.least_size, image_size)
    _check_batch_size(batch_size)
    if batch_size > len(pairs):
        raise InputError(
            f"batch_size={batch_size} is more than the {len(pairs)} pairs in {pairs.files}; give a smaller one"
        )
    if not 0 <= worker < workers or batch_size % workers:
        raise InputError(f"batch_size={batch_size}, worker={worker} and workers={workers} do not fit together")
    augmentation = Augmentation(image_size, flip, flip_vertical, rotate90, color_jitter, scale_jitter)
    methods = (pairs.form.source.resize_method, pairs.form.target.resize_method)
    read = pairs.window_reader(augmentation.window_size, augmentation.can_mirror_first)

    share = batch_size // workers

    def pair_at(place: tf.Tensor) -> transforms.Pair:
        # A position counts the pairs of the whole training, so it determines both the step and the place in its batch.
        position = place // share * batch_size + worker * share + place % share
        own_seed = tf.stack([seed, position])
        index = index_at(position, len(pairs), batch_size, seed, order_since)
        is_mirrored = augmentation.is_mirrored(own_seed) if augmentation.can_mirror_first else None
        pair = read(index, lambda shape: augmentation.window(shape, own_seed), is_mirrored)
        pair = augmentation.apply(pair, own_seed, methods)
        return transforms.normalize(pair[0]), transforms.normalize(pair[1])

    def batch_of_one(place: tf.Tensor) -> transforms.Pair:
        # To join one pair to a batch would copy it.
        source, target = pair_at(place)
        return source[None], target[None]

    # The places of the worker's own pairs.
    dataset = tf.data.Dataset.range(first_step * share, ENDLESS // workers if last_step is None else last_step * share)
    # Many pairs are read, decoded and jittered at once; they keep the order of the positions.
    # They are TensorFlow's operations already, and AutoGraph would take a second to find that out.
    make = tf.autograph.experimental.do_not_convert(pair_at if share > 1 else batch_of_one)
    dataset = dataset.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if share > 1:
        dataset = dataset.batch(share, drop_remainder=True)
    return _ahead(dataset)


def eval_dataset(
    data: str | os.PathLike | ImageSet | Pairs,
    batch_size: int = 8,
    *,
    image_size: Size | None = None,
    direction: str | None = None,
    preprocess: str | None = None,
    resize_method: str | None = None,
    source_channels: int | None = None,
    target_channels: int | None = None,
    bad_images: str = "fail",
    cache_mib: int = CACHE_MIB,
) -> tf.data.Dataset:
    """Makes batches of all pairs in the order of their names, in [-1, 1], without jitter; the last one may be smaller.

    The arguments are those of `train_dataset`. image_size is that of the opened pairs, or by default (256, 256).
    """
    image_size = None if image_size is None else parse_size("image_size", image_size)
    if isinstance(data, Pairs):
        pairs = data
        _check_same(
            pairs, direction, image_size, preprocess, resize_method, source_channels, target_channels, "image_size"
        )
        if pairs.form.random_crop and not pairs.form.shape:
            raise InputError(
                f"the pairs in {pairs.files.folder} differ in size, since random_crop=True; open them without it"
            )
        if not pairs.shape and batch_size != 1:
            raise InputError(
                f"batch_size={batch_size} pairs cannot be joined: those in {pairs.files.folder} differ in shape; give 1"
            )
    else:
        size = image_size or (256, 256)
        form = _format(size, direction, preprocess, resize_method, source_channels, target_channels)
        pairs = open_pairs(data, form, bad_images, cache_mib)
    _check_batch_size(batch_size)
    read = pairs.reader()
    dataset = tf.data.Dataset.range(len(pairs))
    sides = pairs.shape or (None, None)

    def normalized(index: tf.Tensor) -> transforms.Pair:
        source, target = (transforms.normalize(tf.ensure_shape(image, (*sides, None))) for image in read(index))
        return source, target

    normalized = tf.autograph.experimental.do_not_convert(normalized)
    return _ahead(dataset.map(normalized, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size))


def _ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Makes the next batches while the device computes this one."""
    options = tf.data.Options()
    # As many pairs are made at a time as there are cores, up to 16. TensorFlow's search for a better number costs more
    # than it finds, and its thread may sleep for up to a minute after the last batch, which is waited for.
    options.autotune.enabled = False
    # Each pair is made by one thread: its operations are too short to be shared out.
    options.threading.max_intra_op_parallelism = 1
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def whole_batch_size(pairs: Pairs, batch_size: int, image_size: Size) -> int:
    """Returns how many whole pictures are measured at a time.

    They have no more pixels than batch_size crops of image_size, or than one picture whose middle is read, if that is
    more. Pairs that differ in shape come one by one.

    Args:
      pairs: opened whole.
      batch_size: at most so many.
      image_size: of training's crops.
    """
    if not pairs.shape:
        return 1
    room = max(batch_size * math.prod(image_size), pairs.form.middle_pixels)
    return min(batch_size, max(1, room // math.prod(pairs.shape)))


def index_at(position: tf.Tensor, count: int, batch_size: int, seed: int, order_since: int = 0) -> tf.Tensor:
    """Returns which of `count` pairs stands at a position of the whole training, int64; inside tf.data or eagerly."""
    steps_per_epoch = count // batch_size
    step, place = position // batch_size - order_since, position % batch_size
    # From order_since on no epoch has a number, and so an order, that one had before.
    epoch, rank = order_since + step // steps_per_epoch, step % steps_per_epoch * batch_size + place
    return tf.random.experimental.index_shuffle(rank, tf.stack([seed, epoch]), count - 1)


def indices_of(
    step: int, pairs: Pairs, *, batch_size: int, seed: int, order_since: int = 0, worker: int = 0, workers: int = 1
) -> list[int]:
    """Returns the indices of the pairs that `train_dataset` reads for a worker's part of one step."""
    share = batch_size // workers
    first = step * batch_size + worker * share
    positions = tf.range(first, first + share, dtype=tf.int64)
    return [int(index_at(position, len(pairs), batch_size, seed, order_since)) for position in positions]


def _format(
    size: Size,
    direction: str | None,
    preprocess: str | None,
    resize_method: str | None,
    source_channels: int | None,
    target_channels: int | None,
) -> PairFormat:
    """Fills in the defaults of the commands."""
    method = "bicubic" if resize_method is None else resize_method
    source, target = (
        ImageFormat(3 if channels is None else channels, method) for channels in (source_channels, target_channels)
    )
    preprocess = "resize_and_crop" if preprocess is None else preprocess
    return PairFormat("AtoB" if direction is None else direction, size, source, target, preprocess)


def _check_same(
    pairs: Pairs,
    direction: str | None,
    size: Size | None,
    preprocess: str | None,
    resize_method: str | None,
    source_channels: int | None,
    target_channels: int | None,
    size_name: str = "load_size",
) -> None:
    """Raises InputError for an argument that differs from that of the opened pairs."""
    form = pairs.form
    for name, given, opened in (
        ("direction", direction, form.direction),
        (size_name, size and format_size(size), format_size(form.size)),
        ("preprocess", preprocess, form.preprocess),
        ("resize_method", resize_method, form.source.resize_method),
        ("source_channels", source_channels, form.source.channels),
        ("target_channels", target_channels, form.target.channels),
    ):
        if given is not None and given != opened:
            raise InputError(f"{name}={given}, and the pairs were opened with {name}={opened}; leave it out")


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} must be at least 1")
