"""The matrix product against TensorFlow's own convolution, forward and backward."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.convolution import UnitStrideConvolution


@pytest.mark.parametrize("has_gpu", [False, True])
@pytest.mark.parametrize(("channels", "filters"), [(5, 1), (5, 3), (3, 8)])
def test_unit_stride_is_a_plain_convolution(channels, filters, has_gpu):
    rng = np.random.default_rng(2)
    x = tf.Variable(rng.normal(size=(2, 7, 9, channels)).astype("float32"))
    layer = UnitStrideConvolution(filters, use_bias=True)
    layer.has_gpu = has_gpu
    layer.build(x.shape)
    layer.bias.assign(rng.normal(size=filters))
    weights = [layer.kernel.value, layer.bias.value, x]
    with tf.GradientTape(persistent=True) as tape:
        ours = layer(x)
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        theirs = tf.nn.conv2d(padded, layer.kernel.value, 1, "VALID") + layer.bias.value
    assert ours.shape == layer.compute_output_shape(x.shape) == (2, 6, 8, filters)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    upstream = tf.constant(rng.normal(size=ours.shape).astype("float32"))
    gradients = [tape.gradient(y, weights, upstream) for y in (ours, theirs)]
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_unit_stride_on_any_size():
    layer = UnitStrideConvolution(2, use_bias=False)
    run = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec((None, None, None, 2))])
    x = np.random.default_rng(3).normal(size=(1, 5, 6, 2)).astype("float32")
    np.testing.assert_allclose(run(x), layer(x), atol=1e-6)
