"""Adam (Kingma and Ba 2015) by TensorFlow's fused kernel, and the learning rate over time."""

import keras
import tensorflow as tf

from tfpix2pix.model.loss_scale import LossScale


class Adam(keras.optimizers.Adam):
    """Keras' Adam, its slots and its checkpoints, with the update in one kernel a variable instead of a dozen.

    Epsilon is added to the root of the uncorrected second moment, as Keras and MXNet do; PyTorch adds it after the
    bias correction. With epsilon 1e-8 the two differ only where a gradient is itself near epsilon.

    Args:
      *args: Keras' Adam's own, as are the named ones.
      loss_scale: the gradients come multiplied by it. An update that it skips leaves weights, moments and the count of
        updates as they are.
    """

    def __init__(self, *args, loss_scale: LossScale | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_scale = loss_scale

    def apply(self, grads, trainable_variables=None):
        """Updates all variables by this replica's share of the gradients; shares are summed over the replicas."""
        if self.loss_scale is None:
            super().apply(grads, trainable_variables)
            return
        super().apply(self.loss_scale.unscale(grads), trainable_variables)
        self.iterations.assign_sub(tf.cast(1 - tf.identity(self.loss_scale.is_good), self.iterations.dtype))

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable in place; Keras calls this for each, on each replica."""
        index = self._get_variable_index(variable)
        dtype = gradient.dtype
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
        beta1, beta2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        keep1, keep2, rate = beta1, beta2, tf.cast(learning_rate, dtype)
        if self.loss_scale is not None:
            # With these the kernel changes nothing, which needs neither a branch nor a copy.
            is_good = self.loss_scale.is_good > 0
            keep1, keep2 = (tf.where(is_good, beta, tf.ones_like(beta)) for beta in (beta1, beta2))
            rate = tf.where(is_good, rate, tf.zeros_like(rate))
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta1, step),
            beta2_power=tf.pow(beta2, step),
            lr=rate,
            beta1=keep1,
            beta2=keep2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=gradient,
        )


def _handle(variable) -> tf.Tensor:
    # Under a strategy Keras passes the replica's own tf.Variable, otherwise its own wrapper.
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A constant rate that falls linearly to zero over the last `decay_steps` of `steps` steps.

    The reference lowers the rate once an epoch; here it falls at every step, through the same end points.
    """

    def __init__(self, learning_rate: float, steps: int, decay_steps: int):
        self.learning_rate = learning_rate
        self.steps = steps
        self.decay_steps = decay_steps

    def __call__(self, step):
        """The rate of the update that follows `step` updates, float32."""
        # float64, since a step over 2^24 is not a float32.
        left = tf.cast(self.steps - tf.cast(step, tf.int64), tf.float64)
        share = tf.clip_by_value(left / max(self.decay_steps, 1), 0.0, 1.0) if self.decay_steps else 1.0
        return tf.cast(self.learning_rate * share, tf.float32)
