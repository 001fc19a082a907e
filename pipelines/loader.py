"""From pairs to batches: the one place where the order of operations lives."""

import tensorflow as tf

from pipelines.images import transforms
from pipelines.pairs import Pairs


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

    def pair_at(position):
        index = index_at(position, len(pairs), batch_size, seed)
        pair = transforms.jitter(read(index), image_size, flip, tf.stack([seed, position]))
        return tuple(transforms.normalize(image) for image in pair)

    share = batch_size // workers
    # A position counts the pairs of the whole training, so it names both the step and the place in its batch.
    dataset = tf.data.Dataset.range(first_step * share, last_step * share)
    dataset = dataset.map(lambda i: i // share * batch_size + worker * share + i % share)
    # Reading, decoding and jitter of many pairs at once; the order stays that of the positions.
    dataset = dataset.map(pair_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(share, drop_remainder=True)
    # The next batches are made while the device is at work on this one.
    return dataset.prefetch(tf.data.AUTOTUNE)


def index_at(position: tf.Tensor, count: int, batch_size: int, seed: int) -> tf.Tensor:
    """Which of `count` pairs stands at a position of the whole training, scalar int64s; inside tf.data or eagerly."""
    steps_per_epoch = count // batch_size
    step, place = position // batch_size, position % batch_size
    epoch, rank = step // steps_per_epoch, step % steps_per_epoch * batch_size + place
    return tf.random.experimental.index_shuffle(rank, tf.stack([seed, epoch]), count - 1)


def indices_of(step: int, pairs: Pairs, *, batch_size: int, seed: int, worker: int = 0, workers: int = 1) -> list[int]:
    """The pairs of one step, a worker's part of them: those that `train_dataset` reads for it."""
    share = batch_size // workers
    first = step * batch_size + worker * share
    positions = tf.range(first, first + share, dtype=tf.int64)
    return [int(index_at(position, len(pairs), batch_size, seed)) for position in positions]


def eval_dataset(pairs: Pairs, batch_size: int) -> tf.data.Dataset:
    """All pairs in the order of their names, in [-1, 1], without jitter; the last batch may be smaller."""
    read = pairs.reader()
    dataset = tf.data.Dataset.range(len(pairs))
    dataset = dataset.map(
        lambda index: tuple(transforms.normalize(image) for image in read(index)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
