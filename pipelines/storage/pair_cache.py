"""Keeps decoded pairs in memory: all of one size, or each of its own."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.fit import cut
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size
from pipelines.images.transforms import Image

# From an index, the window (top, left, height, width) or None for all, and the size of all windows, to an image.
ReadImage = Callable[[tf.Tensor, tf.Tensor | None, Size | None], Image]


@dataclasses.dataclass(frozen=True)
class FlatImages:
    """Holds images of any sizes, one after the other.

    Attributes:
      values: `(numbers,)` float32 in [0, 1].
      starts: `(n,)` int64, where each image begins.
      shapes: `(n, 2)` int64, each one's (height, width).
      channels: of all of them.
    """

    values: np.ndarray
    starts: np.ndarray
    shapes: np.ndarray
    channels: int

    @classmethod
    def of(cls, images: Sequence[np.ndarray]) -> "FlatImages":
        """Joins images `(H, W, C)`."""
        starts = np.cumsum([0, *(image.size for image in images[:-1])])
        shapes = np.array([image.shape[:2] for image in images], np.int64)
        return cls(
            np.concatenate([image.reshape(-1) for image in images]),
            starts,
            shapes,
            max(image.shape[-1] for image in images),
        )

    def __getitem__(self, rows: Sequence[int]) -> "FlatImages":
        return dataclasses.replace(self, starts=self.starts[rows], shapes=self.shapes[rows])

    def reader(self) -> ReadImage:
        """Returns a function that reads an image, or the rows that a window touches, inside tf.data."""
        values, starts, shapes = (tf.convert_to_tensor(array) for array in (self.values, self.starts, self.shapes))

        def read(index: tf.Tensor, window: tf.Tensor | None, size: Size | None) -> Image:
            height, width = tf.unstack(shapes[index])
            start, row = starts[index], width * self.channels
            if window is not None:
                top, _, height, _ = tf.unstack(tf.cast(window, tf.int64))
                start += top * row
            band = tf.reshape(values[start : start + height * row], (height, width, self.channels))
            band = tf.ensure_shape(band, (None, None, self.channels))
            return band if window is None else cut(band, window * [0, 1, 1, 1], size)

        return read


# Sources and targets: each `(n, H, W, C)` float32 in [0, 1], or images of any sizes.
Cache = tuple[np.ndarray | FlatImages, np.ndarray | FlatImages]


class Kept:
    """Collects pairs while they are read, as long as they fit.

    Args:
      count: of the pairs.
      form: how they are read.
      room: bytes that they may take.
    """

    def __init__(self, count: int, form: PairFormat, room: int):
        self.is_full = not room
        self._room = room
        self._pairs: dict[int, list[np.ndarray]] = {}
        self._arrays: list[np.ndarray] = []
        if room and form.shape:
            channels = (form.source.channels, form.target.channels)
            self._arrays = [np.empty((count, *form.shape, each), np.float32) for each in channels]

    def add(self, index: int, pair: list[np.ndarray]) -> None:
        """Keeps a pair, or drops all if it does not fit any more."""
        if self.is_full:
            return
        if self._arrays:
            for array, image in zip(self._arrays, pair, strict=True):
                array[index] = image
            return
        self._room -= sum(image.nbytes for image in pair)
        self._pairs[index] = pair
        if self._room < 0:
            self.is_full = True
            self._pairs.clear()

    def cache(self, count: int) -> Cache | None:
        """Returns all pairs; None if they did not fit."""
        if self.is_full:
            return None
        if self._arrays:
            return self._arrays[0], self._arrays[1]
        none: np.ndarray = np.zeros((0, 0, 1), np.float32)
        sides = []
        for side in (0, 1):
            images = [self._pairs[index][side] if index in self._pairs else none for index in range(count)]
            sides.append(FlatImages.of(images))
            for pair in self._pairs.values():
                # Each side is in memory twice only while it is joined.
                pair[side] = none
        return sides[0], sides[1]
