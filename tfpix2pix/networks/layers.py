"""Normalization, and dropout that a checkpoint can resume.

The numbers are those of Isola et al. 2017 (arXiv 1611.07004), section 6, and of the PyTorch reference.

Importing this module registers all layers of both networks with Keras, so that `keras.models.load_model` reads a saved
network:

    import tfpix2pix.networks.layers
    generator = keras.models.load_model("g.keras")
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops
from keras.backend import result_type

from tfpix2pix.networks.choices import NORM_STATISTICS, NORMS
from tfpix2pix.networks.convolution import normal_initializer

NORM_EPSILON = 1e-5
# In Keras' sense: the share of the old running average that each step keeps.
NORM_MOMENTUM = 0.9
LEAKY_SLOPE = 0.2


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
        # One group for each channel; tensorflow-addons called it InstanceNormalization.
        return layers.GroupNormalization(
            groups=-1, epsilon=NORM_EPSILON, gamma_initializer=normal_initializer(mean=1.0), dtype=dtype, name=name
        )
    if norm == "none":
        return None
    raise ValueError(f"norm={norm!r} is not one of {', '.join(NORMS)}")


@keras.saving.register_keras_serializable(package="tfpix2pix")
class BatchNormalization(layers.BatchNormalization):
    """Normalizes each channel over the batch, and at inference as `statistics` says.

    `image` takes each image's own mean and variance over height and width. It equals training mode at batch 1, which is
    how the paper tests (section 6.2), and works at any batch size, since no image sees another's statistics. `moving`
    takes the running averages of training.

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
        if training or self.statistics == "moving":
            return super().call(x, training=training, mask=mask)
        # As Keras does in training: half precision is too narrow for squares and their sums.
        wide = ops.cast(x, result_type(x.dtype, "float32"))
        mean, variance = ops.moments(wide, axes=(1, 2), keepdims=True)
        y = (wide - mean) * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta
        return ops.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"statistics": self.statistics}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Dropout(layers.Layer):
    """Drops activations by a mask that depends on (seed, calls so far, replica) alone.

    Keras' Dropout draws the same mask on every mirrored replica, and tf.train.Checkpoint does not save its state. Here
    the state is one count, a weight of the layer, so a checkpoint holds everything that the next mask needs.

    Args:
      rate: the share of activations set to 0, in [0, 1).
      seed: gives each layer masks of its own.
      at_inference: whether to drop at inference too, the paper's only source of noise (section 3.2).
      **kwargs: as in keras.layers.Layer.

    Raises:
      ValueError: rate is out of range.
    """

    def __init__(self, rate: float, seed: int, at_inference: bool = False, **kwargs: Any):
        if not 0 <= rate < 1:
            raise ValueError(f"dropout={rate} is not in [0, 1)")
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.at_inference = at_inference

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the count of calls."""
        self.calls = self.add_weight(
            name="calls",
            dtype="int64",
            initializer="zeros",
            trainable=False,
            # Each replica counts for itself, and all counts are equal. An aggregation cannot run in a loop or in XLA.
            aggregation="none",
        )

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Drops activations of x, any shape, and scales the rest by 1 / (1 - rate)."""
        if not (training or self.at_inference):
            return x
        replica = tf.distribute.get_replica_context()
        replica_id = 0 if replica is None else replica.replica_id_in_sync_group
        calls = tf.convert_to_tensor(self.calls)
        # The second number differs for each call and replica, up to 2^20 replicas.
        seed = tf.stack([tf.cast(self.seed, tf.int64), calls * 2**20 + tf.cast(replica_id, tf.int64)])
        self.calls.assign_add(1)
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed=seed)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"rate": self.rate, "seed": self.seed, "at_inference": self.at_inference}
