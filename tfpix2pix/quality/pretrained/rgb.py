"""Converts images of any channels for networks that read photographs."""

import tensorflow as tf

from pipelines.images.transforms import has_alpha


def rgb(images: tf.Tensor) -> tf.Tensor:
    """Converts images `(N, H, W, C)` of 1 to 4 channels to `(N, H, W, 3)`: drops alpha unblended, repeats gray."""
    images = tf.convert_to_tensor(images)
    color = images[..., :-1] if has_alpha(images.shape[-1]) else images
    return tf.image.grayscale_to_rgb(color) if color.shape[-1] == 1 else color
