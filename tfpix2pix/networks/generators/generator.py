"""Knows the generators by name, and gives one other sizes or outputs."""

from collections.abc import Callable
from typing import Any

import keras

from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet


def residual(*args: Any, enhancers: int = 0, **options: Any) -> keras.Model:
    """Builds a ResNet, or the local enhancer around one, with the arguments of these."""
    return (local_enhancer if enhancers else resnet)(*args, **options)


# Their names are choices.GENERATORS.
GENERATORS: dict[str, Callable[..., keras.Model]] = {"unet": unet, "resnet": residual}


def of_any_size(generator: keras.Model) -> keras.Model:
    """Returns a generator with the same layers that takes all sizes which it can halve as often as it has to."""
    source = keras.Input((None, None, generator.input_shape[-1]), name="source")
    return keras.models.clone_model(generator, input_tensors=source, clone_function=lambda layer: layer)


def with_logits(generator: keras.Model) -> keras.Model:
    """Returns the same generator of labels with two outputs: its image, and the logits `(N, H, W, classes)` before it.

    A probability in [-1, 1] has lost what the logarithm of a small one needs.
    """
    logits = generator.get_layer("probabilities").input
    return keras.Model(generator.input, [generator.output, logits], name=generator.name)
