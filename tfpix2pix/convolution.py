"""The 4×4 convolutions that both networks are built of (Isola et al. 2017, section 6.1)."""

import keras
import tensorflow as tf
from keras import layers, ops

KERNEL_SIZE = 4
KERNEL_STDDEV = 0.02


def normal_initializer(mean: float) -> keras.initializers.Initializer:
    """N(mean, 0.02): kernels around 0, the scales of norms around 1."""
    return keras.initializers.RandomNormal(mean, KERNEL_STDDEV)


def down_convolution(filters: int, use_bias: bool) -> layers.Layer:
    """Stride 2: half the height and width. Keras' `same` equals the reference's padding of 1 on even sizes."""
    return layers.Conv2D(
        filters, KERNEL_SIZE, 2, "same", use_bias=use_bias, kernel_initializer=normal_initializer(mean=0.0)
    )


def up_convolution(filters: int, use_bias: bool) -> layers.Layer:
    """Transposed, stride 2: twice the height and width."""
    return layers.Conv2DTranspose(
        filters, KERNEL_SIZE, 2, "same", use_bias=use_bias, kernel_initializer=normal_initializer(mean=0.0)
    )


class UnitStrideConvolution(layers.Conv2D):
    """Stride 1, padding 1: one row and one column less, `(N, H, W, C)` to `(N, H-1, W-1, filters)`.

    Where there is no GPU it is computed as one large matrix product, which keeps a processor busy as TensorFlow's
    kernel for such a convolution does not. Either each output's patch of 16 pixels is laid out in a row, or, where
    the patches would be larger than the products (fewer filters than channels, as for logits), each pixel is
    multiplied by all 16 taps and the products are shifted to their places and summed. The same sums in another order:
    for 256 to 512 channels 1.5 times as fast, for 512 to 1 channel 11 times, forward and backward at 32×32.

    Weights are those of a Conv2D.
    """

    def __init__(self, filters: int, use_bias: bool):
        super().__init__(filters, KERNEL_SIZE, use_bias=use_bias, kernel_initializer=normal_initializer(mean=0.0))
        self.has_gpu = bool(tf.config.list_physical_devices("GPU"))

    def call(self, x):
        """Convolves x, `(N, H, W, C)`."""
        pad = [[0, 0], [1, 1], [1, 1], [0, 0]]
        if self.has_gpu:
            y = ops.conv(ops.pad(x, pad), self.kernel)
        elif self.filters < x.shape[-1]:
            # (4, 4, C, F) to (C, 16 F): all taps of a channel in one row.
            taps = ops.reshape(ops.transpose(self.kernel, (2, 0, 1, 3)), (1, 1, x.shape[-1], -1))
            products = _shifted(ops.pad(ops.conv(x, taps), pad))
            y = sum(place[..., tap * self.filters : (tap + 1) * self.filters] for tap, place in enumerate(products))
        else:
            taps = ops.reshape(self.kernel, (1, 1, -1, self.filters))
            y = ops.conv(ops.concatenate(_shifted(ops.pad(x, pad)), axis=-1), taps)
        return y + self.bias if self.use_bias else y

    def compute_output_shape(self, input_shape):
        """One row and one column less."""
        batch, height, width, _ = input_shape
        return (batch, height and height - 1, width and width - 1, self.filters)


def _shifted(x: tf.Tensor) -> list[tf.Tensor]:
    """What each of the 16 taps sees of a padded image, row by row."""
    height, width = (side - KERNEL_SIZE + 1 for side in ops.shape(x)[1:3])
    return [
        x[:, row : row + height, column : column + width] for row in range(KERNEL_SIZE) for column in range(KERNEL_SIZE)
    ]
