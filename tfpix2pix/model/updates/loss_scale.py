"""Scales losses for float16 (Micikevicius et al. 2018, section 3.2), so that small gradients do not become zero.

Keras' LossScaleOptimizer (tried with Keras 3.15.1 and TensorFlow 2.21) does not replace this:

- It looks for overflow in each replica's own gradients, before they are summed, and asks the first replica alone. Under
  MirroredStrategy, an overflow on the second replica makes all weights NaN.
- With a `check_finite` that asks all replicas, MirroredStrategy works, but MultiWorkerMirroredStrategy does not: the
  sum over workers lies in a branch of a `cond`, and two workers hang in it (`cond/adam/CollectiveReduceV2`).
- It does not count skipped steps, and keeps the inner optimizer's slots under another key, so checkpoints made with
  this class would not load.
"""

import tensorflow as tf

INITIAL_SCALE = 2.0**15
# Gradients that overflow at this scale overflow without scaling too.
MIN_SCALE = 1.0
# Good updates in a row before the scale doubles.
GROWTH_UPDATES = 2000


class LossScale(tf.Module):
    """Multiplies one network's loss by a factor that doubles after GROWTH_UPDATES and halves if a gradient overflows.

    If gradients overflow on any replica, all replicas skip the update. A checkpoint holds the variables.

    Attributes:
      scale: the factor, a power of 2, float32.
      good: good updates since the scale changed.
      skipped: updates skipped so far.
      is_good: 1 if the current update counts, 0 if it is skipped; float32.
    """

    def __init__(self) -> None:
        super().__init__(name="loss_scale")

        def variable(value: float, dtype: tf.DType, name: str) -> tf.Variable:
            # All replicas write equal values to their copies: the values follow from a sum over all replicas.
            return tf.Variable(value, dtype=dtype, trainable=False, name=name)

        self.scale = variable(INITIAL_SCALE, tf.float32, "scale")
        self.good = variable(0, tf.int64, "good")
        self.skipped = variable(0, tf.int64, "skipped")
        self.is_good = variable(1.0, tf.float32, "is_good")

    def unscale(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Divides this replica's gradients by the scale; all are 0 if the update is skipped.

        Call this once for each update, on every replica.
        """
        overflows = tf.reduce_any([tf.reduce_any(~tf.math.is_finite(gradient)) for gradient in gradients])
        replicas = tf.distribute.get_replica_context().all_reduce("SUM", tf.cast(overflows, tf.float32))
        is_good = replicas == 0
        scale = tf.identity(self.scale)
        gradients = [tf.where(is_good, gradient / scale, tf.zeros_like(gradient)) for gradient in gradients]
        good = tf.where(is_good, self.good + 1, 0)
        grows = good >= GROWTH_UPDATES
        self.scale.assign(tf.where(is_good, tf.where(grows, 2 * scale, scale), scale / 2))
        self.good.assign(tf.where(grows, tf.zeros_like(good), good))
        self.skipped.assign_add(tf.cast(~is_good, tf.int64))
        self.is_good.assign(tf.cast(is_good, tf.float32))
        return gradients

    def is_exhausted(self) -> tf.Tensor:
        """Says whether gradients overflowed at the smallest scale, so that a smaller one does not help."""
        return self.scale < MIN_SCALE
