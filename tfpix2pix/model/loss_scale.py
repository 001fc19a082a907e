"""Loss scaling for float16 (Micikevicius et al. 2018, section 3.2): gradients too small for it are kept from zero."""

import tensorflow as tf

INITIAL_SCALE = 2.0**15
# Gradients that overflow at this scale would overflow without one.
MIN_SCALE = 1.0
# Good updates in a row after which a larger scale is tried.
GROWTH_UPDATES = 2000


class LossScale(tf.Module):
    """A factor on one network's loss, which doubles after a long good time and halves where a gradient overflows.

    An update whose gradients overflow on any replica is skipped on all. Its variables are a part of the checkpoint.

    Attributes:
      scale: the factor, a power of 2, float32.
      good: updates since it was changed last.
      skipped: updates skipped so far.
      is_good: 1 if the update at hand counts, 0 if it is to be skipped; float32.
    """

    def __init__(self):
        super().__init__(name="loss_scale")

        def variable(value, dtype, name):
            # Each replica writes its own copy, and the same: what they write follows from a sum over all of them.
            return tf.Variable(value, dtype=dtype, trainable=False, name=name)

        self.scale = variable(INITIAL_SCALE, tf.float32, "scale")
        self.good = variable(0, tf.int64, "good")
        self.skipped = variable(0, tf.int64, "skipped")
        self.is_good = variable(1.0, tf.float32, "is_good")

    def unscale(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Divides this replica's gradients by the scale, and decides whether the update counts; if not, all are 0.

        Called once for each update, on every replica.
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
        """Whether gradients overflowed at the least scale: a smaller one will not help."""
        return self.scale < MIN_SCALE
