"""Checks Adam against its formula in NumPy and Keras' own, plain and mirrored, and the rate at its corners."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.model.optimizer import Adam, LinearDecay
from tfpix2pix.networks.generator import unet

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


def test_linear_decay():
    rate = LinearDecay(0.4, steps=100, decay_steps=40)
    expected = {0: 0.4, 59: 0.4, 60: 0.4, 61: 0.39, 80: 0.2, 99: 0.01, 100: 0.0, 200: 0.0}
    for step, value in expected.items():
        np.testing.assert_allclose(float(rate(step)), value, rtol=1e-6)
    assert float(LinearDecay(0.4, steps=100, decay_steps=0)(99)) == np.float32(0.4)
    # float32 cannot hold this step.
    np.testing.assert_allclose(float(LinearDecay(1.0, 2**30, 2**30)(2**30 - 3)), 3 / 2**30, rtol=1e-6)


@pytest.mark.slow
def test_a_compiled_network_is_saved_with_its_optimizer(tmp_path):
    x, y = (np.random.default_rng(seed).normal(size=(2, 32, 32, 3)).astype("float32") for seed in (0, 1))
    network = unet((32, 32), width=2)
    network.compile(Adam(LinearDecay(0.1, steps=10, decay_steps=5)), "mae")
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
