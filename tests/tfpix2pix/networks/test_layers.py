"""Checks normalization against NumPy, and dropout against its docstring."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.networks.layers import normalization as layers_normalization
from tfpix2pix.networks.layers.activation import LeakyReLU
from tfpix2pix.networks.layers.dropout import Dropout
from tfpix2pix.networks.layers.normalization import BatchNormalization, normalization

X = np.random.default_rng(0).normal(1.0, 2.0, (3, 4, 5, 2)).astype("float32")


def normalized(x, axes, gamma, beta):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def batch_norm(statistics):
    layer = BatchNormalization(statistics)
    layer.build(X.shape)
    layer.gamma.assign([1.5, 0.5])
    layer.beta.assign([0.25, -1.0])
    return layer


@pytest.mark.parametrize("from_values", [0, 10**9], ids=["kernel", "operations"])
def test_batch_norm_in_training_and_its_running_averages(from_values, monkeypatch):
    monkeypatch.setattr(layers_normalization, "MIN_FUSED_VALUES", from_values)
    layer = batch_norm("moving")
    y = layer(X, training=True)
    np.testing.assert_allclose(y, normalized(X, (0, 1, 2), [1.5, 0.5], [0.25, -1.0]), atol=1e-5)
    # Keras' momentum 0.9 keeps nine tenths of the old, which were 0 and 1.
    mean, variance = 0.1 * X.mean((0, 1, 2)), 0.9 + 0.1 * X.var((0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-5)
    expected = (X - mean) / np.sqrt(variance + 1e-5) * [1.5, 0.5] + [0.25, -1.0]
    np.testing.assert_allclose(layer(X, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_kernel_gives_the_gradients_of_the_operations(policy, monkeypatch):
    found = {}
    for from_values in (0, 10**9):
        monkeypatch.setattr(layers_normalization, "MIN_FUSED_VALUES", from_values)
        layer = BatchNormalization("image", dtype=policy, gamma_initializer="ones")
        x = tf.Variable(X)
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            assert y.dtype == layer.compute_dtype
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * np.cos(X))
        found[from_values] = tape.gradient(loss, [x, *layer.trainable_variables])
    # bfloat16 keeps 8 bits.
    tolerance = 1e-5 if policy == "float32" else 0.02
    for kernel, operations in zip(*found.values(), strict=True):
        np.testing.assert_allclose(kernel, operations, atol=tolerance * np.abs(operations).max())


def test_image_statistics_do_not_mix_images():
    layer = batch_norm("image")
    np.testing.assert_allclose(layer(X), normalized(X, (1, 2), [1.5, 0.5], [0.25, -1.0]), atol=1e-5)
    np.testing.assert_array_equal(layer(X)[1], layer(X[1:2])[0])
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match=r"norm='layer'.*batch, instance, none"):
        normalization("layer")
    with pytest.raises(ValueError, match=r"statistics='batch'.*image, moving"):
        BatchNormalization("batch")


def test_scales_and_kernels_are_drawn_as_the_reference_draws_them():
    keras.utils.set_random_seed(0)
    network = unet((32, 32), width=16, depth=5)
    kernels = np.concatenate([np.ravel(v) for v in network.trainable_variables if v.path.endswith("kernel")])
    scales = np.concatenate([np.ravel(v) for v in network.trainable_variables if v.path.endswith("gamma")])
    # Standard errors: 0.02 / sqrt(1.1e6) and 0.02 / sqrt(704).
    assert abs(kernels.mean()) < 1e-4
    assert abs(kernels.std() - 0.02) < 1e-4
    assert abs(scales.mean() - 1) < 4e-3
    assert abs(scales.std() - 0.02) < 2e-3
    assert all(not np.any(v) for v in network.trainable_variables if v.path.endswith(("beta", "bias")))


ONES = tf.ones((4, 32, 32, 8))


def test_dropout_keeps_the_mean_and_is_off_at_inference():
    layer = Dropout(0.25, seed=3)
    y = layer(ONES, training=True).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    # 32768 draws: the standard error of the mean is 0.0032.
    assert abs(y.mean() - 1) < 0.015
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    assert float(tf.reduce_min(Dropout(0.25, seed=3, at_inference=True)(ONES, training=False))) == 0


def test_masks_differ_by_call_and_seed_and_follow_from_them():
    masks = {}
    for name, seed in (("a", 1), ("again", 1), ("other", 2)):
        layer = Dropout(0.5, seed=seed)
        masks[name] = [layer(ONES, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(masks["a"], masks["again"])
    different = [masks["a"][0], masks["a"][1], masks["other"][0]]
    for i, mask in enumerate(different):
        for other in different[i + 1 :]:
            assert 0.45 < np.mean(mask != other) < 0.55


def test_masks_differ_by_replica(strategies):
    strategy = strategies[2]
    with strategy.scope():
        layer = Dropout(0.5, seed=1)
        layer.build(ONES.shape)

    @tf.function
    def masks():
        return strategy.experimental_local_results(strategy.run(lambda: layer(ONES, training=True)))

    alone = Dropout(0.5, seed=1)
    for call in range(2):
        first, second = masks()
        np.testing.assert_array_equal(first, alone(ONES, training=True), err_msg=f"call {call}")
        assert 0.45 < np.mean(first.numpy() != second.numpy()) < 0.55


def test_a_checkpoint_holds_the_dropout_count(tmp_path):
    networks = [unet((64, 64), width=2, depth=6, seed=5) for _ in range(2)]
    x = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype("float32")
    for _ in range(3):
        networks[0](x, training=True)
    path = tf.train.Checkpoint(g=networks[0]).write(str(tmp_path / "c"))
    tf.train.Checkpoint(g=networks[1]).read(path).assert_consumed()
    a, b = (network(x, training=True).numpy() for network in networks)
    np.testing.assert_array_equal(a, b)
    # Dropout was on: the next call has another mask.
    assert np.any(a != networks[0](x, training=True).numpy())


def test_leaky_relu_equals_that_of_keras_and_keeps_its_output_alone():
    x = tf.constant([-2.0, -0.5, 0.0, 1.5])

    def numbers(layer):
        with tf.GradientTape() as second, tf.GradientTape() as first:
            second.watch(x)
            first.watch(x)
            y = layer(x, training=True) ** 2
        slope = first.gradient(y, x)
        return y, slope, second.gradient(slope, x)

    for mine, theirs in zip(numbers(LeakyReLU(0.2)), numbers(keras.layers.LeakyReLU(0.2)), strict=True):
        np.testing.assert_array_equal(mine, theirs)

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = LeakyReLU(0.2)(x * 2.0, training=True)
        return tape.gradient(y, x)

    graph = gradient.get_concrete_function(tf.TensorSpec((4,))).graph
    backward = next(operation for operation in graph.get_operations() if operation.type == "LeakyReluGrad")
    assert backward.inputs[1].op.type == "LeakyRelu"
