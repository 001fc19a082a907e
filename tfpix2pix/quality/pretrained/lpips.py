"""Computes LPIPS 0.1 with AlexNet (Zhang et al. 2018, arXiv 1801.03924): how different two images look."""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfpix2pix.quality.metrics import LPIPS_SIDE
from tfpix2pix.quality.pretrained.rgb import rgb
from tfpix2pix.weights.torch.file import Tensors, read_tensors, require

# Mean and deviation of ImageNet's RGB, converted from [0, 1] to [-1, 1]; rounded as in the published code.
SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
NORM_EPSILON = 1e-10

# AlexNet (Krizhevsky 2014, arXiv 1404.5997) up to its last convolution, each followed by ReLU and a tap:
# (torch's name, filters, kernel, strides, padding, whether a max pooling of size 3, stride 2 comes before).
CONVOLUTIONS = (
    ("features.0", 64, 11, 4, 2, False),
    ("features.3", 192, 5, 1, 2, True),
    ("features.6", 384, 3, 1, 1, True),
    ("features.8", 256, 3, 1, 1, False),
    ("features.10", 256, 3, 1, 1, False),
)


class Lpips:
    """Computes the distance between two images, about 0 to 1.

    Args:
      alexnet_file: a state dict of torchvision's AlexNet; its classifier is not read.
      linear_file: a state dict of the lpips package's weights for AlexNet, version 0.1.

    Raises:
      InputError: a file is not a state dict, or one of another network.
    """

    def __init__(self, alexnet_file: str | pathlib.Path, linear_file: str | pathlib.Path):
        self.network = _alexnet(read_tensors(alexnet_file), alexnet_file)
        linear = read_tensors(linear_file)
        self.weights = [
            tf.constant(require(linear, f"lin{i}.model.1.weight", (1, step[1], 1, 1), linear_file).reshape(-1))
            for i, step in enumerate(CONVOLUTIONS)
        ]

    def __call__(self, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """Maps two batches `(N, H, W, C)` float32 in [-1, 1], of 1 to 4 channels, sides >= LPIPS_SIDE, to `(N,)`.

        Raises:
          tf.errors.InvalidArgumentError: a side is under LPIPS_SIDE, which would give NaN.
        """
        least = tf.reduce_min(tf.concat([tf.shape(images)[1:3], tf.shape(others)[1:3]], axis=0))
        tf.debugging.assert_greater_equal(least, LPIPS_SIDE, f"LPIPS needs sides of {LPIPS_SIDE} pixels or more")
        distance = 0.0
        for a, b, weights in zip(self._taps(images), self._taps(others), self.weights, strict=True):
            squares = tf.square(_unit(a) - _unit(b))
            distance += tf.reduce_mean(tf.linalg.matvec(squares, weights), axis=(1, 2))
        return distance

    def _taps(self, images: tf.Tensor) -> list[tf.Tensor]:
        return self.network((rgb(images) - SHIFT) / SCALE, training=False)


def _unit(features: tf.Tensor) -> tf.Tensor:
    """Divides the features at each place, `(N, H, W, C)`, by their length."""
    return features / (tf.norm(features, axis=-1, keepdims=True) + NORM_EPSILON)


def _alexnet(tensors: Tensors, file: str | pathlib.Path) -> keras.Model:
    x = images = keras.Input((None, None, 3))
    taps = []
    for name, filters, kernel_size, strides, padding, is_pooled in CONVOLUTIONS:
        if is_pooled:
            x = layers.MaxPooling2D(3, 2, "valid")(x)
        kernel = require(tensors, f"{name}.weight", (filters, x.shape[-1], kernel_size, kernel_size), file)
        bias = require(tensors, f"{name}.bias", (filters,), file)
        # Explicit, since at strides over 1 `same` pads less before the first pixel than torch does.
        x = layers.ZeroPadding2D(padding)(x)
        layer = layers.Conv2D(filters, kernel_size, strides, "valid", activation="relu", kernel_initializer="zeros")
        x = layer(x)
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
        taps.append(x)
    return keras.Model(images, taps, name="alexnet")
