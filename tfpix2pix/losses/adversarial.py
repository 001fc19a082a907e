"""Computes adversarial losses (Isola et al. 2017, section 3.1).

LSGAN: Mao et al. 2017. Hinge: Lim and Ye 2017. WGAN: Arjovsky et al. 2017, with the penalty of penalty.py. One-sided
label smoothing: Salimans et al. 2016, section 3.4.
"""

from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.losses.average import per_image


def cross_entropy(logits: tf.Tensor, real: bool, smoothing: float = 0.0) -> tf.Tensor:
    """Computes -log D for real, -log(1 - D) for fake, with D = sigmoid(logits).

    With smoothing real is -(1 - smoothing) log D - smoothing log(1 - D): the label is 1 - smoothing.
    """
    loss = tf.nn.softplus(-logits if real else logits)
    # log D - log(1 - D) is the logit itself.
    return loss + smoothing * logits if real and smoothing else loss


def least_squares(logits: tf.Tensor, real: bool, smoothing: float = 0.0) -> tf.Tensor:
    """Computes (logits - label)², label 1 - smoothing for real and 0 for fake."""
    return tf.square(logits - (1.0 - smoothing if real else 0.0))


def hinge(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes max(0, 1 - logits) for real, max(0, 1 + logits) for fake."""
    return tf.nn.relu(1.0 - logits if real else 1.0 + logits)


def critic(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Computes -logits for real, logits for fake: the critic of a WGAN."""
    return -logits if real else logits


# name: (discriminator_loss(logits, real), generator_loss(logits of generated images)), element by element.
GAN_LOSSES: dict[str, tuple[Callable[..., tf.Tensor], Callable[[tf.Tensor], tf.Tensor]]] = {
    "vanilla": (cross_entropy, lambda logits: cross_entropy(logits, real=True)),
    "lsgan": (least_squares, lambda logits: least_squares(logits, real=True)),
    "hinge": (hinge, lambda logits: -logits),
    "wgan-gp": (critic, lambda logits: -logits),
}

# The logit that says neither real nor fake; of a critic, whose logits only compare, it is a convention.
UNDECIDED = {"vanilla": 0.0, "lsgan": 0.5, "hinge": 0.0, "wgan-gp": 0.0}


def correct(logits: tf.Tensor, real: bool, undecided: float = 0.0) -> tf.Tensor:
    """Computes the share of each image's logits on the right side of `undecided`, `(N,)`: the discriminator's accuracy.

    In the cross-entropy, a logit of 0 is a probability of one half. The tutorial's `facc` compares the logits with
    0.5, a probability of 0.62, by oversight: a discriminator then looks worse on real pairs and better on fake ones.
    """
    right = logits > undecided if real else logits <= undecided
    return per_image(tf.cast(right, tf.float32))
