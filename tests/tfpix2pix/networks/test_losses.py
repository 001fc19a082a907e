"""Checks losses against numbers worked by hand and formulas in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks import choices
from tfpix2pix.networks.losses import GAN_LOSSES, average, correct, l1, per_image

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
