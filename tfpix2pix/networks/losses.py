"""The objective (Isola et al. 2017, section 3.1; LSGAN: Mao et al. 2017; hinge: Lim and Ye 2017).

Every loss here keeps the batch axis: `(N,)`, one number an image. `average` alone divides.
"""

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """-log D for real, -log(1 - D) for fake, where D = sigmoid(logits)."""
    return tf.nn.softplus(-logits if real else logits)


def least_squares(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """(logits - label)², label 1 for real and 0 for fake."""
    return tf.square(logits - (1.0 if real else 0.0))


def hinge(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """max(0, 1 - logits) for real, max(0, 1 + logits) for fake."""
    return tf.nn.relu(1.0 - logits if real else 1.0 + logits)


# name: (discriminator_loss(logits, real), generator_loss(logits of generated images)), element by element.
GAN_LOSSES = {
    "vanilla": (cross_entropy, lambda logits: cross_entropy(logits, real=True)),
    "lsgan": (least_squares, lambda logits: least_squares(logits, real=True)),
    "hinge": (hinge, lambda logits: -logits),
}


def per_image(values: tf.Tensor) -> tf.Tensor:
    """The mean over all axes but the first: `(N, ...)` to `(N,)`."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def l1(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of each image, `(N,)`, in the images' own units."""
    return per_image(tf.abs(target - generated))


def average(values: tf.Tensor, global_batch_size: int) -> tf.Tensor:
    """This replica's share, a scalar, of the mean of `(N,)` values over the global batch.

    The one place where anything is divided by the batch: optimizers and strategy.reduce *sum* over replicas, so the
    shares add up to the mean over all images of the step, however many replicas there are.
    """
    return tf.reduce_sum(values) / tf.cast(global_batch_size, values.dtype)


def correct(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """The share of each image's logits on the right side of 0, `(N,)`, as the binary accuracy of training.

    A logit of 0 is a probability of one half. The tutorial's `facc` compares the logits themselves with 0.5, which
    is a probability of 0.62: an oversight that makes a discriminator look worse on real pairs, better on fake ones.
    """
    right = logits > 0 if real else logits <= 0
    return per_image(tf.cast(right, tf.float32))
