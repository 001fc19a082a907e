"""Checks the matrix products against TensorFlow's own convolutions, forward and backward."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.layers.convolution import (
    MAX_PRODUCT_PLACES,
    DownConvolution,
    UnitStrideConvolution,
    UpConvolution,
)

# The largest even side of a square grid of MAX_PRODUCT_PLACES.
MAX_SIDE = math.isqrt(MAX_PRODUCT_PLACES) // 2 * 2

PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]


def down(x, layer):
    return tf.nn.conv2d(tf.pad(x, PADDING), layer.kernel.value, 2, "VALID") + layer.bias.value


def up(x, layer):
    batch, height, width, _ = x.shape
    shape = (batch, 2 * height, 2 * width, layer.filters)
    return tf.nn.conv2d_transpose(x, layer.kernel.value, shape, 2, "SAME") + layer.bias.value


def unit_stride(x, layer):
    return tf.nn.conv2d(tf.pad(x, PADDING), layer.kernel.value, 1, "VALID") + layer.bias.value


def operations(layer, shape):
    graph = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec(shape)).graph
    return {operation.type for operation in graph.get_operations()}


# A product's gradient is our own in training, and TensorFlow's else.
@pytest.mark.parametrize(("products", "training"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(
    ("kind", "theirs", "shape", "filters"),
    [
        (UnitStrideConvolution, unit_stride, (2, 7, 9, 5), 1),
        (UnitStrideConvolution, unit_stride, (2, 7, 9, 5), 3),
        (UnitStrideConvolution, unit_stride, (2, 7, 9, 3), 8),
        (DownConvolution, down, (2, 2, 2, 3), 4),
        (DownConvolution, down, (3, 4, 6, 5), 2),
        (DownConvolution, down, (1, 16, 16, 2), 3),
        (UpConvolution, up, (2, 1, 1, 3), 4),
        (UpConvolution, up, (3, 2, 3, 5), 2),
        (UpConvolution, up, (1, 8, 8, 2), 3),
    ],
)
def test_value_and_gradients_are_those_of_a_plain_convolution(kind, theirs, shape, filters, products, training):
    rng = np.random.default_rng(2)
    x = tf.Variable(rng.normal(size=shape).astype("float32"))
    layer = kind(filters, use_bias=True, products=products)
    layer.build(x.shape)
    layer.bias.assign(rng.normal(size=filters))
    weights = [layer.kernel.value, layer.bias.value, x]
    with tf.GradientTape(persistent=True) as tape:
        results = [layer(x, training=training), theirs(x, layer)]
    assert results[0].shape == layer.compute_output_shape(x.shape) == results[1].shape
    np.testing.assert_allclose(*results, atol=1e-6)
    upstream = tf.constant(rng.normal(size=results[0].shape).astype("float32"))
    gradients = [tape.gradient(y, weights, upstream) for y in results]
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "theirs"), [(UnitStrideConvolution, unit_stride), (DownConvolution, down), (UpConvolution, up)]
)
def test_gradients_of_gradients_are_those_of_a_plain_convolution(kind, theirs):
    rng = np.random.default_rng(4)
    x = tf.Variable(rng.normal(size=(2, 4, 6, 5)).astype("float32"))
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=4)
    layer = kind(2, use_bias=True, products=True, kernel_initializer=initializer)
    layer.build(x.shape)

    def slopes(convolve):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                total = tf.reduce_sum(convolve(x) ** 3)
            penalty = tf.reduce_sum(inner.gradient(total, x) ** 2)
        return outer.gradient(penalty, [layer.kernel.value, x])

    gradients = slopes(lambda x: layer(x, training=True)), slopes(lambda x: theirs(x, layer))
    for mine, other in zip(*gradients, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(mine / scale, other / scale, atol=1e-5)


@pytest.mark.parametrize("kind", [UnitStrideConvolution, DownConvolution, UpConvolution])
def test_training_changes_no_bit_of_the_first_gradients(kind):
    rng = np.random.default_rng(5)
    x = tf.Variable(rng.normal(size=(2, 8, 8, 12)).astype("float32"))
    layer = kind(4, use_bias=False, products=True)
    layer.build(x.shape)
    weights, gradients = [layer.kernel.value, x], []
    for training in (True, False):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.sin(layer(x, training=training)))
        gradients.append(tape.gradient(total, weights))
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_products_gradient_takes_few_operations():
    layer = DownConvolution(2, use_bias=False, products=True)

    @tf.function(autograph=False)
    def gradient(x, training):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
        return tape.gradient(y, x)

    few, many = (
        len(gradient.get_concrete_function(tf.TensorSpec((1, 8, 8, 3)), training).graph.get_operations())
        for training in (True, False)
    )
    assert few < 130 < many


@pytest.mark.parametrize(
    ("kind", "operation", "side"),
    [(DownConvolution, "Conv2D", 2 * MAX_SIDE), (UpConvolution, "Conv2DBackpropInput", MAX_SIDE)],
)
def test_products_where_they_are_faster_and_convolutions_elsewhere(kind, operation, side):
    layer = kind(2, use_bias=False, products=True)
    assert operation not in operations(layer, (1, side, side, 3))
    assert operation in operations(layer, (1, 2 * side, side, 3))
    # The places of all images count; those of a batch of unknown size as one's.
    assert operation in operations(layer, (2, side, side, 3))
    assert operation not in operations(layer, (2, side // 2, side, 3))
    assert operation not in operations(layer, (None, side, side, 3))
    assert operation in operations(layer, (1, None, None, 3))
    layer = kind(2, use_bias=False, products=False)
    assert operation in operations(layer, (1, side, side, 3))


def test_odd_sides_are_left_to_keras():
    layer = DownConvolution(2, use_bias=False)
    assert layer(tf.ones((1, 5, 4, 3))).shape == (1, 3, 2, 2)


def test_unit_stride_on_any_size():
    layer = UnitStrideConvolution(2, use_bias=False)
    run = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec((None, None, None, 2))])
    x = np.random.default_rng(3).normal(size=(1, 5, 6, 2)).astype("float32")
    np.testing.assert_allclose(run(x), layer(x), atol=1e-6)
