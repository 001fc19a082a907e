"""Builds the ResNet generator (Johnson et al. 2016; the reference's ResnetGenerator, pix2pixHD's GlobalGenerator)."""

from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import DEFAULT_BLOCKS, AnySize, check_depth, default_depth
from tfpix2pix.networks.generators.parts import Parts
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution, TransposedConvolution


def resnet(
    image_size: AnySize = (256, 256),
    source_channels: int = 3,
    target_channels: int = 3,
    *,
    width: int = 64,
    depth: int | None = 0,
    blocks: int = 0,
    **options: Any,
) -> keras.Model:
    """Builds the ResNet: source `(N, H, W, source_channels)` to `(N, H, W, target_channels)`, both in [-1, 1].

    A 7×7 convolution, `depth` halvings, residual blocks on the smallest grid, `depth` doublings, and a 7×7 convolution.
    Features have `width * 2**i` channels after i halvings. The defaults are the reference's resnet_9blocks; depth 4 is
    the global generator of pix2pixHD (Wang et al. 2018, 3.2), which has no dropout.

    Layers are named `first`, `down1`, ..., `block1_conv1`, `block1_conv2`, ..., `up2`, `up1`, `last`; `down1_norm`
    normalizes the output of `down1`. `up1` gives the size of the source.

    Args:
      image_size: height and width, multiples of 2^depth; None for any such size.
      source_channels: channels of the input.
      target_channels: channels of the output.
      width: filters of the first convolution; the reference has 64.
      depth: how often the image is halved; 0 or None: twice.
      blocks: residual blocks; 0: 9.
      **options: the attributes of Parts, such as norm and dropout, which is in each block, after its first ReLU.
        Padding is `reflect` by default.

    Raises:
      ValueError: a side of image_size is not a multiple of 2^depth, or another value is out of range.
    """
    depth = depth or default_depth(image_size, "resnet")
    check_depth(image_size, depth, "resnet")
    parts = Parts(usual_padding="reflect", **options)
    source = keras.Input((*image_size, source_channels), name="source")
    x = features(source, parts, width, depth, blocks or DEFAULT_BLOCKS)
    return parts.finish(source, wide_convolution(x, parts, target_channels, "last", is_last=True))


def features(source: Any, parts: Parts, width: int, depth: int, blocks: int) -> Any:
    """Builds a ResNet without its last convolution: `(N, H, W, C)` to `(N, H, W, width)`."""
    x = parts.normalize_and_activate(wide_convolution(source, parts, width, "first"), "first")
    for level in range(1, depth + 1):
        x = halve(x, parts, width * 2**level, f"down{level}")
    for block in range(1, blocks + 1):
        x = residual_block(x, parts, f"block{block}", parts.seed * blocks + block - 1)
    x = parts.attend(x, depth)
    for level in reversed(range(depth)):
        x = double(x, parts, width * 2**level, f"up{level + 1}")
        x = parts.attend(x, level)
    return x


def wide_convolution(x: Any, parts: Parts, filters: int, name: str, is_last: bool = False) -> Any:
    """Builds a 7×7 convolution; the last one is that to the target."""
    return parts.convolve(
        x,
        PaddedConvolution(
            filters,
            7,
            is_last or parts.use_bias,
            reflect=parts.reflect,
            dtype=parts.last_dtype if is_last else parts.dtype,
            name=name,
        ),
    )


def halve(x: Any, parts: Parts, filters: int, name: str) -> Any:
    """Builds a strided convolution, norm and ReLU."""
    # The reference pads these with zeros, whatever pads the others.
    x = parts.convolve(x, PaddedConvolution(filters, 3, parts.use_bias, stride=2, dtype=parts.dtype, name=name))
    return parts.normalize_and_activate(x, name)


def double(x: Any, parts: Parts, filters: int, name: str) -> Any:
    """Builds a transposed convolution, or what stands in its place, norm and ReLU."""
    x = parts.double(x, TransposedConvolution(filters, parts.use_bias, dtype=parts.dtype, name=name))
    return parts.normalize_and_activate(x, name)


def residual_block(x: Any, parts: Parts, name: str, seed: int) -> Any:
    """Builds x + norm(convolution(dropout(relu(norm(convolution(x)))))), with as many channels as x has."""

    def convolve(x: Any, name: str) -> Any:
        layer = PaddedConvolution(x.shape[-1], 3, parts.use_bias, reflect=parts.reflect, dtype=parts.dtype, name=name)
        return parts.normalize(parts.convolve(x, layer), name)

    y = parts.relu(convolve(x, f"{name}_conv1"), f"{name}_conv1")
    y = convolve(parts.drop(y, name, seed), f"{name}_conv2")
    return layers.Add(dtype=parts.dtype, name=f"{name}_sum")([x, y])
