"""Estimates the memory of networks before they are built."""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from pipelines.system.memory import FLOAT_BYTES, check_memory
from tfpix2pix.networks.layers.attention import SelfAttention

# Copies of each weight in training: the weight, its gradient, and Adam's two moments.
TRAINING_COPIES = 4


def check_fits(what: str, build: Callable[[], list[keras.Model]], copies: int = 1) -> None:
    """Raises InputError if networks cannot fit into memory.

    The estimate is a lower bound: the weights, and the largest array that a layer makes of one image. Networks that
    pass may still be too large, above all in training, which keeps most layers' arrays of a whole batch.

    Args:
      what: the networks' description in the error.
      build: builds the networks.
      copies: of each weight; TRAINING_COPIES in training.
    """
    # In a graph, variables have shapes but no values: both networks take 0.2 s.
    with tf.Graph().as_default():
        networks = build()
        weights = sum(network.count_params() for network in networks)
        largest = max(
            max(_floats(layer.output.shape), inner_floats(layer)) for network in networks for layer in network.layers
        )
    check_memory(
        f"{what}, with {weights:,} weights and up to {largest:,} numbers in a layer,",
        FLOAT_BYTES * (weights * copies + largest),
        "take smaller networks, or smaller images",
    )


def peak_floats(network: keras.Model) -> int:
    """Counts the numbers that a network of one size holds at most while it computes an image, layer after layer.

    A layer's output is held from its computation until the last layer that takes it has been computed. What a layer
    needs besides its input and output is not counted, but for self-attention.
    """
    last_use: dict[int, int] = {}
    for place, layer in enumerate(network.layers):
        last_use.update((id(tensor), place) for tensor in keras.tree.flatten(layer.input))
    held: dict[int, int] = {}
    peak = 0
    for place, layer in enumerate(network.layers):
        held[id(layer.output)] = _floats(layer.output.shape)
        peak = max(peak, sum(held.values()) + inner_floats(layer))
        held = {tensor: floats for tensor, floats in held.items() if last_use.get(tensor, math.inf) > place}
    return peak


def inner_floats(layer: keras.layers.Layer) -> int:
    """Counts the numbers of one image that self-attention holds while it computes: those grow as the pixels' square."""
    return layer.inner_floats(_floats(layer.output.shape[:-1])) if isinstance(layer, SelfAttention) else 0


def _floats(shape: tuple[int | None, ...]) -> int:
    """Counts the numbers in the output of one image; a side of any size counts as 1."""
    return math.prod(side or 1 for side in shape[1:])
