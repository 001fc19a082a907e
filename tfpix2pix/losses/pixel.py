"""Compares generated images with their targets: one number for each image, `(N,)`.

Labels have the cross-entropy in place of all others (Luc et al. 2016, section 3.1).
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfpix2pix.losses.average import per_image

CHARBONNIER_EPSILON = 1e-3


def l1(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean absolute difference, `(N,)`, in the images' own units."""
    return per_image(tf.abs(target - generated))


def l2(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean squared difference, `(N,)`."""
    return per_image(tf.square(target - generated))


def charbonnier(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean of sqrt(d² + 0.001²), `(N,)`: L1 that is smooth at 0 (Lai et al. 2017, LapSRN)."""
    return per_image(tf.sqrt(tf.square(target - generated) + CHARBONNIER_EPSILON**2))


def ssim(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes 1 - SSIM on [0, 1], `(N,)`, of images `(N, H, W, C)` in [-1, 1] with sides of 11 or more.

    It is that of tf.image.ssim (Wang et al. 2004, a Gaussian window of 11 pixels with sigma 1.5), averaged over columns
    and then over rows: 22 products a pixel in place of 121.
    """
    x, y = (target + 1.0) / 2.0, (generated + 1.0) / 2.0
    averaged = _blurred(tf.concat([x, y, x * y, x * x + y * y], axis=-1))
    mean_x, mean_y, mean_of_product, mean_of_squares = tf.split(averaged, 4, axis=-1)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    luminance = (2.0 * product + 0.01**2) / (squares + 0.01**2)
    contrast = (2.0 * (mean_of_product - product) + 0.03**2) / (mean_of_squares - squares + 0.03**2)
    return 1.0 - per_image(luminance * contrast)


def _blurred(x: tf.Tensor) -> tf.Tensor:
    """Averages each window of 11×11 pixels, weighted by a Gaussian: `(N, H, W, C)` to `(N, H - 10, W - 10, C)`."""
    weights = np.exp(-np.square(np.arange(11.0) - 5.0) / (2.0 * 1.5**2))
    column = np.tile((weights / weights.sum())[:, None, None, None], (1, 1, x.shape[-1], 1))
    for kernel in (column, column.transpose(1, 0, 2, 3)):
        x = tf.nn.depthwise_conv2d(x, tf.constant(kernel, x.dtype), (1, 1, 1, 1), "VALID")
    return x


def gradient_difference(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Computes each image's mean of ||Δt| - |Δg|| down and to the right, `(N,)` (GDL of Mathieu et al. 2016).

    Δ is the difference to the next pixel, 0 after the last. The sum there is a mean here, and alpha is 1.
    """
    pairs = zip(tf.image.image_gradients(target), tf.image.image_gradients(generated), strict=True)
    down, right = (per_image(tf.abs(tf.abs(t) - tf.abs(g))) for t, g in pairs)
    return down + right


# By name, in the order in which they are reported; each has an option NAME_weight.
PIXEL_LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "l1": l1,
    "l2": l2,
    "charbonnier": charbonnier,
    "ssim": ssim,
    "gradient_difference": gradient_difference,
}


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
