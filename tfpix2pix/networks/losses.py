"""Computes the objective (Isola et al. 2017, section 3.1; LSGAN: Mao et al. 2017; hinge: Lim and Ye 2017).

Labels have the cross-entropy in place of L1 (Luc et al. 2016, section 3.1).

The losses here keep the batch axis: `(N,)`, one number for each image. Only `average` divides by the batch.
"""

from collections.abc import Callable

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes -log D for real, -log(1 - D) for fake, with D = sigmoid(logits)."""
    return tf.nn.softplus(-logits if real else logits)


def least_squares(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes (logits - label)², label 1 for real and 0 for fake."""
    return tf.square(logits - (1.0 if real else 0.0))


def hinge(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes max(0, 1 - logits) for real, max(0, 1 + logits) for fake."""
    return tf.nn.relu(1.0 - logits if real else 1.0 + logits)


# name: (discriminator_loss(logits, real), generator_loss(logits of generated images)), element by element.
GAN_LOSSES: dict[str, tuple[Callable[..., tf.Tensor], Callable[[tf.Tensor], tf.Tensor]]] = {
    "vanilla": (cross_entropy, lambda logits: cross_entropy(logits, real=True)),
    "lsgan": (least_squares, lambda logits: least_squares(logits, real=True)),
    "hinge": (hinge, lambda logits: -logits),
}


def per_image(values: tf.Tensor) -> tf.Tensor:
    """Averages over all axes but the first: `(N, ...)` to `(N,)`."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def l1(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean absolute difference, `(N,)`, in the images' own units."""
    return per_image(tf.abs(target - generated))


def class_cross_entropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean of -log p(class) over the pixels that have a class, `(N,)`; 0 if none has one.

    Args:
      target: one-hot in [-1, 1], `(N, H, W, classes)`; an ignored pixel is -1 in all channels.
      logits: `(N, H, W, classes)`.
    """
    one_hot = (target + 1.0) / 2.0
    has_class = tf.reduce_sum(one_hot, axis=-1)
    # Without has_class the value of an ignored pixel would be 0 too, but TensorFlow's gradient of it would not.
    values = has_class * tf.nn.softmax_cross_entropy_with_logits(one_hot, logits)
    return tf.math.divide_no_nan(tf.reduce_sum(values, axis=(1, 2)), tf.reduce_sum(has_class, axis=(1, 2)))


def hide_ignored(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Replaces generated labels by -1 in all channels where the target is so: where the class is ignored."""
    return tf.where(tf.reduce_any(target > 0.0, axis=-1, keepdims=True), generated, -1.0)


def average(values: tf.Tensor, global_batch_size: int) -> tf.Tensor:
    """Computes this replica's share, a scalar, of the mean of `(N,)` values over the global batch.

    This is the only division by the batch. Optimizers and strategy.reduce *sum* over replicas, so the shares add up to
    the mean over all images of the step, for any number of replicas.
    """
    return tf.reduce_sum(values) / tf.cast(global_batch_size, values.dtype)


def correct(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes the share of each image's logits on the right side of 0, `(N,)`: the discriminator's accuracy.

    A logit of 0 is a probability of one half. The tutorial's `facc` compares the logits with 0.5, a probability of
    0.62, by oversight: a discriminator then looks worse on real pairs and better on fake ones.
    """
    right = logits > 0 if real else logits <= 0
    return per_image(tf.cast(right, tf.float32))
