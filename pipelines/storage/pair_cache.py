"""Keeps decoded pairs in memory: all of one size, or each of its own, as bytes where these hold the numbers exactly."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.fit import cut
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size
from pipelines.images.transforms import Image
from pipelines.storage.levels import TYPES, as_levels, widened

# From an index, the window (top, left, height, width) or None for all, and the size of all windows, to an image.
ReadImage = Callable[[tf.Tensor, tf.Tensor | None, Size | None], Image]


@dataclasses.dataclass(frozen=True)
class FlatImages:
    """Holds images of any sizes, one after the other.

    Attributes:
      values: `(numbers,)` of one of levels.TYPES.
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


# Sources and targets: each `(n, H, W, C)` of one of levels.TYPES, or images of any sizes.
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
        self._sides = [_Side(count, form.shape) for _ in range(2)]

    @property
    def fits_twice(self) -> bool:
        """Whether all are bytes, and twice as many would fit."""
        return all(side.dtype == TYPES[0] for side in self._sides) and 2 * self._bytes <= self._room

    @property
    def _bytes(self) -> int:
        return sum(side.bytes for side in self._sides)

    def levels(self, pair: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns a pair as it will be kept, for `add`; may be called in several threads."""
        return [as_levels(image, side.dtype) for side, image in zip(self._sides, pair, strict=True)]

    def add(self, index: int, pair: list[np.ndarray]) -> None:
        """Keeps a pair, or drops all if it does not fit any more."""
        if self.is_full:
            return
        for side, image in zip(self._sides, pair, strict=True):
            side.add(index, image)
        if self._bytes > self._room:
            self.is_full = True
            self._sides = [_Side(0, None) for _ in range(2)]

    def cache(self) -> Cache | None:
        """Returns all pairs; None if they did not fit."""
        if self.is_full:
            return None
        return self._sides[0].images(), self._sides[1].images()


class _Side:
    """Collects the images of one side in the smallest of levels.TYPES that holds all of them exactly."""

    def __init__(self, count: int, shape: Size | None):
        self._count = count
        self._shape = shape
        self.dtype = TYPES[0]
        self._images: dict[int, np.ndarray] = {}
        self._numbers = 0

    @property
    def bytes(self) -> int:
        """How many bytes they take; those of one size are counted before they are there."""
        return self._numbers * self.dtype.itemsize

    def add(self, index: int, image: np.ndarray) -> None:
        self.dtype = max(self.dtype, image.dtype, key=TYPES.index)
        self._images[index] = image
        self._numbers = self._count * image.size if self._shape else self._numbers + image.size

    def images(self) -> np.ndarray | FlatImages:
        """Joins them; each is in memory twice only while it is joined. What is missing may be anything."""
        if self._shape is None:
            none: np.ndarray = np.zeros((0, 0, 1), self.dtype)
            return FlatImages.of([self._widened(self._images.pop(i, none)) for i in range(self._count)])
        channels = max((image.shape[-1] for image in self._images.values()), default=1)
        joined = np.empty((self._count, *self._shape, channels), self.dtype)
        for index in list(self._images):
            joined[index] = self._widened(self._images.pop(index))
        return joined

    def _widened(self, image: np.ndarray) -> np.ndarray:
        return widened(image, self.dtype)
