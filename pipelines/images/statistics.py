"""Counts the stored numbers of many images as they pass: range, percentiles, distinct ones; without TensorFlow."""

import math
from collections.abc import Collection

import numpy as np

# Numbers from 0 to below this may be classes: street scenes have 34, rooms 40.
MAX_CLASSES = 48
IGNORED_CLASS = 255
# Numbers beyond these percentiles may be hot pixels.
PERCENTILES = (0.1, 99.9)
# Images use little of their type if less than this share of its range lies between their smallest and largest number:
# by bytes of the type. Half of the range means that one bit is never set, a quarter that two bits are not.
SMALL_SHARES = {1: 0.25, 2: 0.5, 4: 0.5, 8: 0.5}
# They do as well if less than this share of that share lies between PERCENTILES.
INNER_SHARE = 0.25
# Floats and long integers are counted by the upper bits of their float32, which are good to 0.05 %.
FLOAT_BITS = 20
# Numbers that are counted at a time: NumPy takes 8 bytes for each.
CHUNK = 2**20


class Statistics:
    """Counts the numbers of images of one type.

    Attributes:
      dtype: of the numbers.
      type_bits: bits of a number that the files use: 12 of a TIFF of 12 bits, which is read as uint16.
      count: how many were added.
      minimum: the smallest.
      maximum: the largest.
      values: the distinct ones, ascending; None if they are more than classes can be.
    """

    def __init__(self, dtype: np.dtype, type_bits: int = 0):
        self.dtype = dtype
        self.type_bits = type_bits or 8 * dtype.itemsize
        self.count = 0
        self.minimum: float = math.inf
        self.maximum: float = -math.inf
        self.values: list[float] | None = []
        self._is_short = dtype.kind in "bui" and dtype.itemsize <= 2
        bins = 2 ** (8 * dtype.itemsize if self._is_short else FLOAT_BITS)
        self._histogram: np.ndarray = np.zeros(bins, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Counts the numbers of an image: finite, of `dtype`, in any shape."""
        values = values.ravel()
        self.count += values.size
        self.minimum = min(self.minimum, values.min().item())
        self.maximum = max(self.maximum, values.max().item())
        for start in range(0, values.size, CHUNK):
            bins = self._bins_of(values[start : start + CHUNK])
            self._histogram += np.bincount(bins, minlength=len(self._histogram))
        if self._is_short:
            used = np.flatnonzero(self._histogram)[: MAX_CLASSES + 2]
            self._keep_distinct((used + self.type_range[0]).tolist())
        elif self.values is not None:
            # Some numbers show that there are many, so no large image of amounts is sorted.
            some = {*self.values, *np.unique(values[:: 1 + values.size // 4096]).tolist()}
            self._keep_distinct(some if len(some) > MAX_CLASSES + 1 else some.union(np.unique(values).tolist()))

    @property
    def name(self) -> str:
        """The type in words."""
        return type_name(self.dtype, self.type_bits)

    @property
    def is_integer(self) -> bool:
        """Whether they are integers, whose type has a range."""
        return self.dtype.kind in "bui"

    @property
    def type_range(self) -> tuple[int, int]:
        """The smallest and the largest number of the integer type, in the bits that are used."""
        if self.dtype.kind == "b":
            return 0, 1
        if self.dtype.kind == "u":
            return 0, 2**self.type_bits - 1
        limits = np.iinfo(self.dtype)
        return int(limits.min), int(limits.max)

    @property
    def share(self) -> float:
        """How much of the integer type's range lies between minimum and maximum, 0 to 1."""
        return self._share_of(self.minimum, self.maximum)

    @property
    def has_outliers(self) -> bool:
        """Whether a few pixels, such as hot ones, reach far beyond all others, in integers of many values."""
        inner = self._share_of(*self.bounds())
        return self.values is None and 0 < inner < INNER_SHARE * min(self.share, self._small_share())

    @property
    def uses_little(self) -> bool:
        """Whether they are integers that leave most of their type's range unused."""
        return self.is_integer and (self.share < self._small_share() or self.has_outliers)

    @property
    def classes(self) -> int:
        """How many classes they may be the numbers of; 0 if they are something else."""
        found = self.values or []
        if self.is_integer and len(found) > 2 and found[-1] == IGNORED_CLASS:
            found = found[:-1]
        if len(found) < 2 or found[0] < 0 or found[-1] >= MAX_CLASSES:
            return 0
        return int(found[-1]) + 1 if all(float(value).is_integer() for value in found) else 0

    @property
    def is_mask(self) -> bool:
        """Whether nearly all are one of two numbers, black and white."""
        tenth = (self.maximum - self.minimum) / 10
        low, high = self.minimum + tenth, self.maximum - tenth
        return tenth > 0 and self._between(low, high) < 0.02

    def bounds(self) -> tuple[float, float]:
        """Returns PERCENTILES."""
        return self.percentile(PERCENTILES[0]), self.percentile(PERCENTILES[1])

    def percentile(self, percent: float) -> float:
        """Returns the number below which this part of all numbers lies; of floats and long integers, nearly."""
        rank = min(self.count - 1, math.floor(percent / 100 * self.count))
        bin = int(np.searchsorted(np.cumsum(self._histogram), rank, side="right"))
        return min(max(self._number_of(bin), self.minimum), self.maximum)

    def outside(self, low: float, high: float) -> float:
        """Returns the share of numbers below low or above high; of floats and long integers, nearly."""
        return 1 - self._between(low, high)

    def proposed_range(self) -> tuple[float, float]:
        """Proposes the numbers of black and white.

        They are 0 and 2^bits - 1 for unsigned integers of 8 bits and more, PERCENTILES if there are outliers, else
        minimum and maximum.
        """
        if self.has_outliers:
            return self.bounds()
        if self.is_integer and self.minimum >= 0 and self.bits >= 8:
            return 0, 2**self.bits - 1
        return self.minimum, self.maximum

    @property
    def bits(self) -> int:
        """How many bits the largest integer takes."""
        return int(self.maximum).bit_length()

    def _small_share(self) -> float:
        return SMALL_SHARES[self.dtype.itemsize]

    def _share_of(self, low: float, high: float) -> float:
        if not self.is_integer:
            return 1.0
        first, last = self.type_range
        return (high - low) / (last - first)

    def _between(self, low: float, high: float) -> float:
        if self._is_short:
            smallest, largest = self.type_range
            first = min(max(math.ceil(low), smallest), largest + 1) - smallest
            last = max(min(math.floor(high), largest), smallest - 1) - smallest
        else:
            first, last = self._bins_of(np.array([low, high]))
        return float(self._histogram[first : last + 1].sum()) / self.count

    def _bins_of(self, values: np.ndarray) -> np.ndarray:
        """Returns each number's place in the histogram; places ascend as numbers do."""
        if self._is_short:
            return values if self.type_range[0] == 0 else values.astype(np.int64) - self.type_range[0]
        largest = np.finfo(np.float32).max
        bits = np.clip(values, -largest, largest).astype(np.float32).view(np.int32)
        # The bits of negative floats descend, so all but the sign are inverted.
        ascending = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)
        return (ascending.astype(np.int64) + 2**31) >> (32 - FLOAT_BITS)

    def _number_of(self, bin: int) -> float:
        if self._is_short:
            return bin + self.type_range[0]
        width = 2 ** (32 - FLOAT_BITS)
        middle = np.array([bin * width + width // 2 - 2**31], np.int64).astype(np.int32)
        found = np.where(middle < 0, middle ^ np.int32(0x7FFFFFFF), middle).astype(np.int32).view(np.float32)[0].item()
        return round(found) if self.is_integer else found

    def _keep_distinct(self, found: Collection[float]) -> None:
        self.values = sorted(found) if len(found) <= MAX_CLASSES + 1 else None


def type_name(dtype: np.dtype, bits: int) -> str:
    """Names a type, of which files use so many bits."""
    return dtype.name if bits == 8 * dtype.itemsize else f"{dtype.name} of {bits} bits"


def number(value: float) -> str:
    """Writes a number for people and for the command line: whole ones as such, others with five digits."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.5g}"
