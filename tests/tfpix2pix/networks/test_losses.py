"""Checks losses against numbers worked by hand and formulas in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks import choices
from tfpix2pix.networks.losses import (
    GAN_LOSSES,
    average,
    class_cross_entropy,
    correct,
    hide_ignored,
    l1,
    per_image,
)

LOGITS = np.array([-30.0, -1.5, 0.0, 0.25, 40.0], np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize(
    ("name", "real", "fake", "generated"),
    [
        ("vanilla", lambda x: -np.log(sigmoid(x)), lambda x: -np.log1p(-sigmoid(x)), lambda x: -np.log(sigmoid(x))),
        ("lsgan", lambda x: (x - 1) ** 2, lambda x: x**2, lambda x: (x - 1) ** 2),
        ("hinge", lambda x: np.maximum(0, 1 - x), lambda x: np.maximum(0, 1 + x), lambda x: -x),
    ],
)
def test_formulas(name, real, fake, generated):
    discriminator_loss, generator_loss = GAN_LOSSES[name]
    # log(1 - sigmoid(40)) is lost to rounding in the formula itself, not in ours.
    x = LOGITS[:-1]
    np.testing.assert_allclose(discriminator_loss(x, real=True), real(x), rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(x, real=False), fake(x), rtol=1e-6)
    np.testing.assert_allclose(generator_loss(x), generated(x), rtol=1e-6)


def test_cross_entropy_stays_finite_and_exact_far_out():
    loss, _ = GAN_LOSSES["vanilla"]
    np.testing.assert_allclose(loss(LOGITS, real=False)[-1], 40.0)
    np.testing.assert_allclose(loss(LOGITS, real=True)[0], 30.0, rtol=1e-6)


def test_vanilla_is_tensorflows_cross_entropy():
    loss, _ = GAN_LOSSES["vanilla"]
    for real in (True, False):
        theirs = tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(LOGITS.shape, float(real)), LOGITS)
        np.testing.assert_allclose(loss(LOGITS, real=real), theirs, rtol=1e-6)


def test_shares_of_replicas_add_up_to_the_mean():
    values = tf.constant([[1.0, 3.0], [5.0, 7.0], [0.0, 2.0], [4.0, 4.0]])
    images = per_image(values)
    np.testing.assert_allclose(images, [2.0, 6.0, 1.0, 4.0])
    assert float(average(images[:1], 4) + average(images[1:], 4)) == 13 / 4


def test_l1_by_hand():
    target = np.zeros((2, 1, 2, 1), np.float32)
    generated = np.array([[[[1.0], [-0.5]]], [[[0.0], [0.25]]]], np.float32)
    np.testing.assert_allclose(l1(target, generated), [0.75, 0.125])


def test_accuracy_thresholds_probability_one_half():
    logits = np.array([[-1.0, 0.3], [0.6, 2.0]], np.float32)
    np.testing.assert_allclose(correct(logits, real=True), [0.5, 1.0])
    np.testing.assert_allclose(correct(logits, real=False), [0.5, 0.0])


def test_options_name_every_loss():
    assert tuple(GAN_LOSSES) == choices.GAN_LOSSES


def labels(seed=0, classes=3):
    """Draws one-hot targets in [-1, 1] with pixels of no class, and logits."""
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, classes + 1, (2, 4, 5))
    one_hot = np.eye(classes + 1, dtype=np.float32)[indices][..., :classes]
    return indices, one_hot * 2 - 1, rng.normal(0, 4, one_hot.shape).astype(np.float32)


def test_class_cross_entropy_is_keras_own_over_the_pixels_that_have_a_class():
    indices, target, logits = labels()
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = [theirs(i[i < 3], x[i < 3]) for i, x in zip(indices, logits, strict=True)]
    np.testing.assert_allclose(class_cross_entropy(target, logits), expected, rtol=1e-5)


def test_the_gradient_is_p_minus_one_hot_and_nothing_where_there_is_no_class():
    indices, target, logits = labels()
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(class_cross_entropy(target, logits))
    found = tape.gradient(loss, logits).numpy()
    has_class = (indices < 3)[..., None]
    expected = (tf.nn.softmax(logits) - (target + 1) / 2) * has_class / has_class.sum((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert not found[indices == 3].any()


def test_an_image_without_a_class_costs_nothing():
    assert float(class_cross_entropy(tf.fill((1, 2, 2, 3), -1.0), tf.random.normal((1, 2, 2, 3)))[0]) == 0


def test_what_is_ignored_looks_alike_in_both():
    indices, target, generated = labels()
    seen = hide_ignored(target, generated).numpy()
    np.testing.assert_array_equal(seen[indices == 3], target[indices == 3])
    np.testing.assert_array_equal(seen[indices < 3], generated[indices < 3])
