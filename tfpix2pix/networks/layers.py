"""The choice of normalisation, and dropout that resumes.

Numbers: Isola et al. 2017 (arXiv 1611.07004), section 6, and the PyTorch reference.
"""

from collections.abc import Callable

import tensorflow as tf
from keras import layers, ops
from keras.backend import result_type

from tfpix2pix.networks.choices import NORM_STATISTICS, NORMS
from tfpix2pix.networks.convolution import normal_initializer

NORM_EPSILON = 1e-5
# Keras' sense: the share of the old running average that each step keeps.
NORM_MOMENTUM = 0.9
LEAKY_SLOPE = 0.2


def normalization(
    norm: str, statistics: str = "moving", synchronized: bool = False, dtype: str | None = None
) -> Callable:
    """Returns a new normalisation layer, or the identity for `none`.

    Args:
      norm: one of NORMS. `instance` normalises each image and channel over height and width.
      statistics: what `batch` does at inference, one of NORM_STATISTICS.
      synchronized: whether `batch` takes its statistics over all replicas in training.
      dtype: Keras' policy for its outputs, such as `mixed_bfloat16`; statistics are float32 in all of them.
    """
    if norm == "batch":
        return BatchNormalization(statistics, synchronized, dtype=dtype)
    if norm == "instance":
        # One group a channel, which tensorflow-addons called InstanceNormalization.
        return layers.GroupNormalization(
            groups=-1, epsilon=NORM_EPSILON, gamma_initializer=normal_initializer(mean=1.0), dtype=dtype
        )
    if norm == "none":
        return lambda x: x
    raise ValueError(f"norm={norm!r} is not one of {', '.join(NORMS)}")


class BatchNormalization(layers.BatchNormalization):
    """Batch normalisation that says what it does at inference.

    With `statistics="moving"` it uses the running averages of training; with `"image"` each image's own mean and
    variance over height and width. The latter equals training mode at batch 1 (the paper's way to test, section
    6.2), at any batch size, since no image sees another's statistics.
    """

    def __init__(self, statistics: str = "moving", synchronized: bool = False, **kwargs):
        if statistics not in NORM_STATISTICS:
            raise ValueError(f"statistics={statistics!r} is not one of {', '.join(NORM_STATISTICS)}")
        super().__init__(
            momentum=NORM_MOMENTUM,
            epsilon=NORM_EPSILON,
            gamma_initializer=normal_initializer(mean=1.0),
            synchronized=synchronized,
            **kwargs,
        )
        self.statistics = statistics

    def call(self, x, training=None, mask=None):
        """Normalises x, `(N, H, W, C)`."""
        if training or self.statistics == "moving":
            return super().call(x, training=training, mask=mask)
        # As Keras does in training: half precision is too narrow for squares and their sums.
        wide = ops.cast(x, result_type(x.dtype, "float32"))
        mean, variance = ops.moments(wide, axes=(1, 2), keepdims=True)
        y = (wide - mean) * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta
        return ops.cast(y, self.compute_dtype)


class Dropout(layers.Layer):
    """Dropout whose mask is a function of (seed, calls so far, replica).

    Keras' own draws the same mask on every mirrored replica, and keeps its state where tf.train.Checkpoint does not
    save it. Here the state is one count, a weight of the layer, so a checkpoint holds all that the next mask needs.

    Args:
      rate: the share of activations set to 0, in [0, 1).
      seed: tells this layer's masks from another's.
      at_inference: whether to drop at inference too, the paper's only source of noise (section 3.2).
    """

    def __init__(self, rate: float, seed: int, at_inference: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.at_inference = at_inference

    def build(self, input_shape):
        """Makes the count of calls."""
        self.calls = self.add_weight(
            name="calls",
            dtype="int64",
            initializer="zeros",
            trainable=False,
            # Each replica counts for itself, and all count alike: an aggregation could not run inside a loop or in XLA.
            aggregation="none",
        )

    def call(self, x, training=None):
        """Drops activations of x, any shape, and scales the rest by 1 / (1 - rate)."""
        if not (training or self.at_inference):
            return x
        replica = tf.distribute.get_replica_context()
        replica_id = 0 if replica is None else replica.replica_id_in_sync_group
        calls = tf.convert_to_tensor(self.calls)
        # 2^20 replicas are room enough: the second number is different for each call and replica.
        seed = tf.stack([tf.cast(self.seed, tf.int64), calls * 2**20 + tf.cast(replica_id, tf.int64)])
        self.calls.assign_add(1)
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed=seed)
