"""Builds the discriminator that the options ask for, and shows what its layers see."""

from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.networks.choices import AnySize
from tfpix2pix.networks.discriminators.multiscale import multiscale
from tfpix2pix.networks.discriminators.patchgan import patchgan

# What a discriminator says of a batch: one list a scale, the full size first. It has the output of each layer,
# `(N, h, w, C)` after its activation, and the logits, `(N, h, w, 1)`, last.
Judgment = list[list[tf.Tensor]]


def build_discriminator(
    image_size: AnySize, source_channels: int | None, target_channels: int, *, scales: int, **options: Any
) -> keras.Model:
    """Builds the PatchGAN, or that of several scales.

    Args:
      image_size: height and width; None for any.
      source_channels: channels of the source; None for a discriminator that sees the image alone.
      target_channels: channels of the image that is judged.
      scales: at how many sizes it looks, each half the one before.
      **options: as `patchgan` and `multiscale` have them.
    """
    if scales == 1:
        return patchgan(image_size, source_channels, target_channels, **options)
    return multiscale(image_size, source_channels, target_channels, scales=scales, **options)


def with_features(discriminator: keras.Model) -> keras.Model:
    """Returns the same discriminator with more outputs: scale by scale those of its layers, and the logits last."""
    scales: dict[str, list[Any]] = {}
    for layer in discriminator.layers:
        if layer.name.endswith(("_relu", "logits")):
            scale = layer.name.split("_")[0] if layer.name.startswith("scale") else ""
            scales.setdefault(scale, []).append(layer.output)
    outputs = [output for name in sorted(scales) for output in scales[name]]
    return keras.Model(discriminator.inputs, outputs, name=discriminator.name)


def judge(discriminator: keras.Model, source: tf.Tensor, image: tf.Tensor) -> Judgment:
    """Judges pairs in training mode.

    Args:
      discriminator: of `build_discriminator` or, for the outputs of its layers too, of `with_features`.
      source: `(N, H, W, C)` in [-1, 1].
      image: `(N, H, W, C)` in [-1, 1].
    """
    is_conditional = len(discriminator.inputs) == 2
    outputs = discriminator([source, image] if is_conditional else image, training=True)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    scales = sum(layer.name.endswith("logits") for layer in discriminator.layers)
    of_one = len(outputs) // scales
    return [outputs[of_one * scale : of_one * (scale + 1)] for scale in range(scales)]
