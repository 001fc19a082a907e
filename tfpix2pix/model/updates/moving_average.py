"""Averages the generator's weights over the steps (EMA), as EDM does (Karras et al. 2022, training_loop.py)."""

import math

import keras
import tensorflow as tf

from tfpix2pix.model.updates.optimizer import Adam

# In the first updates the half-life is this share of the updates so far, so that the random start is soon forgotten.
RAMP_UP = 0.05


def decay_at(updates: tf.Tensor, ema: float) -> tf.Tensor:
    """Computes the share of the average that stays, float64: 0.5^(1/h), h = min(ln 0.5 / ln ema, 0.05 updates).

    Args:
      updates: how many were done before this one.
      ema: the decay once the half-life h, in updates, is reached; above 0 and below 1.
    """
    full = tf.constant(math.log(0.5) / math.log(ema), tf.float64)
    half_life = tf.minimum(full, RAMP_UP * tf.cast(updates, tf.float64))
    return tf.pow(tf.constant(0.5, tf.float64), 1 / tf.maximum(half_life, 1e-8))


def update_average(
    average: keras.Model, network: keras.Model, optimizer: Adam, ema: float, strategy: tf.distribute.Strategy
) -> None:
    """Moves an average towards its network, which has just been updated; for use outside of the replicas.

    What is learned is averaged. Other numbers, such as the running averages of batch norm, are copied: they are
    averages over the steps already, and a second one would lag behind the first.

    Args:
      average: a network like the other, of which nothing is frozen.
      network: whose weights are averaged; frozen ones too, since the average may not have reached them yet.
      optimizer: of the network. An update that its loss scale skipped leaves the average of the weights as it is.
      ema: as decay_at has it.
      strategy: over whose devices both are mirrored.
    """
    decay = tf.cast(decay_at(tf.convert_to_tensor(optimizer.iterations) - 1, ema), tf.float32)
    is_good = None if optimizer.loss_scale is None else tf.identity(optimizer.loss_scale.is_good) > 0

    def copy(mine: tf.Variable, theirs: tf.Variable) -> None:
        mine.assign(theirs)

    def follow(mine: tf.Variable, theirs: tf.Variable) -> None:
        value = theirs + decay * (mine - theirs)
        mine.assign(value if is_good is None else tf.where(is_good, value, mine))

    for mine, theirs in zip(average.variables, network.variables, strict=True):
        if "float" in mine.dtype:
            # Replicas may not assign to mirrored variables: each device updates its own copy.
            strategy.extended.update(mine.value, follow if mine.trainable else copy, args=(theirs.value,))


def start_average(average: keras.Model, network: keras.Model) -> None:
    """Sets an average to its network's weights."""
    for mine, theirs in zip(average.variables, network.variables, strict=True):
        mine.assign(theirs)
