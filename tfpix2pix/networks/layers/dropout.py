"""Drops activations at random, such that a checkpoint can resume it."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


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
