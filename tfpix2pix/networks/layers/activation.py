"""Activations that keep little for the backward pass."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable(package="tfpix2pix")
class LeakyReLU(layers.LeakyReLU):
    """Multiplies negative numbers by the slope, any shape; keeps its output alone for the backward pass.

    The gradient needs the input's signs, which the output has too. TensorFlow's own keeps the input beside it: the
    features of a layer twice.

    Args:
      negative_slope: above 0.
      **kwargs: as in keras.layers.LeakyReLU.
    """

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Activates x, any shape."""
        return _by_output(x, self.negative_slope) if training else super().call(x)


def _by_output(x: tf.Tensor, slope: float) -> tf.Tensor:
    @tf.custom_gradient
    def activate(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        y = tf.nn.leaky_relu(x, slope)
        return y, lambda upstream: tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=slope)

    return activate(x)
