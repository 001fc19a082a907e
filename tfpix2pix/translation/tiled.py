"""Translates a picture of any size tile by tile, in memory that does not depend on its height."""

import dataclasses
import math
import struct
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.size import Size
from pipelines.images.tiling import Tiling, Window
from pipelines.system.terminal import print_warning, progress_bar
from tfpix2pix.translation.shared_statistics import TileNetwork, merged, spread

# Statistics come from groups of so many pixels of tiles, at most so many groups. These do not depend on the memory at
# hand, and so the result does not. No more are translated at a time.
GROUP_PIXELS = 2**21
MAX_GROUPS = 8
# Pixels of the picture that are read at a time: more than are translated, because files in strips decode whole rows.
STRIP_PIXELS = 2**22
# Pixels of the result that are converted to the numbers of a file at a time.
WRITTEN_PIXELS = 2**20

# What a canvas keeps: side of a tile, overlap, then the statistics as float32.
STATE_HEAD = struct.Struct("<II")


class Picture(Protocol):
    """A picture that can be read by windows.

    Attributes:
      shape: (height, width).
    """

    shape: Size

    def read(self, window: Window) -> np.ndarray:
        """Returns a window (top, left, height, width), `(height, width, C)` float32 in [0, 1]."""


class Canvas(Protocol):
    """What takes the rows of a result, from the first to the last."""

    @property
    def rows_done(self) -> int:
        """Rows that have been written, also by a process that was stopped."""

    @property
    def state(self) -> bytes:
        """Bytes that `restart` was given; empty at first."""

    def restart(self, state: bytes) -> None:
        """Forgets all rows, and keeps these bytes beside those that will come."""

    def write_rows(self, top: int, numbers: np.ndarray) -> None:
        """Takes rows `(h, W, C)`, the numbers of a file; `top` is `rows_done`."""


def translate_tiled(
    network: TileNetwork,
    picture: Picture,
    canvas: Canvas,
    tiling: Tiling,
    numbers: Callable[[tf.Tensor], np.ndarray],
    pixels_at_once: int = 2**20,
) -> None:
    """Translates a picture onto a canvas.

    A picture that fits one tile is translated as a whole image. Otherwise a first pass measures the statistics that all
    tiles share, if the network needs them, and the second translates row by row of tiles. Where tiles overlap, they are
    blended. A canvas that has rows already is continued with the statistics of its beginning. Where memory runs out,
    tiles are halved, and the picture is started again.

    Args:
      network: the generator.
      picture: what is translated.
      canvas: takes the result.
      tiling: of the picture.
      numbers: turns a part of the result, `(h, w, target_channels)` in [-1, 1], into the numbers of a file, such as
        `ResultFormat.numbers`.
      pixels_at_once: pixels of tiles that the network translates at a time, if that is at least one tile.

    Raises:
      tf.errors.ResourceExhaustedError: memory runs out, and tiles cannot be halved.
    """
    group_pixels = GROUP_PIXELS
    pixels_at_once = min(pixels_at_once, GROUP_PIXELS)
    while True:
        try:
            known = _known(canvas.state, tiling)
            if known is None:
                statistics = _statistics(network, picture, tiling, group_pixels)
                canvas.restart(STATE_HEAD.pack(tiling.tile, tiling.overlap) + statistics.tobytes())
            else:
                tiling, statistics = known
            if canvas.rows_done < tiling.shape[0]:
                _translate_rows(network, picture, canvas, tiling, statistics, numbers, pixels_at_once)
            return
        except (tf.errors.ResourceExhaustedError, MemoryError):
            half = tiling.tile // 2
            if half % tiling.step or half < max(tiling.step, 2 * tiling.overlap):
                raise
            print_warning(f"tiles of {tiling.tile} need more memory than there is; starting again with {half}")
            tiling = dataclasses.replace(tiling, tile=half)
            group_pixels //= 4
            pixels_at_once = half**2
            canvas.restart(b"")


def _known(state: bytes, tiling: Tiling) -> tuple[Tiling, np.ndarray] | None:
    """Returns tiles and statistics, `(2, K)`, with which a canvas was begun; None if it was not."""
    if len(state) < STATE_HEAD.size or (len(state) - STATE_HEAD.size) % 8:
        return None
    tile, overlap = STATE_HEAD.unpack_from(state)
    statistics = np.frombuffer(state, np.float32, offset=STATE_HEAD.size).reshape(2, -1)
    return dataclasses.replace(tiling, tile=tile, overlap=overlap), statistics


