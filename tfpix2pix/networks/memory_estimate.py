"""The least memory that networks take, told before they are made."""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from pipelines.system.memory import FLOAT_BYTES, check_memory

# Of each weight in training: itself, its gradient, and Adam's two moments.
TRAINED = 4


def check_fits(what: str, build: Callable[[], list[keras.Model]], copies: int = 1) -> None:
    """Raises InputError where networks cannot fit into memory.

    Counted is what cannot be done without: the weights, and the largest array that a layer makes of one image. What
    passes may still be too large, in training above all, which keeps most layers' arrays of a whole batch.

    Args:
      what: is described, as the message says it.
      build: makes the networks.
      copies: of each weight; TRAINED in training.
    """
    # In a graph of their own variables have shapes and no values; both networks take 0.2 s.
    with tf.Graph().as_default():
        networks = build()
        weights = sum(network.count_params() for network in networks)
        largest = max(_floats(layer.output.shape) for network in networks for layer in network.layers)
    check_memory(
        f"{what}, with {weights:,} weights and up to {largest:,} numbers in a layer,",
        FLOAT_BYTES * (weights * copies + largest),
        "take smaller networks, or smaller images",
    )


def _floats(shape: tuple[int | None, ...]) -> int:
    """Of one image; a side of any size counts as 1."""
    return math.prod(side or 1 for side in shape[1:])
