"""Doubles images without the checkerboards of transposed convolutions (Odena et al. 2016, Aitken et al. 2017)."""

from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.networks.layers.convolution import normal_initializer
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution


class _Doubling(PaddedConvolution):
    """Sets what the convolutions below have in common: `(N, H, W, C)` to `(N, 2H, 2W, filters)`.

    Their kernels have names of their own, also in files, as layers of these names have transposed kernels elsewhere: no
    weights are matched that mean something else.

    Args:
      filters: output channels.
      use_bias: whether to add a bias.
      reflect: as in PaddedConvolution.
      kernel_initializer: default N(0, 0.02).
      **kwargs: as in keras.layers.Conv2D.
    """

    # Filters of the convolution for each channel of the output.
    copies = 1
    kernel_name: str

    def __init__(
        self, filters: int, use_bias: bool, reflect: bool = False, kernel_initializer: Any = None, **kwargs: Any
    ):
        super().__init__(
            filters * self.copies, 3, use_bias, reflect=reflect, kernel_initializer=kernel_initializer, **kwargs
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with both sides doubled."""
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters // self.copies)

    def add_weight(self, *args: Any, name: str | None = None, **kwargs: Any) -> keras.Variable:
        """Makes a weight as Keras does, a kernel under its own name."""
        return super().add_weight(*args, name=self.kernel_name if name == "kernel" else name, **kwargs)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves kernel and bias."""
        store[self.kernel_name] = self._kernel
        if self.use_bias:
            store["1"] = self.bias

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads what `save_own_variables` saved."""
        self._kernel.assign(store[self.kernel_name])
        if self.use_bias:
            self.bias.assign(store["1"])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        fixed = ("kernel_size", "stride")
        config = {name: value for name, value in super().get_config().items() if name not in fixed}
        return config | {"filters": self.filters // self.copies}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class ResizeConvolution(_Doubling):
    """Repeats each pixel 2×2 times, then convolves 3×3: all outputs sum equally many terms (Odena et al.)."""

    kernel_name = "resize_kernel"

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        # As nearest neighbors are, and the size of the result stands nowhere in an exported file.
        return super().call(tf.nn.depth_to_space(tf.tile(x, (1, 1, 1, 4)), 2))


@keras.saving.register_keras_serializable(package="tfpix2pix")
class ShuffleConvolution(_Doubling):
    """Convolves 3×3 to 4 × filters, of which each pixel becomes 2×2 (Shi et al. 2016, pixel shuffle).

    The 2×2 pixels are in the order of tf.nn.depth_to_space: filters of the first pixel, of the one at its right, and
    of the two below. They are equal at the start, by Icnr.
    """

    copies = 4
    kernel_name = "shuffle_kernel"

    def __init__(
        self, filters: int, use_bias: bool, reflect: bool = False, kernel_initializer: Any = None, **kwargs: Any
    ):
        super().__init__(filters, use_bias, reflect, kernel_initializer or Icnr(), **kwargs)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        return tf.nn.depth_to_space(super().call(x), 2)


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Icnr(keras.initializers.Initializer):
    """Draws a kernel before a pixel shuffle by 2 such that the 2×2 pixels begin equal (Aitken et al. 2017, 3.4).

    The network begins as if it convolved and then repeated pixels, so that no pattern of 2×2 is there to be unlearned.

    Args:
      initializer: of the filters of one pixel; default N(0, 0.02).
    """

    def __init__(self, initializer: Any = None):
        self.initializer = keras.initializers.get(initializer) or normal_initializer(mean=0.0)

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
        """Returns a kernel `(height, width, in, 4 * filters)`."""
        return tf.tile(self.initializer((*shape[:-1], shape[-1] // 4), dtype=dtype), (1, 1, 1, 4))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"initializer": keras.initializers.serialize(self.initializer)}
