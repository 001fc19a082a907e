"""Keeps what is rarely needed out of the way of graphs that run for every image."""

from collections.abc import Callable

import tensorflow as tf


def rare(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Returns a function that a graph calls as one operation.

    In a branch of a graph that is not taken, each operation still takes its time. A branch of one operation takes
    nearly none.
    """
    return tf.function(function, autograph=False, experimental_attributes={"_noinline": True})
