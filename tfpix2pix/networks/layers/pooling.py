"""Halves images by averages."""

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable(package="tfpix2pix")
class HalvingPool(layers.Layer):
    """Averages the 3×3 pixels around every second one: `(N, H, W, C)` to `(N, H/2, W/2, C)`, odd sides rounded up.

    At the edges it averages the pixels that there are: torch's AvgPool2d(3, stride=2, padding=1,
    count_include_pad=False), by which pix2pixHD halves images. Keras' `same` begins elsewhere on even sizes.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Halves x, `(N, H, W, C)`."""
        # `SAME` averages what there is, and pads even sizes at their ends alone. A division by a count would be
        # a multiplication in some graphs and not in others, and so have another last bit.
        return tf.reverse(tf.nn.avg_pool2d(tf.reverse(x, (1, 2)), 3, 2, "SAME"), (1, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with both sides halved."""
        batch, height, width, channels = input_shape
        return (batch, height and (height + 1) // 2, width and (width + 1) // 2, channels)
