"""Builds the Inception V3 of 2015-12-05, whose features FID and KID compare.

Network: Szegedy et al. 2016 (arXiv 1512.00567), in the variant that Heusel et al. 2017 (arXiv 1706.08500) used; tensors
are named as in pytorch-fid, which has it in PyTorch. Preprocessing: clean-fid, Parmar et al. 2022 (arXiv 2104.11222).
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from pipelines.images.transforms import to_uint8
from tfpix2pix.quality.pretrained.rgb import rgb
from tfpix2pix.weights.torch.file import Tensors, read_tensors, require

SIZE = (299, 299)
FEATURES = 2048
NORM_EPSILON = 1e-3


class Convolution(NamedTuple):
    """A convolution without bias, batch normalization and ReLU; kernel is (height, width)."""

    name: str
    filters: int
    kernel: tuple[int, int]
    strides: int = 1
    padding: str = "same"


# A path is a tuple of steps, one after the other. A step is a Convolution, a function that makes a pooling layer, or a
# list of paths with the same input, whose outputs are concatenated along channels.
Step = Convolution | Callable | list


def reduction() -> layers.Layer:
    """Makes the pooling that halves the size."""
    return layers.MaxPooling2D(3, 2, "valid")


def average() -> layers.Layer:
    """Makes an average pooling that does not count padding."""
    return layers.AveragePooling2D(3, 1, "same")


def maximum() -> layers.Layer:
    """Makes the pooling of the last block: an oversight in this Inception that all published FIDs share."""
    return layers.MaxPooling2D(3, 1, "same")


def block_a(name: str, pool_filters: int) -> list:
    """Returns a block at 35×35."""
    return [
        (Convolution(f"{name}.branch1x1", 64, (1, 1)),),
        (Convolution(f"{name}.branch5x5_1", 48, (1, 1)), Convolution(f"{name}.branch5x5_2", 64, (5, 5))),
        (
            Convolution(f"{name}.branch3x3dbl_1", 64, (1, 1)),
            Convolution(f"{name}.branch3x3dbl_2", 96, (3, 3)),
            Convolution(f"{name}.branch3x3dbl_3", 96, (3, 3)),
        ),
        (average, Convolution(f"{name}.branch_pool", pool_filters, (1, 1))),
    ]


def block_b(name: str) -> list:
    """Returns the block from 35×35 to 17×17."""
    return [
        (Convolution(f"{name}.branch3x3", 384, (3, 3), 2, "valid"),),
        (
            Convolution(f"{name}.branch3x3dbl_1", 64, (1, 1)),
            Convolution(f"{name}.branch3x3dbl_2", 96, (3, 3)),
            Convolution(f"{name}.branch3x3dbl_3", 96, (3, 3), 2, "valid"),
        ),
        (reduction,),
    ]


def block_c(name: str, filters: int) -> list:
    """Returns a block at 17×17."""
    return [
        (Convolution(f"{name}.branch1x1", 192, (1, 1)),),
        (
            Convolution(f"{name}.branch7x7_1", filters, (1, 1)),
            Convolution(f"{name}.branch7x7_2", filters, (1, 7)),
            Convolution(f"{name}.branch7x7_3", 192, (7, 1)),
        ),
        (
            Convolution(f"{name}.branch7x7dbl_1", filters, (1, 1)),
            Convolution(f"{name}.branch7x7dbl_2", filters, (7, 1)),
            Convolution(f"{name}.branch7x7dbl_3", filters, (1, 7)),
            Convolution(f"{name}.branch7x7dbl_4", filters, (7, 1)),
            Convolution(f"{name}.branch7x7dbl_5", 192, (1, 7)),
        ),
        (average, Convolution(f"{name}.branch_pool", 192, (1, 1))),
    ]


def block_d(name: str) -> list:
    """Returns the block from 17×17 to 8×8."""
    return [
        (
            Convolution(f"{name}.branch3x3_1", 192, (1, 1)),
            Convolution(f"{name}.branch3x3_2", 320, (3, 3), 2, "valid"),
        ),
        (
            Convolution(f"{name}.branch7x7x3_1", 192, (1, 1)),
            Convolution(f"{name}.branch7x7x3_2", 192, (1, 7)),
            Convolution(f"{name}.branch7x7x3_3", 192, (7, 1)),
            Convolution(f"{name}.branch7x7x3_4", 192, (3, 3), 2, "valid"),
        ),
        (reduction,),
    ]


def block_e(name: str, pool: Callable) -> list:
    """Returns a block at 8×8."""

    def cross(branch: str) -> list:
        return [(Convolution(f"{branch}a", 384, (1, 3)),), (Convolution(f"{branch}b", 384, (3, 1)),)]

    return [
        (Convolution(f"{name}.branch1x1", 320, (1, 1)),),
        (Convolution(f"{name}.branch3x3_1", 384, (1, 1)), cross(f"{name}.branch3x3_2")),
        (
            Convolution(f"{name}.branch3x3dbl_1", 448, (1, 1)),
            Convolution(f"{name}.branch3x3dbl_2", 384, (3, 3)),
            cross(f"{name}.branch3x3dbl_3"),
        ),
        (pool, Convolution(f"{name}.branch_pool", 192, (1, 1))),
    ]


PATH = (
    Convolution("Conv2d_1a_3x3", 32, (3, 3), 2, "valid"),
    Convolution("Conv2d_2a_3x3", 32, (3, 3), 1, "valid"),
    Convolution("Conv2d_2b_3x3", 64, (3, 3)),
    reduction,
    Convolution("Conv2d_3b_1x1", 80, (1, 1)),
    Convolution("Conv2d_4a_3x3", 192, (3, 3), 1, "valid"),
    reduction,
    block_a("Mixed_5b", 32),
    block_a("Mixed_5c", 64),
    block_a("Mixed_5d", 64),
    block_b("Mixed_6a"),
    block_c("Mixed_6b", 128),
    block_c("Mixed_6c", 160),
    block_c("Mixed_6d", 160),
    block_c("Mixed_6e", 192),
    block_d("Mixed_7a"),
    block_e("Mixed_7b", average),
    block_e("Mixed_7c", maximum),
    layers.GlobalAveragePooling2D,
)


class Inception:
    """Computes features of images, for FID and KID.

    Args:
      file: a state dict of pytorch-fid's fid_inception_v3; its classifier is not read.

    Raises:
      InputError: the file is not a state dict, or one of another network.
    """

    def __init__(self, file: str | pathlib.Path):
        tensors = read_tensors(file)
        images = keras.Input((*SIZE, 3))
        features = _follow(images, PATH, lambda x, step: _convolve(x, step, tensors, file))
        self.network = keras.Model(images, features, name="inception")

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Maps images `(N, H, W, C)` float32 in [-1, 1], of 1 to 4 channels, to `(N, 2048)` float32, at least 0."""
        return self.network(preprocess(images), training=False)


