"""Checks losses against numbers worked by hand and formulas in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import (
    GAN_LOSSES,
    UNDECIDED,
    average,
    charbonnier,
    class_cross_entropy,
    correct,
    feature_matching,
    gradient_difference,
    hide_ignored,
    l1,
    l2,
    per_image,
    perceptual,
    ssim,
)
from tfpix2pix.networks import choices

LOGITS = np.array([-30.0, -1.5, 0.0, 0.25, 40.0], np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize(
    ("name", "real", "fake", "generated"),
    [
        ("vanilla", lambda x: -np.log(sigmoid(x)), lambda x: -np.log1p(-sigmoid(x)), lambda x: -np.log(sigmoid(x))),
        ("lsgan", lambda x: (x - 1) ** 2, lambda x: x**2, lambda x: (x - 1) ** 2),
        ("hinge", lambda x: np.maximum(0, 1 - x), lambda x: np.maximum(0, 1 + x), lambda x: -x),
        ("wgan-gp", lambda x: -x, lambda x: x, lambda x: -x),
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


def test_smoothed_labels():
    x = tf.constant(LOGITS)
    theirs = tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(x.shape, 0.9), x)
    np.testing.assert_allclose(GAN_LOSSES["vanilla"][0](x, real=True, smoothing=0.1), theirs, rtol=1e-5)
    np.testing.assert_allclose(GAN_LOSSES["lsgan"][0](x, real=True, smoothing=0.1), (LOGITS - 0.9) ** 2, rtol=1e-5)
    for name in choices.LABELED_LOSSES:
        # One-sided: the label of generated pairs stays 0.
        loss, _ = GAN_LOSSES[name]
        np.testing.assert_array_equal(loss(x, real=False, smoothing=0.1), loss(x, real=False))


def test_shares_of_replicas_add_up_to_the_mean():
    values = tf.constant([[1.0, 3.0], [5.0, 7.0], [0.0, 2.0], [4.0, 4.0]])
    images = per_image(values)
    np.testing.assert_allclose(images, [2.0, 6.0, 1.0, 4.0])
    assert float(average(images[:1], 4) + average(images[1:], 4)) == 13 / 4


def test_l1_by_hand():
    target = np.zeros((2, 1, 2, 1), np.float32)
    generated = np.array([[[[1.0], [-0.5]]], [[[0.0], [0.25]]]], np.float32)
    np.testing.assert_allclose(l1(target, generated), [0.75, 0.125])


def test_further_pixel_losses_by_hand():
    target = tf.zeros((2, 2, 2, 1))
    generated = tf.constant([[[[1.0], [-0.5]], [[0.0], [0.0]]], [[[0.0], [0.0]], [[0.0], [0.5]]]])
    np.testing.assert_allclose(l2(target, generated), [1.25 / 4, 0.25 / 4])
    # sqrt(1 + 1e-6), sqrt(0.25 + 1e-6), and 0.001 where there is no difference.
    np.testing.assert_allclose(charbonnier(target, generated), [1.5020015 / 4, 0.5030010 / 4], rtol=1e-6)
    # Down 1, 0.5; right 1.5, 0. Down 0, 0.5; right 0, 0.5.
    np.testing.assert_allclose(gradient_difference(target, generated), [3.0 / 4, 1.0 / 4])
    # The sign of a slope does not count.
    np.testing.assert_allclose(gradient_difference(-generated, generated), [0, 0])


def test_ssim_of_one_window_by_hand():
    rng = np.random.default_rng(0)
    target, generated = (rng.uniform(-1, 1, (11, 11)).astype("float32") for _ in range(2))
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
    window /= window.sum()
    a, b = (target + 1) / 2, (generated + 1) / 2
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    covariance = (window * a * b).sum() - mean_a * mean_b
    variances = (window * (a**2 + b**2)).sum() - mean_a**2 - mean_b**2
    expected = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    expected *= (2 * covariance + 9e-4) / (variances + 9e-4)
    np.testing.assert_allclose(ssim(target[None, ..., None], generated[None, ..., None]), [1 - expected], rtol=1e-4)
    np.testing.assert_allclose(ssim(target[None, ..., None], target[None, ..., None]), [0], atol=1e-6)


def test_ssim_is_tensorflows_and_so_is_its_gradient():
    rng = np.random.default_rng(0)
    target, generated = (tf.constant(rng.uniform(-1, 1, (2, 20, 31, 3)), tf.float32) for _ in range(2))
    found = []
    for compute in (ssim, lambda t, g: 1 - tf.image.ssim((t + 1) / 2, (g + 1) / 2, 1.0)):
        with tf.GradientTape() as tape:
            tape.watch(generated)
            value = compute(target, generated)
        found.append((value, tape.gradient(value, generated)))
    (ours, our_gradient), (theirs, their_gradient) = found
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(our_gradient, their_gradient, atol=1e-5 * np.abs(their_gradient).max())


def test_feature_matching_has_the_references_weights():
    """pix2pixHD adds L1 of each layer times 4 / (n_layers + 1) / num_D; n_layers + 1 layers have features."""
    rng = np.random.default_rng(0)
    shapes = [(2, 4, 4, 3), (2, 2, 2, 5)]
    scales = [[[tf.constant(rng.normal(size=s), tf.float32) for s in shapes] for _ in range(2)] for _ in range(2)]
    targets, generated = scales
    expected = sum(
        np.abs(t - g).mean((1, 2, 3)) * 4 / 2 / 2
        for of_targets, of_generated in zip(targets, generated, strict=True)
        for t, g in zip(of_targets, of_generated, strict=True)
    )
    np.testing.assert_allclose(feature_matching(targets, generated), expected, rtol=1e-5)


def test_features_of_targets_are_constants_and_half_precision_is_widened():
    a, b = tf.fill((1, 64, 64, 32), tf.constant(1.0, tf.float16)), tf.zeros((1, 64, 64, 32), tf.float16)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        loss = feature_matching([[a]], [[b]])
    # A sum of 131,072 ones is infinite in float16.
    assert (loss.dtype, float(loss[0])) == (tf.float32, 4.0)
    of_a, of_b = tape.gradient(loss, [a, b])
    assert of_a is None
    assert of_b is not None


def test_perceptual_weights():
    ones = [tf.fill((1, 2, 2, 1), 1.0)] * 5
    zeros = [tf.zeros((1, 2, 2, 1))] * 5
    np.testing.assert_allclose(perceptual(ones, zeros), [1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1])


def test_accuracy_thresholds_probability_one_half():
    logits = np.array([[-1.0, 0.3], [0.6, 2.0]], np.float32)
    np.testing.assert_allclose(correct(logits, real=True), [0.5, 1.0])
    np.testing.assert_allclose(correct(logits, real=False), [0.5, 0.0])
    # Least squares has its middle between the labels 0 and 1.
    np.testing.assert_allclose(correct(tf.constant([[0.4, 0.6, 0.7, 0.2]]), True, UNDECIDED["lsgan"]), [0.5])


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
