"""Builds the parts that all generators have alike: convolutions, norms, dropout, ways up, attention, the output."""

import dataclasses
from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.layers.attention import SelfAttention
from tfpix2pix.networks.layers.doubling import ResizeConvolution, ShuffleConvolution
from tfpix2pix.networks.layers.dropout import Dropout
from tfpix2pix.networks.layers.normalization import normalization
from tfpix2pix.networks.layers.spectral_norm import spectral_norm

# By choices.UPSAMPLES; `transpose` is each generator's own.
DOUBLINGS: dict[str, Any] = {"resize": ResizeConvolution, "pixel_shuffle": ShuffleConvolution}


@dataclasses.dataclass(frozen=True)
class Parts:
    """Builds layers after one set of options; each method takes the symbolic features `(N, H, W, C)` before it.

    Attributes:
      norm: `batch`, `instance` or `none`. Convolutions before `batch` need no bias, the others have one.
      labels: whether the target's channels are classes. The last convolution then gives their logits, and the output is
        2 p - 1 of their probabilities p (a softmax), as one-hot targets in [-1, 1] have it.
      dropout: its rate, where the generator has it.
      norm_statistics: what batch norm uses at inference: `image`, each image's own, or `moving`, running averages.
      dropout_at_inference: whether dropout stays on at inference.
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      upsample: how features are doubled, one of choices.UPSAMPLES.
      padding: what convolutions see beyond the edges, one of choices.PADDINGS. Transposed ones see nothing there.
      usual_padding: what `auto` is.
      attention: after how many halvings the features get self-attention, one layer each.
      spectral_norm: whether the convolutions' kernels are divided by their spectral norms.
      seed: seed of the dropout masks.
      products: whether to compute small grids as matrix products; None: on machines without a GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all layers but the last, which are float32 then.
    """

    norm: str = "batch"
    labels: bool = False
    dropout: float = 0.5
    norm_statistics: str = "image"
    dropout_at_inference: bool = False
    sync_batch_norm: bool = False
    upsample: str = "transpose"
    padding: str = "auto"
    usual_padding: str = "zero"
    attention: tuple[int, ...] = ()
    spectral_norm: bool = False
    seed: int = 0
    products: bool | None = None
    dtype: str | None = None

    @property
    def use_bias(self) -> bool:
        """Whether convolutions before a norm have a bias."""
        return self.norm != "batch"

    @property
    def reflect(self) -> bool:
        """Whether convolutions see reflections beyond the edges."""
        return (self.usual_padding if self.padding == "auto" else self.padding) == "reflect"

    @property
    def last_dtype(self) -> str | None:
        """The policy of the last convolution and what follows it."""
        return self.dtype and "float32"

    def convolve(self, x: Any, convolution: layers.Layer) -> Any:
        """Applies a convolution, with spectral norm if that is asked for."""
        return (spectral_norm(convolution) if self.spectral_norm else convolution)(x)

    def double(self, x: Any, transposed: layers.Layer) -> Any:
        """Applies a transposed convolution, or what stands in its place."""
        if self.upsample == "transpose":
            return self.convolve(x, transposed)
        convolution = DOUBLINGS[self.upsample](
            transposed.filters,
            transposed.use_bias,
            reflect=self.reflect,
            dtype=transposed.dtype_policy,
            name=transposed.name,
        )
        return self.convolve(x, convolution)

    def normalize(self, x: Any, name: str) -> Any:
        """Normalizes the output of the layer `name`."""
        layer = normalization(
            self.norm, self.norm_statistics, self.sync_batch_norm, dtype=self.dtype, name=f"{name}_norm"
        )
        return x if layer is None else layer(x)

    def relu(self, x: Any, name: str) -> Any:
        """Sets negative numbers to 0, in the output of the layer `name`."""
        return layers.ReLU(dtype=self.dtype, name=f"{name}_relu")(x)

    def normalize_and_activate(self, x: Any, name: str) -> Any:
        """Normalizes the output of the layer `name`, and sets negative numbers to 0."""
        return self.relu(self.normalize(x, name), name)

    def drop(self, x: Any, name: str, seed: int) -> Any:
        """Drops activations, by masks of this seed; nothing at a rate of 0."""
        if not self.dropout:
            return x
        return Dropout(self.dropout, seed, self.dropout_at_inference, dtype=self.dtype, name=f"{name}_dropout")(x)

    def attend(self, x: Any, level: int, prefix: str = "") -> Any:
        """Attends in features that are halved `level` times, if that is asked for."""
        return SelfAttention(dtype=self.dtype, name=f"{prefix}attention{level}")(x) if level in self.attention else x

    def finish(self, source: Any, x: Any) -> keras.Model:
        """Makes the model from its source to the image that the output x of the last convolution stands for."""
        dtype = self.last_dtype
        if self.labels:
            x = layers.Activation("softmax", dtype=dtype, name="probabilities")(x)
            generated = layers.Rescaling(2.0, -1.0, dtype=dtype, name="generated")(x)
        else:
            generated = layers.Activation("tanh", dtype=dtype, name="generated")(x)
        return keras.Model(source, generated, name="generator")