def preprocess(images: tf.Tensor) -> tf.Tensor:
    """Resizes images `(N, H, W, C)` in [-1, 1] to `(N, 299, 299, 3)` in [-1, 127/128], as clean-fid does.

    It starts from the levels of a PNG, reduces with antialiasing, and keeps fractions of levels. Without antialiasing,
    FID depends on the library that resizes: the main finding of Parmar et al.
    """
    levels = tf.cast(to_uint8(rgb(images)), tf.float32)
    resized = tf.image.resize(levels, SIZE, "bicubic", antialias=True)
    # The network was trained with 128, not 127.5.
    return (tf.clip_by_value(resized, 0.0, 255.0) - 128.0) / 128.0


def _follow(x: tf.Tensor, path: tuple[Step, ...], convolve: Callable) -> tf.Tensor:
    for step in path:
        if isinstance(step, Convolution):
            x = convolve(x, step)
        elif isinstance(step, list):
            x = layers.Concatenate()([_follow(x, branch, convolve) for branch in step])
        else:
            x = step()(x)
    return x


def _convolve(x: tf.Tensor, step: Convolution, tensors: Tensors, file: str | pathlib.Path) -> tf.Tensor:
    """Applies a convolution with its batch normalization folded into kernel and bias: half the operations."""
    kernel = require(tensors, f"{step.name}.conv.weight", (step.filters, x.shape[-1], *step.kernel), file)
    gamma, beta, mean, variance = (
        require(tensors, f"{step.name}.bn.{name}", (step.filters,), file)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + np.float32(NORM_EPSILON))
    layer = layers.Conv2D(
        step.filters,
        step.kernel,
        step.strides,
        step.padding,
        activation="relu",
        kernel_initializer="zeros",  # drawing random numbers would take longer than reading the file
        name=step.name.replace(".", "_"),
    )
    y = layer(x)
    # torch has (out, in, height, width), Keras has (height, width, in, out).
    layer.set_weights([kernel.transpose(2, 3, 1, 0) * scale, beta - mean * scale])
    return y
