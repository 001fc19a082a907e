"""Updates weights by Adam (Kingma and Ba 2015) with TensorFlow's fused kernel."""

from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.model.updates.loss_scale import LossScale


class _Shared:
    """Keeps the numbers that the updates of all variables have in common, for each graph and device.

    Without it each update would compute them again. It is no dict, since Keras saves what is in a dict.
    """

    def __init__(self) -> None:
        self.terms: dict[tuple[tf.Graph, str], dict[str, tf.Tensor]] = {}


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
      kernel_decay: the share of each kernel, times the rate, that is taken off at each update, apart from the gradient
        (AdamW, Loshchilov and Hutter 2019, algorithm 2). Biases and the scales of norms keep theirs.
      max_norm: gradients of all variables together have this norm at most; 0 for no limit.
      **kwargs: as in keras.optimizers.Adam.
    """

    def __init__(
        self,
        learning_rate: Any = 2e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        loss_scale: LossScale | None = None,
        kernel_decay: float = 0.0,
        max_norm: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.loss_scale = loss_scale
        self.kernel_decay = kernel_decay
        self.max_norm = max_norm
        self._shared = _Shared()

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Updates all variables by this replica's share of the gradients, summed over all replicas."""
        if not grads:
            # A frozen network has nothing to update.
            return
        if self.loss_scale is not None:
            grads = self.loss_scale.unscale(grads)
        if self.max_norm:
            grads = clipped(grads, self.max_norm)
        super().apply(grads, trainable_variables)
        self._shared.terms.clear()
        if self.loss_scale is not None:
            self.iterations.assign_sub(tf.cast(1 - tf.identity(self.loss_scale.is_good), self.iterations.dtype))

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Updates one variable in place; Keras calls this for each variable, on each replica."""
        index = self._get_variable_index(variable)
        shared = self._shared_terms(gradient.dtype, learning_rate)
        if self.kernel_decay and len(variable.shape) > 1:
            variable.assign_sub(shared["lr"] * self.kernel_decay * variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            grad=gradient,
            **shared,
        )

    def _shared_terms(self, dtype: tf.DType, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the kernel's arguments that are the same for all variables of one update."""
        # On each replica's own device, so that none waits for another's.
        key = tf.compat.v1.get_default_graph(), tf.constant(0).device
        terms = self._shared.terms
        if key not in terms:
            step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
            beta1, beta2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
            keep1, keep2, rate = beta1, beta2, tf.cast(learning_rate, dtype)
            if self.loss_scale is not None:
                # With 1, 1 and 0 the kernel changes nothing, without a branch or a copy.
                is_good = self.loss_scale.is_good > 0
                keep1, keep2 = (tf.where(is_good, beta, tf.ones_like(beta)) for beta in (beta1, beta2))
                rate = tf.where(is_good, rate, tf.zeros_like(rate))
            terms[key] = {
                "beta1_power": tf.pow(beta1, step),
                "beta2_power": tf.pow(beta2, step),
                "lr": rate,
                "beta1": keep1,
                "beta2": keep2,
                "epsilon": tf.cast(self.epsilon, dtype),
            }
        return terms[key]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, without the loss scale."""
        return super().get_config() | {"kernel_decay": self.kernel_decay, "max_norm": self.max_norm}


def _handle(variable: Any) -> tf.Tensor:
    # Keras passes the replica's own tf.Variable under a strategy, its own wrapper otherwise.
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def clipped(shares: list[tf.Tensor], max_norm: float) -> list[tf.Tensor]:
    """Scales gradients such that their global norm is at most max_norm (Pascanu et al. 2013, algorithm 1).

    Args:
      shares: this replica's; the gradients are their sums over all replicas. All replicas call this.
      max_norm: above 0.
    """
    # On the replica's device, where the sums are needed; an argument of a function has none.
    shares = [tf.identity(share) for share in shares]
    sums = tf.distribute.get_replica_context().all_reduce("SUM", shares)
    # Of the sums: the norms of the shares say nothing of it. One factor for all, so the scaled shares add up.
    factor = max_norm / tf.maximum(tf.linalg.global_norm(sums), max_norm)
    return [share * factor for share in shares]
