"""Checks the penalties against numbers worked by hand, and their gradients by finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import image_gradients, mixed, r1, slope_penalty
from tfpix2pix.networks.discriminators.discriminator import build_discriminator, judge


def test_by_hand():
    # Each of four logits has a pixel of its own, and slope 3.
    gradients = image_gradients(lambda x: [3.0 * x], tf.zeros((1, 2, 2, 1)))
    np.testing.assert_allclose(gradients[0], np.full((1, 2, 2, 1), 1.5))
    np.testing.assert_allclose(slope_penalty(gradients), [4.0])
    np.testing.assert_allclose(r1(gradients), [9.0])
    both = image_gradients(lambda x: [3.0 * x, tf.reduce_sum(x * x, axis=(1, 2), keepdims=True)], tf.ones((2, 2, 2, 1)))
    # The second scale has one logit, with slope 2 at each pixel: length 4.
    np.testing.assert_allclose(slope_penalty(both), [4.0 + 9.0] * 2)
    np.testing.assert_allclose(r1(both), [9.0 + 16.0] * 2)


def test_a_mixture_lies_between():
    real, fake = tf.fill((3, 1, 1, 1), 1.0), tf.fill((3, 1, 1, 1), 3.0)
    np.testing.assert_allclose(mixed(real, fake, tf.constant([0.0, 0.25, 1.0]))[:, 0, 0, 0], [1.0, 1.5, 3.0])
    # A source that both have stays to the last bit.
    np.testing.assert_array_equal(mixed(fake, fake, tf.constant([0.1, 0.2, 0.3])), fake)


def test_a_slope_of_0_gives_no_nan():
    w = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(slope_penalty(image_gradients(lambda x: [w * x], tf.ones((1, 2, 2, 1)))))
    assert abs(float(loss) - 1) < 1e-5
    assert np.isfinite(tape.gradient(loss, w))


@pytest.fixture
def float64(float64):
    # Inputs have floatx, and would cut the images' gradients.
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


@pytest.mark.parametrize(("scales", "norm"), [(1, "none"), (2, "instance")])
@pytest.mark.parametrize("penalty", [slope_penalty, r1])
def test_against_finite_differences(scales, norm, penalty, float64):
    """The penalty's slope by the weights, which takes second derivatives, and the image's gradient itself."""
    keras.utils.set_random_seed(1)
    network = build_discriminator((8, 8), 1, 2, scales=scales, width=2, n_layers=1, norm=norm)
    rng = np.random.default_rng(0)
    weights = network.trainable_variables
    for weight in weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    source, image = tf.constant(rng.normal(size=(2, 8, 8, 1))), tf.constant(rng.normal(size=(2, 8, 8, 2)))

    def logits(x):
        return [scale[-1] for scale in judge(network, source, x)]

    def value():
        return tf.reduce_sum(penalty(image_gradients(logits, image)))

    with tf.GradientTape() as tape:
        loss = value()
    gradients = tape.gradient(loss, [weight.value for weight in weights], unconnected_gradients="zero")
    direction = [rng.normal(size=weight.shape) for weight in weights]
    expected = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
    start = [weight.numpy() for weight in weights]

    def moved(length):
        for weight, at, d in zip(weights, start, direction, strict=True):
            weight.assign(at + length * d)
        return float(value())

    np.testing.assert_allclose((moved(1e-6) - moved(-1e-6)) / 2e-6, expected, rtol=1e-5)
    moved(0.0)
    step = rng.normal(size=image.shape)
    for scale, gradient in enumerate(image_gradients(logits, image)):
        up, down = (logits(image + sign * 1e-6 * step)[scale] for sign in (1, -1))
        slope = tf.reduce_sum(up - down, (1, 2, 3)) / 2e-6 / np.sqrt(up.shape[1] * up.shape[2])
        np.testing.assert_allclose(slope, tf.reduce_sum(gradient * step, (1, 2, 3)), rtol=1e-5)


def test_float16_holds_the_slopes_of_many_logits():
    """A fraction of each of 128² logits would have gradients under 1e-7, which float16 does not have."""
    keras.utils.set_random_seed(0)
    exact, low = (
        build_discriminator((128, 128), 1, 1, scales=1, width=4, n_layers=0, norm="none", dtype=dtype)
        for dtype in (None, "mixed_float16")
    )
    low.set_weights(exact.get_weights())
    image = tf.constant(np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 1)), tf.float32)
    a, b = (image_gradients(lambda x, n=n: [judge(n, image, x)[0][-1]], image)[0] for n in (exact, low))
    assert b.dtype == tf.float32
    assert np.abs(a).max() / 128 < 6e-8
    assert np.linalg.norm(a - b) < 0.05 * np.linalg.norm(a)
