"""Lets every place of a grid look at all others (Zhang et al. 2019, SAGAN, arXiv 1805.08318, section 3)."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfpix2pix.networks.layers.convolution import normal_initializer

# Channels of queries, keys and values, as a share of those of the features.
SHARE = 8


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SelfAttention(layers.Layer):
    """Adds to each place what it finds at the others: y = gamma * o + x, `(N, H, W, C)` to `(N, H, W, C)`.

    o = v(sum over places i of beta_i h(x_i)), where beta = softmax over i of f(x_i) · g(x), and f, g, h and v are
    matrices, 1×1 convolutions, with C/8 channels between them. Gamma is learned and begins at 0, so that the network
    learns from near places first.

    It holds (H W)² numbers for each image.

    Args:
      kernel_initializer: of the matrices; default N(0, 0.02).
      **kwargs: as in keras.layers.Layer.
    """

    def __init__(self, kernel_initializer: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer) or normal_initializer(mean=0.0)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the matrices and gamma."""
        channels = input_shape[-1]
        inner = max(1, (channels or 0) // SHARE)

        def matrix(name: str, *shape: int | None) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, initializer=self.kernel_initializer)

        self.key = matrix("key", channels, inner)
        self.query = matrix("query", channels, inner)
        self.value = matrix("value", channels, inner)
        self.output_matrix = matrix("output", inner, channels)
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Attends in x, `(N, H, W, C)`."""
        shape = tf.shape(x)
        places = tf.reshape(x, (shape[0], shape[1] * shape[2], x.shape[-1]))
        keys, queries, values = (tf.matmul(places, each) for each in (self.key, self.query, self.value))
        # One row a query. Half precision is too narrow for a softmax over many places.
        weights = tf.nn.softmax(tf.cast(tf.matmul(queries, keys, transpose_b=True), self.variable_dtype))
        found = tf.matmul(tf.matmul(tf.cast(weights, self.compute_dtype), values), self.output_matrix)
        found = tf.reshape(found, shape)
        found.set_shape(x.shape)
        return self.gamma * found + x

    def inner_floats(self, places: int) -> int:
        """Counts the numbers that it holds of an image besides input and output; places are H × W."""
        return places**2

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves the weights by name."""
        for variable in self.weights:
            store[variable.name] = variable

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads what `save_own_variables` saved."""
        for variable in self.weights:
            variable.assign(store[variable.name])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"kernel_initializer": keras.initializers.serialize(self.kernel_initializer)}
