"""Checks the layers of generators against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import numpy_layers as twin
from tfpix2pix.networks.layers.attention import SelfAttention
from tfpix2pix.networks.layers.doubling import Icnr, ResizeConvolution, ShuffleConvolution
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution, TransposedConvolution, reflected
from tfpix2pix.networks.layers.pooling import HalvingPool


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def computed(layer, x):
    """Returns what a layer makes of an image, whose size is known or not, with a bias that shows."""
    layer.build(x.shape)
    for variable in layer.weights:
        if variable.name in ("bias", "kernel"):
            variable.assign(images(*variable.shape) * 0.3)
    y = layer(x).numpy()
    assert y.shape == layer.compute_output_shape(x.shape)
    any_size = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, x.shape[-1]))])
    np.testing.assert_allclose(any_size(x), y, rtol=0, atol=1e-6)
    return y


@pytest.mark.parametrize(
    ("size", "stride", "reflect"), [(3, 1, False), (3, 2, False), (7, 1, True), (3, 1, True), (4, 2, True)]
)
def test_a_padded_convolution(size, stride, reflect):
    x = images(2, 8, 6, 3)
    layer = PaddedConvolution(4, size, True, stride, reflect)
    y = computed(layer, x)
    extended = twin.padded(x, (size - 1) // 2, "reflect" if reflect else "constant")
    np.testing.assert_allclose(y, twin.convolution(extended, layer.kernel, layer.bias, stride), atol=1e-5)


def test_reflections_of_images_smaller_than_the_margin():
    """Reflects as far as the image reaches, then repeats the last pixel: by hand."""
    one, two, three = ([[[1.0]]], [[[1.0], [2.0]]], [[[1.0], [2.0], [3.0]]])
    for x, row in (
        (one, [1, 1, 1, 1, 1, 1, 1]),
        (two, [2, 2, 2, 1, 2, 1, 1, 1]),
        (three, [3, 3, 2, 1, 2, 3, 2, 1, 1]),
    ):
        for each in (tf.constant([x]), tf.constant([np.swapaxes(x, 0, 1)])):
            y = reflected(each, 3).numpy()[0, ..., 0]
            wide = y if x == one or each.shape[2] > 1 else y.T
            assert wide.tolist() == [row] * 7


def test_a_transposed_convolution():
    x = images(2, 3, 4, 5)
    layer = TransposedConvolution(2, True)
    np.testing.assert_allclose(computed(layer, x), twin.transposed(x, layer.kernel.numpy(), layer.bias), atol=1e-5)


@pytest.mark.parametrize("reflect", [False, True])
def test_repeated_pixels_are_convolved(reflect):
    x = images(2, 3, 4, 5)
    layer = ResizeConvolution(2, True, reflect)
    y = computed(layer, x)
    repeated = twin.padded(x.repeat(2, 1).repeat(2, 2), 1, "reflect" if reflect else "constant")
    np.testing.assert_allclose(y, twin.convolution(repeated, layer.kernel, layer.bias), atol=1e-5)


@pytest.mark.parametrize("reflect", [False, True])
def test_large_grids_learn_without_repeated_pixels(reflect):
    x = tf.constant(images(2, 40, 30, 3))
    layer = ResizeConvolution(2, True, reflect)
    layer(x)
    learned, repeated = (values_and_gradients(layer, x, training) for training in (True, False))
    for ours, wanted in zip(learned, repeated, strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-5 * np.abs(wanted).max())
    operations = tf.function(layer).get_concrete_function(x, training=True).graph.get_operations()
    assert not any(operation.type == "Tile" for operation in operations)


def values_and_gradients(layer, x, training):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_sum(y * tf.constant(images(*y.shape)))
    return [y, *tape.gradient(loss, [x, layer.kernel, layer.bias])]


def test_shuffled_pixels():
    x = images(2, 3, 4, 5)
    layer = ShuffleConvolution(2, True)
    y = computed(layer, x)
    four = twin.convolution(twin.padded(x, 1), layer.kernel, layer.bias)
    for row, column in np.ndindex(2, 2):
        place = 2 * row + column
        np.testing.assert_allclose(y[:, row::2, column::2], four[..., 2 * place : 2 * place + 2], atol=1e-5)


def test_icnr_begins_with_pixels_that_are_equal():
    x = images(1, 4, 4, 16)
    layer = ShuffleConvolution(8, True)
    y = layer(x).numpy()
    assert y.std() > 0.1
    for row, column in np.ndindex(2, 2):
        np.testing.assert_array_equal(y[:, row::2, column::2], y[:, ::2, ::2])
    # The filters of one pixel are as usual: N(0, 0.02), each another.
    kernel = layer.kernel.numpy()[..., :8]
    np.testing.assert_allclose([kernel.mean(), kernel.std()], [0, 0.02], atol=2e-3)
    assert len(np.unique(kernel)) > 0.99 * kernel.size
    # The paper's: without it they differ.
    plain = ShuffleConvolution(8, True, kernel_initializer="glorot_uniform")(x).numpy()
    assert np.abs(plain[:, ::2, ::2] - plain[:, 1::2, ::2]).max() > 0.1
    assert Icnr.from_config(Icnr().get_config()).initializer.stddev == 0.02


def test_self_attention():
    x = images(2, 3, 4, 16)
    layer = SelfAttention()
    layer.build(x.shape)
    # Gamma begins at 0.
    np.testing.assert_array_equal(layer(x), x)
    weights = {variable.name: images(*variable.shape) for variable in layer.weights if variable.name != "gamma"}
    assert {name: value.shape for name, value in weights.items()} == {
        **dict.fromkeys(("key", "query", "value"), (16, 2)),
        "output": (2, 16),
    }
    for variable in layer.weights:
        variable.assign(weights.get(variable.name, 0.7))
    expected = twin.attention(x, **weights, gamma=0.7)
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    assert np.abs(expected - x).max() > 0.1
    any_size = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 16))])
    np.testing.assert_allclose(any_size(x), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 2)])
def test_the_average_pool_does_not_count_what_lies_beyond_edges(size):
    x = images(2, *size, 3)
    np.testing.assert_allclose(computed(HalvingPool(), x), twin.pooled(x), atol=1e-6)
