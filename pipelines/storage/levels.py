"""Keeps numbers in [0, 1] as the bytes that they were, if that loses nothing: in a quarter or half of the memory."""

from collections.abc import Iterator

import numpy as np

# Types that hold an image's numbers, the smallest first: levels of 8 bits, of 16 bits, and floats as they are.
TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))

# Numbers that are looked at together.
BLOCK = 2**16


def as_levels(image: np.ndarray, at_least: np.dtype = TYPES[0]) -> np.ndarray:
    """Returns float32 numbers in [0, 1] in the smallest of TYPES, from `at_least` on, that gives back the same bits."""
    for dtype in TYPES[TYPES.index(at_least) : -1]:
        levels = np.empty(image.shape, dtype)
        if all(_hold(levels[block], image[block]) for block in _blocks(image)):
            return levels
    return image


def _hold(levels: np.ndarray, numbers: np.ndarray) -> bool:
    """Writes numbers as levels; tells whether they give back the same bits."""
    levels[:] = np.round(numbers * _white(levels.dtype))
    return np.array_equal(unit(levels), numbers)


def _blocks(image: np.ndarray) -> Iterator[slice]:
    """Yields parts of an image along its first axis: the first shows that most are no levels, and each takes little."""
    rows = max(1, BLOCK * len(image) // max(image.size, 1))
    return (slice(start, start + rows) for start in range(0, len(image), rows))


def widened(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Returns the same numbers in a type that comes later in TYPES."""
    if levels.dtype == dtype:
        return levels
    # 257 is 65535 / 255.
    return levels * np.uint16(257) if dtype == TYPES[1] else unit(levels)


def unit(levels: np.ndarray) -> np.ndarray:
    """Returns the numbers in [0, 1], float32."""
    return levels if levels.dtype == TYPES[-1] else levels / _white(levels.dtype)


def _white(dtype: np.dtype) -> np.float32:
    return np.float32(np.iinfo(dtype).max)
