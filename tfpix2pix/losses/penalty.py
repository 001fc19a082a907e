"""Penalizes the gradient of the discriminator by the image that it judges: one number for each image, `(N,)`.

Each logit judges a patch, and counts as the papers' one logit of an image: what is penalized is the length of a logit's
gradient, the root of the mean square over an image's logits. It is taken from the gradient of their sum, which is exact
where patches do not overlap; the gradients of patches that do are added. So a weight means the same for images of all
sizes. The source counts as given, and each scale is a discriminator of its own. Batch norm must not be in it: there an
image's logits depend on all images, and so would its gradient.
"""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

# Under the root, whose slope at 0 is infinite.
MIN_SQUARE = 1e-12


def image_gradients(logits_of: Callable[[tf.Tensor], Sequence[tf.Tensor]], image: tf.Tensor) -> list[tf.Tensor]:
    """Computes the gradients of each image's logits by the image: of their sum, over the root of their number.

    Args:
      logits_of: maps images to one `(N, h, w, 1)` a scale.
      image: `(N, H, W, C)`.

    Returns:
      One `(N, H, W, C)` a scale.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(image)
        scales = logits_of(image)
        sums = [tf.reduce_sum(logits) for logits in scales]
    # Divided after, not before: float16 does not hold the gradients of a fraction of each logit.
    return [
        tape.gradient(total, image) / math.sqrt(logits.shape[1] * logits.shape[2])
        for total, logits in zip(sums, scales, strict=True)
    ]


def slope_penalty(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Computes (|gradient| - 1)², the sum over scales (Gulrajani et al. 2017, equation 3)."""
    return tf.add_n([tf.square(tf.sqrt(_square(gradient) + MIN_SQUARE) - 1.0) for gradient in gradients])


def r1(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Computes |gradient|², the sum over scales (Mescheder et al. 2018, equation 9, without its weight)."""
    return tf.add_n([_square(gradient) for gradient in gradients])


def mixed(real: tf.Tensor, fake: tf.Tensor, mixture: tf.Tensor) -> tf.Tensor:
    """Returns real + mixture · (fake - real), for mixtures `(N,)` in [0, 1] of images `(N, H, W, C)`."""
    return real + tf.cast(mixture, real.dtype)[:, None, None, None] * (fake - real)


def _square(gradient: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3))
