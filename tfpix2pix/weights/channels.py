"""Maps the channels of one axis of a tensor to those of another network: features to features, colors to colors.

The channels of images are colors. Gray is RGB with three equal channels:

- An input that becomes gray sums what R, G and B had; one that becomes RGB splits what gray had by luminance.
- An output that becomes gray weights R, G and B by luminance; one that becomes RGB repeats gray.
- Alpha is taken as alpha. Classes, and channels above four, are taken only if their number stays.
"""

import dataclasses

import numpy as np

from pipelines.images.transforms import LUMINANCE

RGB, GRAY = 3, 1
MAX_COLORS = 4


@dataclasses.dataclass(frozen=True)
class Side:
    """The channels of the source or of the target, and whether they are classes."""

    channels: int
    has_labels: bool = False


@dataclasses.dataclass(frozen=True)
class Channels:
    """Describes the two sides that a generator translates between."""

    source: Side
    target: Side


@dataclasses.dataclass(frozen=True)
class Block:
    """How a range of one axis comes from a range of the given one.

    Attributes:
      there: where the given range begins; None if there is none.
      old: its length.
      new: the length here.
      matrix: (new, old); None: the first channels are those of the given network.
      stays: whether all of it keeps its random start.
    """

    there: int | None
    old: int
    new: int
    matrix: np.ndarray | None = None
    stays: bool = False

    def of(self, given: np.ndarray, axis: int) -> np.ndarray:
        """Maps this range of the given array; what the given array does not have is 0."""
        shape = [*given.shape]
        shape[axis] = self.new
        if self.there is None:
            return np.zeros(shape, np.float32)
        part = np.moveaxis(given, axis, 0)[self.there : self.there + self.old]
        if self.matrix is not None:
            mapped = np.tensordot(self.matrix, part.astype(np.float64), 1)
        else:
            mapped = np.zeros((self.new, *part.shape[1:]), np.float32)
            kept = min(self.old, self.new)
            mapped[:kept] = part[:kept]
        return np.moveaxis(mapped, 0, axis).astype(np.float32)

    def taken(self) -> np.ndarray:
        """Tells which channels here have something of the given ones."""
        if self.matrix is not None:
            return np.asarray(self.matrix.any(axis=1))
        return np.arange(self.new) < (0 if self.there is None else self.old)


def of_features(name: str, there: int, old: int, new: int) -> tuple[Block, list[str]]:
    """Maps the channels that layers make: the first ones are those of the given network.

    Args:
      name: `filters`, whose new ones keep their start, or `inputs`, whose new ones are 0.
      there: where they begin in the given network.
      old: their number there.
      new: their number here.

    Returns:
      The mapping, and words for what is not as it was.
    """
    if old == new:
        return Block(there, old, new), []
    rest = "start at 0" if name == "inputs" else "are new"
    words = f"the first {name}" if old > new else f"more {name}: the others {rest}"
    return Block(there, old, new), [words]


def of_sides(side: str, there: int, old: Side, new: Side, is_input: bool) -> tuple[Block, list[str]]:
    """Maps the channels of an image: colors to colors, and alpha to alpha.

    Args:
      side: `source` or `target`.
      there: where they begin in the given network.
      old: what they are there.
      new: what they are here.
      is_input: whether a layer takes them in, or makes them.

    Returns:
      The mapping, and words for what is not as it was.
    """
    if old.channels == new.channels:
        return Block(there, old.channels, new.channels), []
    change = f"{side}_channels {old.channels} to {new.channels}"
    if old.has_labels or new.has_labels or max(old.channels, new.channels) > MAX_COLORS:
        return Block(there, old.channels, new.channels, stays=True), [f"{change}: they do not mean the same"]
    colors = [RGB if channels >= RGB else GRAY for channels in (old.channels, new.channels)]
    matrix = np.zeros((new.channels, old.channels))
    if colors[0] == colors[1]:
        matrix[: colors[1], : colors[0]] = np.eye(colors[0])
        how = "colors as they were"
    elif colors[1] == GRAY:
        matrix[0, :RGB] = 1.0 if is_input else LUMINANCE
        how = "R, G and B summed" if is_input else "R, G and B by luminance"
    else:
        matrix[:RGB, 0] = LUMINANCE if is_input else 1.0
        how = "gray split by luminance" if is_input else "gray repeated"
    has_alpha = [channels % 2 == 0 for channels in (old.channels, new.channels)]
    if all(has_alpha):
        matrix[-1, -1] = 1.0
    elif has_alpha[1]:
        how += ", alpha starts at 0" if is_input else ", alpha is new"
    elif has_alpha[0]:
        how += ", without alpha"
    return Block(there, old.channels, new.channels, matrix), [f"{change}: {how}"]
