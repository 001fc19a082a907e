"""Divides convolutions' kernels by their spectral norms (Miyato et al. 2018, arXiv 1802.05957, algorithm 1).

It computes what torch.nn.utils.spectral_norm does. keras.layers.SpectralNormalization writes the divided kernel into
the variable, so that the optimizer never sees the weight that is divided, and no gradient passes the norm.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfpix2pix.networks.layers.convolution import DownConvolution, UnitStrideConvolution, UpConvolution
from tfpix2pix.networks.layers.doubling import ResizeConvolution, ShuffleConvolution
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution, TransposedConvolution

# As in torch: no vector is divided by a norm below 1e-12.
MIN_SQUARED_NORM = 1e-24


class SpectralNorm(layers.Layer):
    """Makes the convolution that stands behind it among a class's bases compute with kernel / sigma.

    Sigma is the largest singular value of the kernel as a matrix of one column an output channel. It is estimated as
    v · W u with unit vectors u and v, of which u is kept: a weight that does not learn, `(filters,)`. Each call in
    training improves both by one power iteration, after which they count as constants, while the gradient passes W.
    At inference, or in a frozen layer, v follows from u and nothing is written. (torch keeps v too, and at inference
    has that of the last training step, of another W.)

    Attributes:
      output_axis: which axis of the kernel has the output channels.
      kernel_key: what the kernel is called in files.
    """

    output_axis = -1
    kernel_key = "0"
    _divided: tf.Tensor | None = None

    @property
    def kernel(self) -> Any:
        """The variable that learns; inside a call, the kernel to compute with."""
        return self._kernel if self._divided is None else self._divided

    @kernel.setter
    def kernel(self, variable: keras.Variable) -> None:
        self._kernel = variable

    def add_weight(self, *args: Any, name: str | None = None, **kwargs: Any) -> keras.Variable:
        """Makes a weight as Keras does; a kernel stays float32 in half precision until it is divided."""
        if name == "kernel":
            kwargs["autocast"] = False
        return super().add_weight(*args, name=name, **kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel and u."""
        super().build(input_shape)
        self.u = self.add_weight(
            name="u",
            shape=(self.filters,),
            initializer=_unit_vector,
            trainable=False,
            autocast=False,
            # Each replica computes the same u. An aggregation cannot run in a loop or in XLA.
            aggregation="none",
        )

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves x, `(N, H, W, C)`."""
        self._divided = self.divided_kernel(learns=bool(training) and self.trainable)
        # Of the plain layers, only those that may compute otherwise in training ask.
        asks = isinstance(self, (DownConvolution, UnitStrideConvolution, UpConvolution, ResizeConvolution))
        try:
            return super().call(x, **({"training": training} if asks else {}))
        finally:
            self._divided = None

    def divided_kernel(self, learns: bool = False) -> tf.Tensor:
        """Computes kernel / sigma, of the kernel's shape; if it learns, after one more power iteration."""
        kernel, u = tf.convert_to_tensor(self._kernel), tf.convert_to_tensor(self.u)
        others = [axis for axis in range(4) if axis != self.output_axis % 4]
        matrix = tf.reshape(tf.transpose(kernel, (*others, self.output_axis % 4)), (-1, self.filters))
        constant = tf.stop_gradient(matrix)
        v = _normalized(tf.linalg.matvec(constant, u))
        if learns:
            u = _normalized(tf.linalg.matvec(constant, v, transpose_a=True))
            self.u.assign(u)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        return tf.cast(kernel / sigma, self.compute_dtype)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves kernel and bias as Keras' convolutions do, and u."""
        for key, variable in self._saved().items():
            store[key] = variable

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads what `save_own_variables` saved."""
        for key, variable in self._saved().items():
            variable.assign(store[key])

    def _saved(self) -> dict[str, keras.Variable]:
        return {self.kernel_key: self._kernel} | ({"1": self.bias} if self.use_bias else {}) | {"u": self.u}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralDownConvolution(SpectralNorm, DownConvolution):
    """Halves the image by a kernel over its spectral norm."""


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralUnitStrideConvolution(SpectralNorm, UnitStrideConvolution):
    """Keeps the size but for a row and a column, by a kernel over its spectral norm."""


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralUpConvolution(SpectralNorm, UpConvolution):
    """Doubles the image by a kernel over its spectral norm."""

    output_axis = -2


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralConv2D(SpectralNorm, layers.Conv2D):
    """Convolves by a kernel over its spectral norm."""


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralPaddedConvolution(SpectralNorm, PaddedConvolution):
    """Convolves a padded image by a kernel over its spectral norm."""


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralTransposedConvolution(SpectralNorm, TransposedConvolution):
    """Doubles the image, 3×3, by a kernel over its spectral norm."""

    output_axis = -2


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralResizeConvolution(SpectralNorm, ResizeConvolution):
    """Repeats pixels and convolves by a kernel over its spectral norm."""

    kernel_key = ResizeConvolution.kernel_name


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralShuffleConvolution(SpectralNorm, ShuffleConvolution):
    """Shuffles pixels that a kernel over its spectral norm made."""

    kernel_key = ShuffleConvolution.kernel_name


NORMALIZED: dict[Any, Any] = {
    DownConvolution: SpectralDownConvolution,
    UnitStrideConvolution: SpectralUnitStrideConvolution,
    UpConvolution: SpectralUpConvolution,
    PaddedConvolution: SpectralPaddedConvolution,
    TransposedConvolution: SpectralTransposedConvolution,
    ResizeConvolution: SpectralResizeConvolution,
    ShuffleConvolution: SpectralShuffleConvolution,
    layers.Conv2D: SpectralConv2D,
}
PLAIN = {normalized: plain for plain, normalized in NORMALIZED.items()}


def spectral_norm(layer: layers.Layer) -> layers.Layer:
    """Returns a convolution, not built yet, with the same arguments and spectral norm."""
    return NORMALIZED[type(layer)].from_config(layer.get_config())


def _normalized(vector: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(vector, epsilon=MIN_SQUARED_NORM)


def _unit_vector(shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
    # keras.random keeps a state of the process, which would belong to the graph that first draws of it.
    return _normalized(keras.initializers.RandomNormal(stddev=1.0)(shape, dtype=dtype))
