"""Checks Adam against its formula in NumPy and Keras' own, plain and mirrored, with decay and clipping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.model.updates.loss_scale import LossScale
from tfpix2pix.model.updates.optimizer import Adam, clipped
from tfpix2pix.model.updates.rate import Rate
from tfpix2pix.networks.generators.unet import unet

RATE, BETA1, BETA2, EPSILON = 1e-2, 0.5, 0.999, 1e-8
GRADIENTS = [np.array(g, np.float32) for g in ([1.0, -2.0, 1e-9], [0.5, 0.1, 0.0], [-3.0, 1e3, 1e-9])]


def numpy_adam(start):
    """Computes Kingma and Ba 2015, the efficient form at the end of section 2."""
    w, m, v = start.astype(np.float64), 0.0, 0.0
    for t, gradient in enumerate(GRADIENTS, 1):
        gradient = gradient.astype(np.float64)
        m = BETA1 * m + (1 - BETA1) * gradient
        v = BETA2 * v + (1 - BETA2) * gradient**2
        w = w - RATE * np.sqrt(1 - BETA2**t) / (1 - BETA1**t) * m / (np.sqrt(v) + EPSILON)
    return w


def run(strategy, optimizer_class):
    with strategy.scope():
        w = keras.Variable(np.ones(3, np.float32))
        adam = optimizer_class(RATE, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
        adam.build([w])

    @tf.function
    def step(gradient):
        # Replicas hand in shares; the optimizer sums them.
        strategy.run(lambda g: adam.apply([g / strategy.num_replicas_in_sync], [w]), args=(gradient,))

    for gradient in GRADIENTS:
        step(tf.constant(gradient))
    return w.numpy(), adam


@pytest.mark.parametrize("replicas", [1, 2])
def test_exact_adam(replicas, strategies):
    strategy = strategies[replicas]
    ours, adam = run(strategy, Adam)
    np.testing.assert_allclose(ours, numpy_adam(np.ones(3)), rtol=2e-6)
    theirs, _ = run(strategy, keras.optimizers.Adam)
    np.testing.assert_allclose(ours, theirs, rtol=2e-6)
    assert int(adam.iterations.numpy()) == len(GRADIENTS)


def test_slots_are_where_keras_keeps_them(tmp_path, strategies):
    strategy = strategies[1]
    _, ours = run(strategy, Adam)
    path = tf.train.Checkpoint(adam=ours).write(str(tmp_path / "c"))
    _, theirs = run(strategy, keras.optimizers.Adam)
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        # The kernel computes 1 - beta2 from beta2 as a float32, which is off by 1.3e-5, in moment and correction alike.
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=2e-5)
        other.assign(tf.zeros_like(other))
    tf.train.Checkpoint(adam=theirs).read(path).assert_consumed()
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


def test_decay_is_that_of_keras_adamw(strategies):
    """Of a kernel; a bias keeps its own."""

    def trained(make):
        with strategies[2].scope():
            kernel, bias = (keras.Variable(np.full(shape, 2, np.float32)) for shape in ((1, 3), 3))
            adam = make(bias)
            adam.build([kernel, bias])

        @tf.function
        def step(gradient):
            strategies[2].run(lambda g: adam.apply([g[None] / 2, g / 2], [kernel, bias]), args=(gradient,))

        for gradient in GRADIENTS:
            step(tf.constant(gradient))
        return kernel.numpy(), bias.numpy()

    def of_keras(bias):
        adam = keras.optimizers.AdamW(RATE, weight_decay=0.3, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
        adam.exclude_from_weight_decay(var_list=[bias])
        return adam

    ours = trained(lambda _: Adam(RATE, BETA1, BETA2, EPSILON, kernel_decay=0.3))
    for mine, theirs in zip(ours, trained(of_keras), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-6)
    # By hand: the last weight has next to no gradients, and three times 1 - 0.01 · 0.3 is left of it.
    np.testing.assert_allclose(ours[1][2] - ours[0][0, 2], 2 - 2 * 0.997**3, rtol=1e-2)


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_norm_is_that_of_the_sums_over_replicas(replicas, strategies):
    shares = [tf.constant([3.0, -8.0]), tf.constant([[0.0, 12.0]])]

    def of_replica(max_norm):
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
        # The second replica takes half of the first share away, and adds nothing to the second.
        factors = [1 - 1.5 * replica, 1 - replica]
        return clipped([share * factor for share, factor in zip(shares, factors, strict=True)], max_norm)

    for max_norm in (1.0, 1e3):
        results = tf.function(lambda n=max_norm: strategies[replicas].run(of_replica, args=(n,)))()
        summed = [strategies[replicas].reduce("SUM", result, axis=None) for result in results]
        gradients = shares if replicas == 1 else [0.5 * shares[0], shares[1]]
        expected, norm = tf.clip_by_global_norm(gradients, max_norm)
        assert norm > 10
        for mine, theirs in zip(summed, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)


@pytest.mark.parametrize("loss_scale", [None, LossScale])
def test_gradients_are_clipped_without_the_loss_scale(loss_scale, strategies):
    """After one update, the first moment is half the gradient; a skipped one leaves weights and moments as they are."""
    with strategies[1].scope():
        w = keras.Variable(np.ones((1, 2), np.float32))
        adam = Adam(RATE, BETA1, loss_scale=loss_scale and loss_scale(), kernel_decay=0.3, max_norm=1.0)
        adam.build([w])
    scale = adam.loss_scale.scale.numpy() if loss_scale else 1.0

    @tf.function
    def step(gradient):
        strategies[1].run(lambda g: adam.apply([g], [w]), args=(gradient,))

    step(tf.constant([[3.0, -4.0]]) * scale)
    np.testing.assert_allclose(adam._momentums[0], [[0.3, -0.4]], rtol=1e-6)
    if loss_scale:
        before = w.numpy()
        step(tf.constant([[np.inf, 0.0]]))
        np.testing.assert_array_equal(w, before)
        np.testing.assert_allclose(adam._momentums[0], [[0.3, -0.4]], rtol=1e-6)


@pytest.mark.slow
def test_a_compiled_network_is_saved_with_its_optimizer(tmp_path):
    x, y = (np.random.default_rng(seed).normal(size=(2, 32, 32, 3)).astype("float32") for seed in (0, 1))
    network = unet((32, 32), width=2)
    network.compile(Adam(Rate(0.1, steps=10, decay_steps=5)), "mae")
    network.fit(x, y, batch_size=2, epochs=2, verbose=0)
    network.save(tmp_path / "g.keras")
    loaded = keras.models.load_model(tmp_path / "g.keras")
    assert isinstance(loaded.optimizer, Adam)
    assert loaded.optimizer.get_config() == network.optimizer.get_config()
    for mine, theirs in zip(network.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    for each in (network, loaded):
        each.fit(x, y, batch_size=2, verbose=0)
    for mine, theirs in zip(network.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
