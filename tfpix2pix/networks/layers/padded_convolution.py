"""Computes convolutions of images that are padded on all sides, and 3×3 ones that double (Johnson et al. 2016).

The PyTorch reference builds its ResnetGenerator of them.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfpix2pix.networks.layers.convolution import FIXED_ARGUMENTS, normal_initializer


@keras.saving.register_keras_serializable(package="tfpix2pix")
class PaddedConvolution(layers.Conv2D):
    """Convolves what (k - 1) // 2 rows and columns on each side extend: `(N, H, W, C)` to `(N, H/s, W/s, filters)`.

    Keras' `same` equals this, and torch, for odd kernels at stride 1. At stride 2 it pads even sizes below and at the
    right alone.

    Args:
      filters: output channels.
      kernel_size: k, odd; or 4, at stride 2.
      use_bias: whether to add a bias.
      stride: s; H and W are multiples of it.
      reflect: whether an edge is extended by the image's reflection, without the edge itself, or by zeros.
      kernel_initializer: default N(0, 0.02).
      **kwargs: as in keras.layers.Conv2D.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        use_bias: bool,
        stride: int = 1,
        reflect: bool = False,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            stride,
            "valid" if reflect or stride > 1 else "same",
            activation=None,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer or normal_initializer(mean=0.0),
            **kwargs,
        )
        self.stride = stride
        self.reflect = reflect

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        margin = (self.kernel_size[0] - 1) // 2
        if self.reflect:
            x = reflected(x, margin)
        elif self.padding == "valid":
            x = tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
        return super().call(x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the output, each side divided by the stride."""
        batch, height, width, _ = input_shape
        return (batch, height and height // self.stride, width and width // self.stride, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {name: value for name, value in super().get_config().items() if name not in FIXED_ARGUMENTS}
        return config | {"kernel_size": self.kernel_size[0], "stride": self.stride, "reflect": self.reflect}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class TransposedConvolution(layers.Conv2DTranspose):
    """Doubles the image, transposed, 3×3, stride 2: `(N, H, W, C)` to `(N, 2H, 2W, filters)`.

    It is torch's with padding 1 and output padding 1: pixel (i, j) adds to the 3×3 outputs around (2i, 2j). In Keras'
    `same` they begin there.

    Args:
      filters: output channels.
      use_bias: whether to add a bias.
      kernel_initializer: default N(0, 0.02).
      **kwargs: as in keras.layers.Conv2DTranspose.
    """

    def __init__(self, filters: int, use_bias: bool, kernel_initializer: Any = None, **kwargs: Any):
        super().__init__(
            filters,
            3,
            2,
            "valid",
            activation=None,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer or normal_initializer(mean=0.0),
            **kwargs,
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        # (N, 2H + 1, 2W + 1, filters). The gradient of y[:, 1:, 1:] takes longer than that of tf.slice.
        return tf.slice(super().call(x), (0, 1, 1, 0), (-1, -1, -1, -1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with both sides doubled."""
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {name: value for name, value in super().get_config().items() if name not in FIXED_ARGUMENTS}


def reflected(x: tf.Tensor, margin: int) -> tf.Tensor:
    """Extends `(N, H, W, C)` on each side by `margin` rows and columns of its reflection, as torch's ReflectionPad2d.

    A side of `margin` pixels or fewer, which torch refuses, repeats its last pixel where the reflection has no more.
    """
    if all(side and side > margin for side in x.shape[1:3]):
        return tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "REFLECT")
    for axis in (1, 2):
        before = [_end(_end(x, axis, i + 1, first=True), axis, 1, first=False) for i in range(margin, 0, -1)]
        after = [_end(_end(x, axis, i + 1, first=False), axis, 1, first=True) for i in range(1, margin + 1)]
        x = tf.concat([*before, x, *after], axis)
    return x


def _end(x: tf.Tensor, axis: int, count: int, first: bool) -> tf.Tensor:
    """Returns the first or last rows (axis 1) or columns (axis 2) of an image; all if there are fewer than `count`."""
    part = slice(None, count) if first else slice(-count, None)
    return x[:, part] if axis == 1 else x[:, :, part]
