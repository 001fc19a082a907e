"""Checks the pool against a twin in plain Python that follows the tutorial line by line."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.model.image_pool import SLOT_STREAM, ImagePool

SHAPE = (2, 2, 1)


class Twin:
    """Copies the tutorial's ImagePool, with the draws as arguments."""

    def __init__(self, size):
        self.size = size
        self.kept = []

    def query(self, pairs, swaps, slots):
        returned = []
        for pair, swap, slot in zip(pairs, swaps, slots, strict=True):
            if len(self.kept) < self.size:
                self.kept.append(pair)
                returned.append(pair)
            elif swap:
                returned.append(self.kept[slot])
                self.kept[slot] = pair
            else:
                returned.append(pair)
        return returned


def draws(seed, step, n, size):
    pair = tf.constant([seed, step], tf.int64)
    swaps = tf.random.stateless_uniform((n,), pair) < 0.5
    return swaps.numpy(), tf.random.stateless_uniform((n,), pair + SLOT_STREAM, maxval=size, dtype=tf.int64).numpy()


def batch(step, n):
    """Returns images of one value each; sources and generated images have opposite signs."""
    values = np.arange(step * n, step * n + n, dtype=np.float32) + 1
    images = np.broadcast_to(values[:, None, None, None], (n, *SHAPE)).copy()
    return tf.constant(images), tf.constant(-images), list(values)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("size", "n"), [(1, 1), (3, 1), (5, 4), (3, 8)])
def test_equals_the_twin(size, n, compiled):
    pool, twin = ImagePool(size, SHAPE, SHAPE, seed=7), Twin(size)
    query = tf.function(pool.query) if compiled else pool.query
    old = 0
    for step in range(20):
        source, generated, values = batch(step, n)
        given_source, given = query(source, generated, tf.constant(step, tf.int64))
        expected = twin.query(values, *draws(7, step, n, size))
        np.testing.assert_array_equal(given_source[:, 0, 0, 0], expected)
        np.testing.assert_array_equal(given, -given_source.numpy())
        np.testing.assert_array_equal(pool.sources[: len(twin.kept), 0, 0, 0], twin.kept)
        old += sum(value not in values for value in expected)
    # The pool is a history: over 20 steps some pairs come back from earlier steps.
    assert old > 0


def test_half_of_the_answers_are_old_once_it_is_full():
    pool = ImagePool(50, SHAPE, SHAPE, seed=0)
    query = tf.function(pool.query)
    old = 0
    for step in range(60):
        source, generated, values = batch(step, 50)
        given, _ = query(source, generated, tf.constant(step, tf.int64))
        old += 0 if step == 0 else sum(value not in values for value in given[:, 0, 0, 0].numpy())
    # 2950 draws of probability 1/2, less the swaps within a batch. The bounds are 6 sigma apart.
    assert 0.3 < old / 2950 < 0.55


def test_size_0_is_the_identity():
    pool = ImagePool(0, SHAPE, SHAPE, seed=0)
    source, generated, _ = batch(0, 2)
    assert pool.query(source, generated, tf.constant(0, tf.int64)) == (source, generated)
    assert not pool.variables


def test_a_checkpoint_holds_all_of_it(tmp_path):
    pools = [ImagePool(3, SHAPE, SHAPE, seed=1) for _ in range(2)]
    for step in range(6):
        pools[0].query(*batch(step, 2)[:2], tf.constant(step, tf.int64))
    path = tf.train.Checkpoint(pool=pools[0]).write(str(tmp_path / "c"))
    tf.train.Checkpoint(pool=pools[1]).read(path).assert_consumed()
    for step in range(6, 12):
        a, b = (pool.query(*batch(step, 2)[:2], tf.constant(step, tf.int64))[1].numpy() for pool in pools)
        np.testing.assert_array_equal(a, b)
