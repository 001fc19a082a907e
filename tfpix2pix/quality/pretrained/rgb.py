"""What networks for photographs are given of images with other channels."""

import tensorflow as tf

from pipelines.images.transforms import has_alpha


def rgb(images: tf.Tensor) -> tf.Tensor:
    """Images `(N, H, W, C)` of 1 to 4 channels as `(N, H, W, 3)`: alpha is dropped, not blended; gray is repeated."""
    images = tf.convert_to_tensor(images)
    color = images[..., :-1] if has_alpha(images.shape[-1]) else images
    return tf.image.grayscale_to_rgb(color) if color.shape[-1] == 1 else color
