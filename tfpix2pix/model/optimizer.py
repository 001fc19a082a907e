"""Updates weights by Adam (Kingma and Ba 2015) with TensorFlow's fused kernel, at a rate that may decay."""

from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.model.loss_scale import LossScale


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Adam(keras.optimizers.Adam):
    """Updates each variable by one kernel instead of a dozen; slots and checkpoints are those of Keras' Adam.

    Epsilon is added to the root of the uncorrected second moment, as in Keras and MXNet; PyTorch adds it after the
    bias correction. With epsilon 1e-8 the two differ only if a gradient itself is near epsilon.

    Args:
      learning_rate: a number or a schedule.
      beta_1: the decay of the first moment.
      beta_2: the decay of the second moment.
      epsilon: is added to the root of the second moment.
      loss_scale: the factor on the gradients that come in. An update that it skips leaves weights, moments and the
        count of updates unchanged.
      **kwargs: as in keras.optimizers.Adam.
    """

    def __init__(
        self,
        learning_rate: Any = 2e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        loss_scale: LossScale | None = None,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.loss_scale = loss_scale

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Updates all variables by this replica's share of the gradients, summed over all replicas."""
        if self.loss_scale is None:
            super().apply(grads, trainable_variables)
            return
        super().apply(self.loss_scale.unscale(grads), trainable_variables)
        self.iterations.assign_sub(tf.cast(1 - tf.identity(self.loss_scale.is_good), self.iterations.dtype))

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Updates one variable in place; Keras calls this for each variable, on each replica."""
        index = self._get_variable_index(variable)
        dtype = gradient.dtype
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
        beta1, beta2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        keep1, keep2, rate = beta1, beta2, tf.cast(learning_rate, dtype)
        if self.loss_scale is not None:
            # With 1, 1 and 0 the kernel changes nothing, without a branch or a copy.
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


def _handle(variable: Any) -> tf.Tensor:
    # Keras passes the replica's own tf.Variable under a strategy, its own wrapper otherwise.
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


@keras.saving.register_keras_serializable(package="tfpix2pix")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Keeps the rate constant, then lowers it linearly to zero over the last `decay_steps` of `steps` steps.

    The reference lowers the rate once an epoch; here it falls at every step, between the same end points.

    Args:
      learning_rate: the constant rate.
      steps: all steps of the training.
      decay_steps: how many of the last steps lower the rate; 0 for none.
    """

    def __init__(self, learning_rate: float, steps: int, decay_steps: int = 0):
        self.learning_rate = learning_rate
        self.steps = steps
        self.decay_steps = decay_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Computes the rate, float32, of the update that follows `step` updates."""
        # float64: float32 cannot hold every step over 2^24.
        left = tf.cast(self.steps - tf.cast(step, tf.int64), tf.float64)
        share = tf.clip_by_value(left / max(self.decay_steps, 1), 0.0, 1.0) if self.decay_steps else 1.0
        return tf.cast(self.learning_rate * share, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"learning_rate": self.learning_rate, "steps": self.steps, "decay_steps": self.decay_steps}
