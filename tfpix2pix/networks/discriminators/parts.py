"""Builds the parts that all discriminators have alike: inputs, convolutions, norms, activations."""

import dataclasses
from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import LEAKY_SLOPE, AnySize
from tfpix2pix.networks.layers.activation import LeakyReLU
from tfpix2pix.networks.layers.normalization import normalization
from tfpix2pix.networks.layers.spectral_norm import spectral_norm


@dataclasses.dataclass(frozen=True)
class Parts:
    """Builds layers after one set of options; each method takes the symbolic features `(N, H, W, C)` before it.

    Attributes:
      norm: `batch`, `instance`, `none`, or `spectral`, of all kernels. Convolutions before `batch` need no bias.
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      dtype: Keras' policy for all layers but the last, which are float32 then.
    """

    norm: str
    sync_batch_norm: bool
    dtype: str | None

    @property
    def use_bias(self) -> bool:
        """Whether convolutions before a norm have a bias."""
        return self.norm != "batch"

    @property
    def last_dtype(self) -> str | None:
        """The policy of the last convolution."""
        return self.dtype and "float32"

    def inputs(self, image_size: AnySize, source_channels: int | None, target_channels: int) -> tuple[Any, Any]:
        """Returns the network's inputs, and what its first layer sees: both concatenated, or the image alone."""
        image = keras.Input((*image_size, target_channels), name="image")
        if source_channels is None:
            return image, image
        source = keras.Input((*image_size, source_channels), name="source")
        return [source, image], layers.Concatenate(dtype=self.dtype, name="pair")([source, image])

    def convolve(self, x: Any, convolution: layers.Layer) -> Any:
        """Applies a convolution, with spectral norm if that is asked for."""
        return (spectral_norm(convolution) if self.norm == "spectral" else convolution)(x)

    def activate(self, x: Any, name: str) -> Any:
        """Applies a leaky ReLU to the output of the layer `name`."""
        return LeakyReLU(LEAKY_SLOPE, dtype=self.dtype, name=f"{name}_relu")(x)

    def normalize_and_activate(self, x: Any, name: str) -> Any:
        """Normalizes the output of the layer `name`, unless its kernel is, and applies a leaky ReLU."""
        outputs_norm = "none" if self.norm == "spectral" else self.norm
        layer = normalization(outputs_norm, synchronized=self.sync_batch_norm, dtype=self.dtype, name=f"{name}_norm")
        return self.activate(x if layer is None else layer(x), name)
