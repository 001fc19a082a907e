"""Holds a network's weights by name, in Keras' layouts, whichever file or network they come from."""

import dataclasses
import re
from collections.abc import Collection
from typing import Any

import keras
import numpy as np

from pipelines.system.terminal import InputError

KINDS = ("generator", "discriminator")
# The kernels of convolutions, and of those that double features: how they do it, one of choices.UPSAMPLES.
KERNELS = {"kernel": "transpose", "resize_kernel": "resize", "shuffle_kernel": "pixel_shuffle"}
TRANSPOSED = re.compile(r"(local_)?up\d+/kernel")
# What spectral norm keeps of a layer.
SPECTRAL = "u"


@dataclasses.dataclass(frozen=True)
class NetworkWeights:
    """The weights of one network.

    Attributes:
      kind: one of KINDS.
      origin: where they come from, such as a file, for messages.
      tensors: by the path of the variable in our networks, such as `down3/kernel` or `down3_norm/gamma`; convolutions
        `(height, width, in, out)`, transposed ones `(height, width, out, in)`.
      told: the options that a file tells by other means than its tensors.
    """

    kind: str
    origin: str
    tensors: dict[str, np.ndarray]
    told: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The options of Config that the tensors imply, by name.

        A generator: generator, depth, generator_width, source_channels, target_channels, upsample, norm; a ResNet:
        blocks and enhancers too. A discriminator: discriminator_scales, discriminator_layers, discriminator_width,
        discriminator_norm. Its first layer takes source and target as one, so that only their channels together are
        known: `pair_channels`.
        """
        return _generator_options(self.tensors) if self.kind == "generator" else _discriminator_options(self.tensors)

    @property
    def pair_channels(self) -> int:
        """Counts the channels of source and target together, which a discriminator sees as one."""
        return _first_of_discriminator(self.tensors).shape[2]


def variables_of(network: keras.Model) -> dict[str, keras.Variable]:
    """Returns the variables of a network that are weights, by path: all but the dropouts' counts of calls."""
    return {variable.path: variable for variable in network.variables if "float" in variable.dtype}


def weights_of(network: keras.Model, origin: str = "") -> NetworkWeights:
    """Copies the weights of a generator or discriminator.

    Args:
      network: its name is its kind.
      origin: see NetworkWeights.
    """
    tensors = {path: np.array(variable.numpy()) for path, variable in variables_of(network).items()}
    return NetworkWeights(network.name, origin or f"the {network.name}", tensors)


def load_weights(network: keras.Model, weights: NetworkWeights) -> None:
    """Sets all weights of a network; if they do not fit, it changes none.

    Raises:
      InputError: as check_weights has it.
    """
    check_weights(network, weights)
    for path, variable in variables_of(network).items():
        variable.assign(weights.tensors[path])


def check_weights(network: keras.Model, weights: NetworkWeights) -> None:
    """Makes sure that weights are those of a network, which may be of shapes alone, built in a graph.

    Raises:
      InputError: one is missing, left over or of another shape; names the first.
    """
    variables = variables_of(network)
    for path in {**variables, **weights.tensors}:
        if path not in weights.tensors:
            raise InputError(f"{weights.origin} has no {path}; give the weights of the same {network.name}")
        there = weights.tensors[path].shape
        if path not in variables:
            raise InputError(f"{weights.origin} has {path} {there}, and the {network.name} does not; give its weights")
        if there != tuple(variables[path].shape):
            raise InputError(
                f"{weights.origin} has {path} with shape {there} instead of {tuple(variables[path].shape)}; give the "
                f"weights of the same {network.name}"
            )


def out_axis(path: str, rank: int = 4) -> int:
    """Returns the axis of a variable that has what its layer gives."""
    return 0 if rank == 1 else 5 - in_axis(path)


def in_axis(path: str) -> int:
    """Returns the axis of a kernel that has what its layer takes in: the last one if it is transposed."""
    return 3 if TRANSPOSED.fullmatch(path) else 2


def is_resnet(paths: Collection[str]) -> bool:
    """Tells whether these are a ResNet's weights, with a local enhancer or without."""
    return "first/kernel" in paths


def last_layer(paths: Collection[str]) -> str:
    """Names the convolution of a generator that makes the target's channels."""
    return next((layer for layer in ("local_last", "last") if f"{layer}/kernel" in paths), "up1")


def _generator_options(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    local = "local_" if "local_first/kernel" in tensors else ""
    first = tensors[f"{local}first/kernel" if is_resnet(tensors) else "down1/kernel"]
    last = kernel_path(tensors, last_layer(tensors))
    # A pixel shuffle makes four pixels of what its convolution gives.
    target_channels = tensors[last].shape[out_axis(last)] // (4 if last.endswith("/shuffle_kernel") else 1)
    options = {
        "generator": "resnet" if is_resnet(tensors) else "unet",
        "depth": _count(tensors, "down{}"),
        "generator_width": first.shape[3],
        "source_channels": first.shape[2],
        "target_channels": target_channels,
        "upsample": KERNELS[kernel_path(tensors, "up1").split("/")[1]],
        "norm": _norm(tensors),
    }
    if is_resnet(tensors):
        options |= {"blocks": _count(tensors, "block{}_conv1"), "enhancers": int(bool(local))}
    if _is_spectral(tensors):
        options["generator_spectral_norm"] = True
    return options


def kernel_path(paths: Collection[str], layer: str) -> str:
    """Returns the path of a layer's kernel; those that double have other names if they are not transposed."""
    return next((path for name in KERNELS if (path := f"{layer}/{name}") in paths), f"{layer}/kernel")


def _discriminator_options(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    scales = _count(tensors, "scale{}_logits")
    return {
        "discriminator_scales": max(scales, 1),
        "discriminator_layers": _count(tensors, "scale1_down{}" if scales else "down{}"),
        "discriminator_width": _first_of_discriminator(tensors).shape[3],
        "discriminator_norm": "spectral" if _is_spectral(tensors) else _norm(tensors),
    }


def _is_spectral(tensors: dict[str, np.ndarray]) -> bool:
    return any(path.endswith(f"/{SPECTRAL}") for path in tensors)


def _first_of_discriminator(tensors: dict[str, np.ndarray]) -> np.ndarray:
    return next(tensors[path] for path in ("down1/kernel", "conv1/kernel", "scale1_down1/kernel") if path in tensors)


def _count(tensors: dict[str, np.ndarray], layer: str) -> int:
    """Counts the layers of a name with a number in it, which begin at 1."""
    count = 0
    while f"{layer.format(count + 1)}/kernel" in tensors:
        count += 1
    return count


def _norm(tensors: dict[str, np.ndarray]) -> str:
    if any(path.endswith("_norm/moving_mean") for path in tensors):
        return "batch"
    return "instance" if any(path.endswith("_norm/gamma") for path in tensors) else "none"
