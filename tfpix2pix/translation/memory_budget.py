"""Tells how many pixels can be translated at a time, by the memory that the generator needs for each."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import psutil
import tensorflow as tf

from pipelines.system.disk import MIB
from pipelines.system.memory import FLOAT_BYTES
from tfpix2pix.config import Config
from tfpix2pix.model.state import generator_of
from tfpix2pix.networks.memory_estimate import inner_floats, peak_floats

Item = TypeVar("Item")

# Measured memory is 1.2 to 1.5 times that of peak_floats: U-Net 256 of width 16 takes 82 bytes a pixel, and 98 with
# moving statistics, of width 64 304 bytes; TensorFlow 2.21, two cores. Reading and encoding pictures needs the rest.
SAFETY = 2


def pixels_that_fit(config: Config, memory_mib: int = 0) -> int:
    """Returns how many pixels the generator of a run can translate at a time.

    Args:
      config: of the run.
      memory_mib: for activations and pictures, besides TensorFlow's own 500 MiB and the weights; 0: half of the memory
        that is free now.
    """
    room = (memory_mib or free_mib() // 2) * MIB
    linear, square = bytes_per_pixel(config), bytes_per_pair(config)
    if not square:
        return max(1, room // linear)
    # The root of linear * n + square * n² = room.
    return max(1, int((math.sqrt(linear**2 + 4 * square * room) - linear) / (2 * square)))


def translation_bytes(config: Config, pixels: int) -> int:
    """Estimates the memory that a translation of so many pixels needs."""
    return math.ceil(pixels * bytes_per_pixel(config) + pixels**2 * bytes_per_pair(config))


def free_mib() -> int:
    """Returns how much memory other programs leave."""
    return psutil.virtual_memory().available // MIB


@functools.lru_cache(maxsize=8)
def bytes_per_pixel(config: Config) -> int:
    """Estimates the memory that a translation needs for each pixel, besides that of self-attention."""
    # In a graph, variables have shapes but no values.
    with tf.Graph().as_default():
        floats = peak_floats(generator_of(dataclasses.replace(config, attention_at="")))
    return math.ceil(SAFETY * FLOAT_BYTES * floats / math.prod(config.image_size))


@functools.lru_cache(maxsize=8)
def bytes_per_pair(config: Config) -> float:
    """Estimates the memory that self-attention needs for each pair of pixels; 0 without it."""
    if not config.attention_at:
        return 0
    with tf.Graph().as_default():
        floats = max(map(inner_floats, generator_of(config).layers))
    return SAFETY * FLOAT_BYTES * floats / math.prod(config.image_size) ** 2


def batches(items: Sequence[Item], pixels: Sequence[int], most: int, room: int) -> Iterator[list[Item]]:
    """Yields items in their order, in batches that have at most `most` items and, unless it is one, `room` pixels.

    Args:
      items: pictures.
      pixels: of each.
      most: pictures in a batch.
      room: pixels in a batch.
    """
    batch: list[Item] = []
    taken = 0
    for item, own in zip(items, pixels, strict=True):
        if batch and (len(batch) == most or taken + own > room):
            yield batch
            batch, taken = [], 0
        batch.append(item)
        taken += own
    if batch:
        yield batch
