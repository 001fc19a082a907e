"""Checks that two replicas with half the batch each compute what one computes with the whole batch."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import Config
from tfpix2pix.devices.strategy import distribute
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.run_dir.checkpoints import Checkpoints

CONFIG = Config(
    image_size=(32, 32),
    depth=3,
    generator_width=4,
    discriminator_width=4,
    discriminator_layers=1,
    dropout=0.0,
    batch_size=4,
    sync_batch_norm=True,
).resolved()


def batches(count):
    rng = np.random.default_rng(0)
    shape = (count * 4, 32, 32, 3)
    pairs = [rng.uniform(-1, 1, shape).astype("float32") for _ in range(2)]
    return tf.data.Dataset.from_tensor_slices(tuple(pairs)).batch(4, drop_remainder=True)


def train(config, strategy, steps):
    """Returns the model, each step's metrics, and both optimizers' first moments after the first step."""
    model = Pix2Pix(config, strategy, total_steps=100)
    step = make_train_step(model, strategy)
    metrics, moments = [], {}
    for batch in strategy.experimental_distribute_dataset(batches(steps)):
        metrics.append({name: float(value) for name, value in step(*batch).items()})
        if not moments:
            optimizers = ("generator_optimizer", "discriminator_optimizer")
            moments = {name: flat(getattr(model, name)._momentums) for name in optimizers}
    return model, metrics, moments


def flat(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


def assert_same_gradients(one, two):
    """Compares both optimizers after one step, when Adam's first moment is half the gradient."""
    for name, a in one.items():
        assert np.linalg.norm(a - two[name]) < 1e-5 * np.linalg.norm(a)
        assert np.linalg.norm(a) > 0


def assert_same_losses(one, two):
    for name, loss in one.items():
        np.testing.assert_allclose(two[name], loss, rtol=1e-5, atol=1e-6, err_msg=name)


# Batch norm's are compared with its three steps, below.
@pytest.mark.slow
def test_same_gradients_and_losses_with_instance_norm(strategies):
    config = dataclasses.replace(CONFIG, norm="instance")
    _, losses_of_one, moments_of_one = train(config, strategies[1], steps=1)
    _, losses_of_two, moments_of_two = train(config, strategies[2], steps=1)
    assert_same_losses(losses_of_one[0], losses_of_two[0])
    assert_same_gradients(moments_of_one, moments_of_two)


def test_three_steps_end_in_the_same_place(strategies):
    """Compares losses and every weight, with batch norm: before instance norm, the gradients of biases are rounding
    errors alone, and Adam turns these into full steps.
    """
    one, of_one, moments_of_one = train(CONFIG, strategies[1], steps=3)
    two, of_two, moments_of_two = train(CONFIG, strategies[2], steps=3)
    assert_same_losses(of_one[0], of_two[0])
    assert_same_gradients(moments_of_one, moments_of_two)
    for a, b in zip(of_one, of_two, strict=True):
        np.testing.assert_allclose([b[name] for name in a], list(a.values()), rtol=1e-5, atol=1e-5)
    for name in ("generator", "discriminator"):
        a, b = (flat(getattr(model, name).variables) for model in (one, two))
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-5)
    # Three steps at 2e-4 moved weights much further than that.
    start = Pix2Pix(CONFIG, strategies[1], total_steps=100)
    assert np.abs(flat(one.generator.trainable_variables) - flat(start.generator.trainable_variables)).max() > 5e-4


def test_replicas_get_consecutive_shares(strategies):
    shared = next(iter(distribute(strategies[2], batches(2))))
    whole = next(iter(batches(2)))
    for mine, all_of_them in zip(shared, whole, strict=True):
        shares = strategies[2].experimental_local_results(mine)
        assert [share.shape[0] for share in shares] == [2, 2]
        np.testing.assert_array_equal(np.concatenate(shares), all_of_them)


POOLED = dataclasses.replace(CONFIG, pool_size=5, dropout=0.5)


@pytest.fixture(scope="module")
def pooled(strategies):
    """Two replicas after two steps with pools and dropout; the tests leave it as it is."""
    return train(POOLED, strategies[2], steps=2)[0]


@pytest.mark.slow
def test_each_replica_has_its_own_pool(pooled):
    assert [int(pool.count.numpy()) for pool in pooled.pools] == [4, 4]
    first = next(iter(batches(2)))[0].numpy()
    for replica, pool in enumerate(pooled.pools):
        # The first half of a global batch is the first replica's.
        np.testing.assert_array_equal(pool.sources[:2], first[2 * replica : 2 * replica + 2])


@pytest.mark.slow
def test_a_checkpoint_of_two_replicas_restores_on_two(pooled, tmp_path, strategies):
    path = tf.train.Checkpoint(model=pooled).write(str(tmp_path / "c"))
    other = Pix2Pix(dataclasses.replace(POOLED, seed=1), strategies[2], total_steps=100)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    np.testing.assert_array_equal(flat(other.generator.variables), flat(pooled.generator.variables))
    for mine, theirs in zip(other.pools, pooled.pools, strict=True):
        np.testing.assert_array_equal(mine.images, theirs.images)


@pytest.mark.slow
def test_pools_start_empty_on_another_number_of_replicas(pooled, tmp_path, strategies):
    Checkpoints(tmp_path).save(pooled)
    notes, other = [], Pix2Pix(dataclasses.replace(POOLED, seed=1), strategies[1], total_steps=100)
    assert Checkpoints(tmp_path).restore_newest(other, notes.append) == 2
    assert len(notes) == 1
    assert "step 2" in notes[0]
    assert "pools" in notes[0]
    assert int(other.pools[0].count.numpy()) == 0
    for name in ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer"):
        np.testing.assert_array_equal(flat(getattr(other, name).variables), flat(getattr(pooled, name).variables))
