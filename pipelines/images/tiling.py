"""Divides a picture into tiles that overlap, and gives each tile weights that sum to one over all tiles; NumPy only."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.images.formats.raster import Window
from pipelines.images.size import Size, next_multiple
from pipelines.system.terminal import InputError


@dataclasses.dataclass(frozen=True)
class Tiling:
    """Tiles over a picture, in rows and columns.

    The picture is reflected at its edges up to multiples of `step`, as `fit.reflect` does; this is the frame. Tiles lie
    in the frame, `tile - overlap` apart, and the last one of a row or column is moved back inside. A side of the frame
    that is shorter than a tile is the tile's side.

    Attributes:
      shape: (height, width) of the picture.
      tile: side of a tile in pixels, a multiple of `step`.
      overlap: pixels that neighbors have in common, at most half a tile. 0: tiles meet without blending.
      step: 2^depth of the network.

    Raises:
      InputError: tile or overlap does not fit.
    """

    shape: Size
    tile: int
    overlap: int
    step: int

    def __post_init__(self) -> None:
        check_tile(self.tile, self.overlap, self.step)

    @property
    def frame(self) -> Size:
        """(height, width) of the reflected picture."""
        return next_multiple(self.shape, self.step)

    @property
    def offset(self) -> Size:
        """(top, left) of the picture in the frame."""
        top, left = (-side % self.step // 2 for side in self.shape)
        return top, left

    @property
    def tile_shape(self) -> Size:
        """(height, width) of all tiles."""
        height, width = (min(self.tile, side) for side in self.frame)
        return height, width

    @functools.cached_property
    def tops(self) -> list[int]:
        """First row of each row of tiles in the frame."""
        return _starts(self.frame[0], self.tile_shape[0], self.overlap)

    @functools.cached_property
    def lefts(self) -> list[int]:
        """First column of each column of tiles in the frame."""
        return _starts(self.frame[1], self.tile_shape[1], self.overlap)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.tops) * len(self.lefts)

    @functools.cached_property
    def row_weights(self) -> np.ndarray:
        """Weights along the height, `(rows of tiles, height of a tile)` float32."""
        return _weights(self.tops, self.tile_shape[0], self.overlap)

    @functools.cached_property
    def column_weights(self) -> np.ndarray:
        """Weights along the width, `(columns of tiles, width of a tile)` float32."""
        return _weights(self.lefts, self.tile_shape[1], self.overlap)

    def weights(self, row: int, column: int) -> np.ndarray:
        """Returns the weights of one tile, `(height, width, 1)` float32; those of all tiles sum to 1 at each pixel."""
        return self.row_weights[row][:, np.newaxis, np.newaxis] * self.column_weights[column][:, np.newaxis]

    def read(self, read: Callable[[Window], np.ndarray], row: int, columns: Sequence[int]) -> np.ndarray:
        """Reads the strip of the frame that neighboring tiles of a row cover, reflected beyond the picture.

        Args:
          read: returns a window of the picture, `(h, w, C)`.
          row: of the tiles.
          columns: of the tiles, in order.

        Returns:
          `(height of a tile, w, C)`; tile i begins at column `lefts[columns[i]] - lefts[columns[0]]`.
        """
        height, width = self.tile_shape
        first = self.lefts[columns[0]]
        rows = reflected(self.shape[0], self.step)[self.tops[row] :][:height]
        places = reflected(self.shape[1], self.step)[first : self.lefts[columns[-1]] + width]
        top, left = int(rows.min()), int(places.min())
        part = read((top, left, int(rows.max()) + 1 - top, int(places.max()) + 1 - left))
        return _taken(_taken(part, rows - top, 0), places - left, 1)


def check_tile(tile: int, overlap: int, step: int) -> None:
    """Raises InputError if tile is not a multiple of `step`, or overlap is more than half of it."""
    if tile < 1 or tile % step:
        below, above = tile // step * step, (tile // step + 1) * step
        nearest = f"the nearest are {below} and {above}" if below > 0 else f"the smallest is {step}"
        raise InputError(f"tile={tile}: this network takes multiples of {step}; {nearest}")
    if not 0 <= 2 * overlap <= tile:
        raise InputError(f"overlap={overlap} does not fit tile={tile}; give 0 to {tile // 2}, or a larger tile")


def reflected(count: int, step: int) -> np.ndarray:
    """Returns which row, or column, of a picture stands at each place of the frame, as in `fit.reflect`."""
    room = -count % step
    period = max(2 * (count - 1), 1)
    places: np.ndarray = np.arange(-(room // 2), count + room - room // 2) % period
    return np.where(places < count, places, period - places)


def _taken(image: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Takes rows or columns; copies nothing if they are all, in order."""
    is_all = len(places) == image.shape[axis] and (places == np.arange(len(places))).all()
    return image if is_all else np.take(image, places, axis)


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    if side == tile:
        return [0]
    return [*range(0, side - tile, tile - overlap), side - tile]


def _weights(starts: list[int], tile: int, overlap: int) -> np.ndarray:
    """Returns the weights of tiles along one axis.

    Over the middle `overlap` pixels of what two neighbors have in common, a half cosine rises from 0 to 1. A tile's
    weight is the rise at its beginning minus the rise at its end: all weights sum to 1 however tiles lie.
    """
    middles = np.array([(start + following + tile) / 2 for start, following in itertools.pairwise(starts)])
    pixels = np.array(starts)[:, np.newaxis] + np.arange(tile) + 0.5

    def rise(middle: np.ndarray) -> np.ndarray:
        if not overlap:
            return (pixels >= middle[:, np.newaxis]).astype(np.float64)
        share = np.clip((pixels - middle[:, np.newaxis]) / overlap + 0.5, 0, 1)
        return 0.5 - 0.5 * np.cos(np.pi * share)

    return (rise(np.append(-np.inf, middles)) - rise(np.append(middles, np.inf))).astype(np.float32)
