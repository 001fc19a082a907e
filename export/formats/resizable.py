"""Rebuilds a generator of operations that take any size in LiteRT and in ONNX Runtime.

A transposed convolution wants to be told the size of its result, and a converted file has that size for ever, or
computes it anew, which keeps LiteRT from its fast kernels. Group normalization's reshape is alike. Here every
operation's size follows from its input's, so one file is for all sizes.
"""

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.networks.folded import folded
from tfpix2pix.networks.layers.attention import SelfAttention
from tfpix2pix.networks.layers.convolution import PADDING, UpConvolution
from tfpix2pix.networks.layers.padded_convolution import TransposedConvolution
from tfpix2pix.translation.shared_statistics import has_own_statistics

# A 2×2 convolution at place p sees pixels p - 1 and p, of which rows 2p - 1 and 2p of the doubled image consist. They
# take these rows of the transposed 4×4 convolution's kernel: (the one for pixel p - 1, the one for pixel p). Columns
# alike.
ROWS_OF_4 = ((2, 0), (3, 1))
# With a 3×3 kernel it sees pixels p and p + 1, of which rows 2p and 2p + 1 consist. Row 3 is one of zeros.
ROWS_OF_3 = ((1, 3), (2, 0))
Rows = tuple[tuple[int, int], tuple[int, int]]
AFTER = [[0, 0], [0, 1], [0, 1], [0, 0]]


class Resizable(tf.Module):
    """Computes what a generator does at inference: the same products, some of them summed in another order.

    Args:
      generator: of plain convolutions (products=False), without dropout at inference.
      precision: as `folded` has it.
    """

    def __init__(self, generator: keras.Model, precision: str = "float32") -> None:
        super().__init__()
        self.generator = generator = folded(generator, precision)
        self.kernels = {
            layer.name: tf.Variable(
                doubling_kernel(layer.kernel.numpy(), ROWS_OF_4 if isinstance(layer, UpConvolution) else ROWS_OF_3),
                trainable=False,
            )
            for layer in generator.layers
            if isinstance(layer, (UpConvolution, TransposedConvolution))
        }
        # Without these the TFLite converter writes a file without weights, and no warning.
        self.weights = [variable.value for variable in generator.variables]

    def __call__(self, source: tf.Tensor) -> tf.Tensor:
        """Translates `(N, H, W, C)` in [-1, 1]; H and W are multiples of config.multiple."""
        values = {id(self.generator.input): source}
        for layer in self.generator.layers[1:]:
            x = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
            values[id(layer.output)] = self._computed(layer, x)
        return values[id(self.generator.output)]

    def _computed(self, layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
        if isinstance(layer, (UpConvolution, TransposedConvolution, SelfAttention)):
            # Other layers do so themselves.
            x = tf.cast(x, layer.compute_dtype)
        if isinstance(layer, UpConvolution):
            # What lies beyond the doubled image at its edges is cut off.
            return self._doubled(layer, tf.pad(x, PADDING))[:, 1:-1, 1:-1]
        if isinstance(layer, TransposedConvolution):
            return self._doubled(layer, tf.pad(x, AFTER))
        if has_own_statistics(layer):
            return _normalized(layer, x)
        if isinstance(layer, SelfAttention):
            return _attended(layer, x)
        return layer(x, training=False) if isinstance(layer, keras.layers.BatchNormalization) else layer(x)

    def _doubled(self, layer: UpConvolution | TransposedConvolution, padded: tf.Tensor) -> tf.Tensor:
        y = tf.nn.conv2d(padded, self.kernels[layer.name], 1, "VALID")
        if layer.use_bias:
            y += tf.tile(tf.cast(layer.bias, y.dtype), [4])
        return tf.nn.depth_to_space(y, 2)


def doubling_kernel(kernel: np.ndarray, rows: Rows = ROWS_OF_4) -> np.ndarray:
    """Turns a transposed convolution's kernel, `(k, k, filters, C)`, into a convolution's, `(2, 2, C, 4 filters)`.

    The convolution, of an image that is padded by one, gives four numbers a filter; depth_to_space makes 2×2 pixels of
    them.

    Args:
      kernel: its k is 4 or 3.
      rows: ROWS_OF_4 or ROWS_OF_3.
    """
    filters, channels = kernel.shape[2:]
    room = 4 - len(kernel)
    kernel = np.pad(kernel, [(0, room), (0, room), (0, 0), (0, 0)])
    # (row of the 2×2 pixels, the first pixel or the second, column of the 2×2 pixels, ..., filters, C)
    taps = kernel[np.ix_(*[np.ravel(rows)] * 2)].reshape(2, 2, 2, 2, filters, channels)
    return taps.transpose(1, 3, 5, 0, 2, 4).reshape(2, 2, channels, 4 * filters)


def _attended(layer: SelfAttention, x: tf.Tensor) -> tf.Tensor:
    """Computes what self-attention does, without a reshape to the size of the result: queries stay a grid."""

    def times(y: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
        kernel = tf.cast(tf.convert_to_tensor(matrix), x.dtype)
        return tf.nn.conv2d(y, kernel[tf.newaxis, tf.newaxis], 1, "VALID")

    batch = x.shape[0] or tf.shape(x)[0]
    # (N, 1, places, channels), one for all rows of the grid.
    keys, values = (
        tf.reshape(times(x, matrix), (batch, 1, -1, matrix.shape[1])) for matrix in (layer.key, layer.value)
    )
    weights = tf.nn.softmax(tf.cast(tf.matmul(times(x, layer.query), keys, transpose_b=True), tf.float32))
    found = times(tf.matmul(tf.cast(weights, x.dtype), values), layer.output_matrix)
    return tf.cast(layer.gamma, x.dtype) * found + x


def _normalized(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """Normalizes each image and channel over height and width."""
    wide = tf.cast(x, tf.float32)
    mean, variance = tf.nn.moments(wide, (1, 2), keepdims=True)
    y = (wide - mean) * (tf.math.rsqrt(variance + layer.epsilon) * layer.gamma) + layer.beta
    return tf.cast(y, layer.compute_dtype)
