"""Normalizes activations: the norms to choose from.

The numbers are those of Isola et al. 2017 (arXiv 1611.07004), section 6, and of the PyTorch reference.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from keras.backend import result_type

from tfpix2pix.networks.choices import NORM_STATISTICS, NORMS
from tfpix2pix.networks.layers.convolution import normal_initializer, use_products

# On a CPU, arrays of fewer values take longer in TensorFlow's kernel than in the operations that it replaces (forward
# and backward, on 2 cores: 8×8×512 take 0.8 against 0.4 ms, 16×16×512 0.8 against 1.4, 128×128×64 2.5 against 6.5).
MIN_FUSED_VALUES = 2**16
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
        if learns and not self.synchronized and _kernel_is_faster(x):
            return self._learn(x)
        if learns or self.statistics == "moving":
            return super().call(x, training=learns, mask=mask)
        if x.shape[0] == 1 and x.dtype.size == 2 and _kernel_is_faster(x):
            # It reads and writes half precision itself. In float32 it gains 3 percent of a generator, and its sums of
            # one value after the other lose a digit: results differ by up to 6e-5.
            return self._by_kernel(x)[0]
        # As Keras does in training: half precision is too narrow for squares and their sums.
        wide = ops.cast(x, result_type(x.dtype, "float32"))
        mean, variance = ops.moments(wide, axes=(1, 2), keepdims=True)
        y = (wide - mean) * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta
        return ops.cast(y, self.compute_dtype)

    def _learn(self, x: tf.Tensor) -> tf.Tensor:
        """Does what Keras does in training, by one kernel forward and one backward, and keeps fewer arrays for it."""
        y, mean, variance, *_ = self._by_kernel(x)
        # The kernel divides by one value less than it sums, Keras by all, so that the running averages stay Keras'.
        biased = variance * _share_of_biased(x, variance.dtype)
        for average, new in ((self.moving_mean, mean), (self.moving_variance, biased)):
            average.assign(average * self.momentum + new * (1 - self.momentum))
        return y

    def _by_kernel(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"statistics": self.statistics}


def _share_of_biased(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns (n - 1) / n of the n values that x has in each channel."""
    if x.shape.is_fully_defined():
        # As one constant, since TensorFlow's start takes its time for each operation.
        count = np.array(math.prod(x.shape[:-1]), dtype.as_numpy_dtype)
        return tf.constant((count - 1) / count, dtype)
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), dtype)
    return (count - 1) / count


def _kernel_is_faster(x: tf.Tensor) -> bool:
    """Says whether to normalize by TensorFlow's kernel, which there is for all but float64."""
    # A batch of unknown size, as when a network is built, counts as one image.
    values = math.prod(size or 1 for size in x.shape)
    return x.dtype != tf.float64 and (values >= MIN_FUSED_VALUES or not use_products())
