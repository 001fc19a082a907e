"""Computes the 4×4 convolutions that both networks consist of (Isola et al. 2017, section 6.1).

TensorFlow's CPU kernels are slow on some of the shapes in these networks. On machines without a GPU the layers compute
those shapes as one large matrix product: the same weights, the same sums in another order. The times below are for
forward and backward on two cores, with TensorFlow 2.21's oneDNN kernels.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfpix2pix.networks.layers.products import (
    KERNEL_SIZE,
    PADDING,
    learning_patches,
    learning_shifts,
    learning_sums,
    patches_of,
    shifts_of,
    sums_of,
)

KERNEL_STDDEV = 0.02

# A strided convolution is faster as a matrix product up to this many places in the smaller of its two grids, over all
# images of a batch: with 1024 it takes as long and more memory. docs/performance.md has the times.
MAX_PRODUCT_PLACES = 640

# Arguments of Keras' layers that the classes below set themselves.
FIXED_ARGUMENTS = frozenset(
    ("kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate", "groups", "activation")
)


def normal_initializer(mean: float) -> keras.initializers.Initializer:
    """Returns N(mean, 0.02): mean 0 for kernels, 1 for the scales of norms."""
    return keras.initializers.RandomNormal(mean, KERNEL_STDDEV)


def use_products() -> bool:
    """Says whether matrix products are faster on this machine, which is so on CPUs."""
    return not tf.config.list_physical_devices("GPU")


class _Convolution4x4(layers.Layer):
    """Sets what the convolutions below have in common.

    Args:
      filters: output channels.
      use_bias: whether to add a bias.
      products: whether to compute as a matrix product where that is faster; None: on machines without a GPU.
      kernel_initializer: default N(0, 0.02).
      **kwargs: as in keras.layers.Conv2D.
    """

    stride: int
    keras_padding: str

    def __init__(
        self,
        filters: int,
        use_bias: bool,
        products: bool | None = None,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            KERNEL_SIZE,
            self.stride,
            self.keras_padding,
            activation=None,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer or normal_initializer(mean=0.0),
            **kwargs,
        )
        self.products = products
        self._by_products = use_products() if products is None else products

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {name: value for name, value in super().get_config().items() if name not in FIXED_ARGUMENTS}
        return config | {"products": self.products}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class DownConvolution(_Convolution4x4, layers.Conv2D):
    """Halves the image, stride 2: `(N, H, W, C)` to `(N, H/2, W/2, filters)`.

    Keras' `same` equals the reference's padding of 1 on even sizes. On a small grid the kernel is larger than the
    image, and reading it takes most of the time: 512 to 512 channels, 4×4 to 2×2, take 5 ms as a matrix product and
    15 ms as a convolution.
    """

    stride = 2
    keras_padding = "same"

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        height, width, channels = x.shape[1:]
        even = height is not None and width is not None and height % 2 == width % 2 == 0
        if not (self._by_products and even and _is_small(x.shape[0], height // 2, width // 2)):
            return super().call(x)
        patches = tf.reshape((learning_patches if training else patches_of)(x), (-1, KERNEL_SIZE**2 * channels))
        y = tf.matmul(patches, tf.reshape(self.kernel, (-1, self.filters)))
        y = tf.reshape(y, (-1, height // 2, width // 2, self.filters))
        return y + self.bias if self.use_bias else y


@keras.saving.register_keras_serializable(package="tfpix2pix")
class UpConvolution(_Convolution4x4, layers.Conv2DTranspose):
    """Doubles the image, transposed with stride 2: `(N, H, W, C)` to `(N, 2H, 2W, filters)`.

    On a small grid, 1024 to 512 channels, 4×4 to 8×8, take 14 ms as a matrix product and 41 ms as a convolution.
    """

    stride = 2
    keras_padding = "same"

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        height, width, channels = x.shape[1:]
        known = height is not None and width is not None
        if not (self._by_products and known and _is_small(x.shape[0], height, width)):
            return super().call(x)
        # What each pixel adds to the 4×4 outputs around it. The kernel, (4, 4, filters, C), is by far the larger
        # factor; as the first one it is read once, in its order in memory.
        products = tf.transpose(
            tf.matmul(tf.reshape(self.kernel, (-1, channels)), tf.reshape(x, (-1, channels)), transpose_b=True)
        )
        products = tf.reshape(products, (-1, height, width, KERNEL_SIZE**2 * self.filters))
        y = (learning_sums if training else sums_of)(products)
        return y + self.bias if self.use_bias else y


@keras.saving.register_keras_serializable(package="tfpix2pix")
class UnitStrideConvolution(_Convolution4x4, layers.Conv2D):
    """Keeps the size but for one row and one column, stride 1, padding 1: `(N, H, W, C)` to `(N, H-1, W-1, filters)`.

    With fewer filters than channels, as for logits, each pixel is multiplied by all 16 taps, and the products are
    shifted to their places and summed: 512 to 1 channel, 31×31, take 2 ms at batch 1 and 7 ms at batch 4, and 9 and
    21 ms as a convolution. 256 to 512 channels are faster as a convolution.
    """

    stride = 1
    keras_padding = "valid"

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        channels = x.shape[-1]
        if not (self._by_products and self.filters < channels):
            return super().call(tf.pad(x, PADDING))
        # (4, 4, C, F) to (C, 16 F): all taps of a channel in one row.
        taps = tf.reshape(tf.transpose(self.kernel, (2, 0, 1, 3)), (1, 1, channels, -1))
        y = (learning_shifts if training else shifts_of)(tf.nn.conv2d(x, taps, 1, "VALID"))
        return y + self.bias if self.use_bias else y

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with one row and one column less."""
        batch, height, width, _ = input_shape
        return (batch, height and height - 1, width and width - 1, self.filters)


def _is_small(batch: int | None, height: int, width: int) -> bool:
    """Says whether grids of this size are faster as a matrix product; a batch of unknown size counts as one image."""
    return (batch or 1) * height * width <= MAX_PRODUCT_PLACES
