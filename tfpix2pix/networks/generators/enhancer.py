"""Builds pix2pixHD's local enhancer around a ResNet (Wang et al. 2018, arXiv 1711.11585, 3.2; its LocalEnhancer)."""

import dataclasses
from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import DEFAULT_BLOCKS, LOCAL_BLOCKS, AnySize, check_depth, default_depth
from tfpix2pix.networks.generators.parts import Parts
from tfpix2pix.networks.generators.resnet import double, features, halve, residual_block, wide_convolution
from tfpix2pix.networks.layers.pooling import HalvingPool


def local_enhancer(
    image_size: AnySize = (512, 1024),
    source_channels: int = 3,
    target_channels: int = 3,
    *,
    width: int = 32,
    depth: int | None = 0,
    blocks: int = 0,
    **options: Any,
) -> keras.Model:
    """Builds a generator of two resolutions: source `(N, H, W, source_channels)` to `(N, H, W, target_channels)`.

    A ResNet of twice the width, without its last convolution, sees the source at half the size, by averages. What it
    gives is added to those of the source, which convolutions halve once; three residual blocks follow, and a doubling.

    The layers of the half size have the names of a ResNet's, so that they take the weights of one that was trained
    before, of width `2 * width` at half the size. The others are `local_first`, `local_down1`, `local_block1_conv1`,
    ..., `local_up1` and `local_last`.

    Args:
      image_size: height and width, multiples of 2^(depth + 1); None for any such size.
      source_channels: channels of the input.
      target_channels: channels of the output.
      width: filters of the first convolution at full size; pix2pixHD has 32.
      depth: how often the source of half the size is halved; 0 or None: twice. pix2pixHD has 4.
      blocks: residual blocks of the smallest grid; 0: 9.
      **options: the attributes of Parts; padding is `reflect` by default.

    Raises:
      ValueError: a side of image_size is not a multiple of 2^(depth + 1), or another value is out of range.
    """
    depth = depth or default_depth(image_size, "resnet")
    check_depth(image_size, depth, "resnet", enhancers=1)
    parts = Parts(usual_padding="reflect", **options)
    blocks = blocks or DEFAULT_BLOCKS
    source = keras.Input((*image_size, source_channels), name="source")

    # All of its features are halved once more than a ResNet's.
    of_half = dataclasses.replace(parts, attention=tuple(level - 1 for level in parts.attention if level > 1))
    half = features(HalvingPool(name="half")(source), of_half, 2 * width, depth, blocks)

    x = parts.normalize_and_activate(wide_convolution(source, parts, width, "local_first"), "local_first")
    x = halve(x, parts, 2 * width, "local_down1")
    x = layers.Add(dtype=parts.dtype, name="local_sum")([x, half])
    for block in range(1, LOCAL_BLOCKS + 1):
        # The ResNet's blocks have the seeds below.
        x = residual_block(x, parts, f"local_block{block}", parts.seed * blocks - block)
    x = parts.attend(x, 1, "local_")
    x = double(x, parts, width, "local_up1")
    return parts.finish(source, wide_convolution(x, parts, target_channels, "local_last", is_last=True))
