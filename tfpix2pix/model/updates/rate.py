"""Computes the learning rate of a step: it may rise, and decay in several ways."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class Plateau(tf.Module):
    """Holds what validation has done to the rate so far; the host decides, and a checkpoint holds the variables.

    Attributes:
      factor: what the rate is multiplied by, float64.
      counted: the step of the last validation that was counted, int64; -1 for none.
      lowered: the step after which the rate was lowered last, int64; -1 for none.
    """

    def __init__(self) -> None:
        super().__init__(name="plateau")
        self.factor = tf.Variable(1.0, dtype=tf.float64, trainable=False, name="factor")
        self.counted = tf.Variable(-1, dtype=tf.int64, trainable=False, name="counted")
        self.lowered = tf.Variable(-1, dtype=tf.int64, trainable=False, name="lowered")

    def start(self, step: tf.Tensor) -> None:
        """Starts to count after a step, in a run that did without it until then."""
        self.counted.assign(step)
        self.lowered.assign(step)


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """Raises the rate linearly, then lowers it over the last steps, or at some steps.

    The first `warmup_steps` steps have 1/warmup_steps, 2/warmup_steps, ... of the rate, so that the last of them has
    all of it. The last `decay_steps` of `steps` lower it to zero, linearly or by half a cosine (Loshchilov and Hutter
    2017, without restarts). The reference does so once an epoch; here the rate falls at every step, between the same
    end points. At each of the `cuts` it is multiplied by `cut_factor`. Shares that overlap are multiplied.

    Args:
      learning_rate: the constant rate.
      steps: all steps of the training.
      decay_steps: how many of the last steps lower the rate; 0 for none.
      warmup_steps: how many of the first steps raise the rate; 0 for none.
      cosine: whether the last steps lower it by a cosine.
      cuts: after how many steps the rate is multiplied.
      cut_factor: by what.
      plateau: multiplies the rate at all times; None for none.
    """

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        decay_steps: int = 0,
        warmup_steps: int = 0,
        cosine: bool = False,
        cuts: Sequence[int] = (),
        cut_factor: float = 0.1,
        plateau: Plateau | None = None,
    ):
        self.learning_rate = learning_rate
        self.steps = steps
        self.decay_steps = decay_steps
        self.warmup_steps = warmup_steps
        self.cosine = cosine
        # A list, as it comes back from a file.
        self.cuts = list(cuts)
        self.cut_factor = cut_factor
        self.plateau = plateau

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Computes the rate, float32, of the step before which `step` steps were done."""
        # float64: float32 cannot hold every step over 2^24.
        done = tf.cast(step, tf.int64)
        share = tf.constant(1.0, tf.float64)
        if self.decay_steps:
            left = tf.clip_by_value(tf.cast(self.steps - done, tf.float64) / self.decay_steps, 0.0, 1.0)
            share *= 0.5 * (1 - tf.cos(math.pi * left)) if self.cosine else left
        if self.cuts:
            count = tf.reduce_sum(tf.cast(done >= tf.constant(self.cuts, tf.int64), tf.float64))
            share *= tf.constant(self.cut_factor, tf.float64) ** count
        if self.plateau:
            share *= tf.identity(self.plateau.factor)
        if self.warmup_steps:
            share *= tf.minimum(tf.cast(done + 1, tf.float64) / self.warmup_steps, 1.0)
        return tf.cast(self.learning_rate * share, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, without the plateau."""
        names = ("learning_rate", "steps", "decay_steps", "warmup_steps", "cosine", "cuts", "cut_factor")
        return {name: getattr(self, name) for name in names}