def _statistics(network: TileNetwork, picture: Picture, tiling: Tiling, group_pixels: int) -> np.ndarray:
    """Returns the statistics that the tiles share, `(2, K)`; K is 0 if there are none."""
    if not network.has_statistics or tiling.count == 1:
        return np.zeros((2, 0), np.float32)
    size = max(1, group_pixels // math.prod(tiling.tile_shape))
    places = list(spread(len(tiling.tops), len(tiling.lefts), MAX_GROUPS * size))
    groups = np.array_split(np.array(places), -(-len(places) // size))
    parts = []
    for group in progress_bar(groups, "measuring", len(groups)):
        tiles = np.stack([tiling.read(picture.read, row, [column]) for row, column in group.tolist()])
        parts.append(np.asarray(network.measure(transforms.normalize(tf.constant(tiles)))))
    return merged(parts, [len(group) for group in groups])


def _translate_rows(
    network: TileNetwork,
    picture: Picture,
    canvas: Canvas,
    tiling: Tiling,
    statistics: np.ndarray,
    numbers: Callable[[tf.Tensor], np.ndarray],
    pixels_at_once: int,
) -> None:
    """Translates the rows that the canvas does not have yet."""
    height, width = tiling.tile_shape
    # The rows of tiles that reach below what is done: also those from which only the blending remains.
    rows = [i for i, top in enumerate(tiling.tops) if top + height > canvas.rows_done + tiling.offset[0]]
    shared = tf.constant(statistics) if statistics.size else None
    band = None
    total = len(rows) * len(tiling.lefts)
    tiles = _tiles(network, picture, tiling, rows, shared, max(1, pixels_at_once // (height * width)))
    for row, column, generated in progress_bar(tiles, "tiles", total):
        if band is None:
            band = np.zeros((height, tiling.frame[1], generated.shape[-1]), np.float32)
        left = tiling.lefts[column]
        band[:, left : left + width] += generated * tiling.weights(row, column)
        if column + 1 < len(tiling.lefts):
            continue
        # No later tile reaches the rows above the next row of tiles.
        end = tiling.tops[row + 1] if row + 1 < len(tiling.tops) else tiling.frame[0]
        final = end - tiling.tops[row]
        _write(canvas, tiling, band[:final], tiling.tops[row] - tiling.offset[0], numbers)
        band[: height - final] = band[final:]
        band[height - final :] = 0


def _tiles(
    network: TileNetwork,
    picture: Picture,
    tiling: Tiling,
    rows: list[int],
    statistics: tf.Tensor | None,
    batch_size: int,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields (row, column, translated tile) from the top left to the bottom right."""
    height, width = tiling.tile_shape
    for row in rows:
        columns = list(range(len(tiling.lefts)))
        while columns:
            first = tiling.lefts[columns[0]]
            end = first + max(STRIP_PIXELS // height, width)
            some = [column for column in columns if tiling.lefts[column] + width <= end]
            strip = tiling.read(picture.read, row, some)
            for i in range(0, len(some), batch_size):
                batch = some[i : i + batch_size]
                begins = [tiling.lefts[column] - first for column in batch]
                tiles = tf.stack([strip[:, begin : begin + width] for begin in begins])
                for column, image in zip(batch, network.generate(transforms.normalize(tiles), statistics), strict=True):
                    yield row, column, np.asarray(image)
            columns = columns[len(some) :]


def _write(
    canvas: Canvas, tiling: Tiling, band: np.ndarray, top: int, numbers: Callable[[tf.Tensor], np.ndarray]
) -> None:
    """Writes what the canvas does not have of a band whose first row is `top` of the picture."""
    height, width = tiling.shape
    left = tiling.offset[1]
    some = max(1, WRITTEN_PIXELS // width)
    end = min(top + len(band), height)
    for row in range(max(canvas.rows_done, top, 0), end, some):
        part = band[row - top : min(row + some, end) - top, left : left + width]
        canvas.write_rows(row, numbers(tf.constant(part)))
