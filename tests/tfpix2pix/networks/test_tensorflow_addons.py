"""Checks that Keras computes what tensorflow-addons, which no longer loads, computed for pix2pix.

The golden file holds what tensorflow-addons 0.23.0 computed on TensorFlow 2.15.1.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.golden import SHARED
from tfpix2pix.networks.layers.normalization import NORM_EPSILON, normalization

pytestmark = pytest.mark.needs_shared


@pytest.fixture(scope="module")
def golden():
    return np.load(SHARED / "golden" / "tensorflow_addons_0.23.npz")


@pytest.mark.parametrize("epsilon", ["1e-05", "0.001"])
def test_instance_normalization(golden, epsilon):
    case = f"instance_norm/eps={epsilon}"
    layer = normalization("instance")
    assert layer.epsilon == NORM_EPSILON == 1e-5
    layer.epsilon = float(epsilon)
    x = tf.constant(golden["input"])
    layer.build(x.shape)
    layer.gamma.assign(golden[f"{case}/gamma"])
    layer.beta.assign(golden[f"{case}/beta"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    gradients = tape.gradient(y, [x, layer.gamma.value, layer.beta.value], golden["upstream_gradient"])
    np.testing.assert_allclose(y, golden[f"{case}/output"], atol=1e-6)
    for gradient, name in zip(gradients, ("input", "gamma", "beta"), strict=True):
        np.testing.assert_allclose(gradient, golden[f"{case}/gradient_{name}"], atol=1e-5)


@pytest.mark.parametrize("iterations", [1, 5])
def test_spectral_normalization(golden, iterations):
    case = f"spectral_norm/iterations={iterations}"
    convolution = keras.layers.Conv2D(5, 4, 2, "same")
    layer = keras.layers.SpectralNormalization(convolution, power_iterations=iterations)
    layer.build(golden["input"].shape)
    convolution.kernel.assign(golden[f"{case}/kernel"])
    convolution.bias.assign(golden[f"{case}/bias"])
    layer.vector_u.assign(golden[f"{case}/u"])
    y = layer(golden["input"], training=True)
    np.testing.assert_allclose(y, golden[f"{case}/output"], atol=1e-5)
    np.testing.assert_allclose(convolution.kernel, golden[f"{case}/kernel_after"], atol=1e-6)
    np.testing.assert_allclose(layer.vector_u, golden[f"{case}/u_after"], atol=1e-6)


def test_moving_average(golden):
    w = keras.Variable(golden["moving_average/initial"])
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    optimizer.build([w])
    for i, gradient in enumerate(golden["moving_average/gradients"]):
        optimizer.apply([tf.constant(gradient)], [w])
        np.testing.assert_allclose(w, golden["moving_average/weights"][i], atol=1e-6)
        averages = golden["moving_average/averages_sgd0.1_decay0.9_start1"][i]
        # The two start their averages differently.
        np.testing.assert_allclose(optimizer._model_variables_moving_average[0], averages, atol=1e-4)
