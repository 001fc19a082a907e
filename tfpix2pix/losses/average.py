"""Averages losses over pixels and over the batch.

Losses keep the batch axis: `(N,)`, one number for each image. Only `average` divides by the batch.
"""

import tensorflow as tf


def per_image(values: tf.Tensor) -> tf.Tensor:
    """Averages over all axes but the first: `(N, ...)` to `(N,)`."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def average(values: tf.Tensor, global_batch_size: int) -> tf.Tensor:
    """Computes this replica's share, a scalar, of the mean of `(N,)` values over the global batch.

    This is the only division by the batch. Optimizers and strategy.reduce *sum* over replicas, so the shares add up to
    the mean over all images of the step, for any number of replicas.
    """
    return tf.reduce_sum(values) / tf.cast(global_batch_size, values.dtype)
