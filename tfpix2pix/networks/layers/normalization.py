"""Normalizes activations: the norms to choose from.

The numbers are those of Isola et al. 2017 (arXiv 1611.07004), section 6, and of the PyTorch reference.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops
from keras.backend import result_type

from tfpix2pix.networks.choices import NORM_STATISTICS, NORMS
from tfpix2pix.networks.layers.convolution import normal_initializer

NORM_EPSILON = 1e-5
# In Keras' sense: the share of the old running average that each step keeps.
NORM_MOMENTUM = 0.9


def normalization(
    norm: str,
    statistics: str = "image",
    synchronized: bool = False,
    dtype: str | None = None,
    name: str | None = None,
) -> layers.Layer | None:
    """Builds a normalization layer; None for the norm `none`.

    Args:
      norm: one of NORMS. `instance` normalizes each image and channel over height and width.
      statistics: what `batch` uses at inference, one of NORM_STATISTICS.
      synchronized: whether `batch` takes its statistics over all replicas in training.
      dtype: Keras' policy for the outputs, such as `mixed_bfloat16`; statistics are float32 under all policies.
      name: the layer's name.

    Raises:
      ValueError: norm or statistics is not one of these.
    """
    if norm == "batch":
        return BatchNormalization(statistics, synchronized, dtype=dtype, name=name)
    if norm == "instance":
        return InstanceNormalization(dtype=dtype, name=name)
    if norm == "none":
        return None
    raise ValueError(f"norm={norm!r} is not one of {', '.join(NORMS)}")


@keras.saving.register_keras_serializable(package="tfpix2pix")
class InstanceNormalization(layers.GroupNormalization):
    """Normalizes each channel of each image over height and width (Ulyanov et al. 2016).

    It is Keras' layer with a group for each channel, but for the variance. Keras takes it by tf.nn.moments, which
    counts the mean as a constant (TensorFlow 2.21): first derivatives are right, but not the second ones, which
    gradient penalties need.

    Args:
      epsilon: is added to the variance.
      gamma_initializer: default N(1, 0.02).
      **kwargs: as in keras.layers.GroupNormalization.
    """

    def __init__(self, epsilon: float = NORM_EPSILON, gamma_initializer: Any = None, **kwargs: Any):
        super().__init__(
            groups=-1,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer or normal_initializer(mean=1.0),
            **kwargs,
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalizes x, `(N, H, W, C)`."""
        # As Keras does: half precision is too narrow for squares and their sums.
        wide = ops.cast(x, result_type(x.dtype, "float32"))
        centered = wide - tf.reduce_mean(wide, (1, 2), keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), (1, 2), keepdims=True)
        gamma, beta = (ops.cast(weight, wide.dtype) for weight in (self.gamma, self.beta))
        return ops.cast(centered * (tf.math.rsqrt(variance + self.epsilon) * gamma) + beta, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {name: value for name, value in super().get_config().items() if name != "groups"}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class BatchNormalization(layers.BatchNormalization):
    """Normalizes each channel over the batch, and at inference as `statistics` says.

    `image` takes each image's own mean and variance over height and width. It equals training mode at batch 1, which is
    how the paper tests (section 6.2), and works at any batch size, since no image sees another's statistics. `moving`
    takes the running averages of training. A frozen layer, one that is not trainable, normalizes in training as it does
    at inference, and keeps its running averages.

    Args:
      statistics: one of NORM_STATISTICS.
      synchronized: whether training takes statistics over all replicas.
      momentum: the share of the old running average that each step keeps.
      epsilon: is added to the variance.
      gamma_initializer: default N(1, 0.02).
      **kwargs: as in keras.layers.BatchNormalization.
    """

    def __init__(
        self,
        statistics: str = "image",
        synchronized: bool = False,
        momentum: float = NORM_MOMENTUM,
        epsilon: float = NORM_EPSILON,
        gamma_initializer: Any = None,
        **kwargs: Any,
    ):
        if statistics not in NORM_STATISTICS:
            raise ValueError(f"statistics={statistics!r} is not one of {', '.join(NORM_STATISTICS)}")
        super().__init__(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer or normal_initializer(mean=1.0),
            synchronized=synchronized,
            **kwargs,
        )
        self.statistics = statistics

    def call(self, x: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Normalizes x, `(N, H, W, C)`."""
        learns = bool(training) and self.trainable
        if learns or self.statistics == "moving":
            return super().call(x, training=learns, mask=mask)
        # As Keras does in training: half precision is too narrow for squares and their sums.
        wide = ops.cast(x, result_type(x.dtype, "float32"))
        mean, variance = ops.moments(wide, axes=(1, 2), keepdims=True)
        y = (wide - mean) * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta
        return ops.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"statistics": self.statistics}
