"""Chooses who reads a file: TensorFlow's kernels, in graphs too, or Python."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from pipelines.images.kernels import can_read

Result = TypeVar("Result")


def choose_reader(
    contents: tf.Tensor, by_kernels: Callable[[], Result], in_python: Callable[[], Result], needs_python: bool
) -> Result:
    """Reads a file by TensorFlow's kernels if it is a JPEG or PNG in sRGB, else in Python."""
    if needs_python:
        return in_python()
    if tf.executing_eagerly():
        return by_kernels() if can_read(contents) else in_python()
    return tf.cond(can_read(contents), by_kernels, in_python)


def call_python(
    read: Callable[[bytes], list[np.ndarray]], contents: tf.Tensor, channels: Sequence[int]
) -> list[tf.Tensor]:
    """Calls `read(bytes)`, which returns an image for each number of channels, eagerly or in a graph of tf.data."""
    if tf.executing_eagerly():
        return [tf.constant(image) for image in read(contents.numpy())]
    images = tf.numpy_function(read, [contents], [tf.float32] * len(channels))
    return [tf.ensure_shape(image, (None, None, count)) for image, count in zip(images, channels, strict=True)]
