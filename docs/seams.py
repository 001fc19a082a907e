"""Measures the seams of tiles for docs/large-pictures.md: python docs/seams.py RUN PAIRS FIGURE.

RUN is a training's run directory, PAIRS a folder of side-by-side pairs of at least 256×256 a half, such as facades/val.
The source halves of 81 pairs, at their own scale, are put together to a picture of 2048×2048, which is translated as
a whole and in tiles. Tables are printed, and FIGURE shows the same place in several ways.
"""

import itertools
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.images.tiling import Tiling
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.translation.any_size import translate_any_size
from tfpix2pix.translation.shared_statistics import SharedStatistics, merged, spread
from tfpix2pix.translation.tiled import translate_tiled

HALF, ACROSS, SIDE = 256, 9, 2048
# Where the mosaic is cut, so that its own seams do not lie where tiles of 512 meet.
CUT = HALF // 2
TILE, OVERLAPS = 512, (0, 32, 64, 128, 256)
LEVELS = 127.5
# The part that is drawn: where the first four tiles meet.
CORNER, CELL = 362, 232
DRAWN = (
    "labels",
    "own statistics, not blended",
    "shared statistics, not blended",
    "one whole pass",
    "own statistics, blended",
    "shared statistics, blended",
)


class ArrayPicture:
    """A picture in memory, as `translate_tiled` reads it."""

    def __init__(self, image: np.ndarray):
        self.image, self.shape = image, image.shape[:2]

    def read(self, window: tuple[int, int, int, int]) -> np.ndarray:
        """Returns a window (top, left, height, width)."""
        top, left, height, width = window
        return self.image[top : top + height, left : left + width]


class ArrayCanvas:
    """A result in memory, as `translate_tiled` writes it."""

    def __init__(self) -> None:
        self.restart(b"")

    def restart(self, state: bytes) -> None:
        """Forgets all rows."""
        self.state, self.rows_done, self.parts = state, 0, []

    def write_rows(self, top: int, numbers: np.ndarray) -> None:
        """Takes the next rows."""
        self.parts.append(numbers)
        self.rows_done += len(numbers)


class OwnStatistics:
    """Tiles that are normalized each by itself."""

    has_statistics = False

    def __init__(self, network: SharedStatistics):
        self.network = network

    def generate(self, tiles: tf.Tensor, statistics: None) -> tf.Tensor:
        """Translates tiles as whole images."""
        return self.network.generate(tiles, statistics)


def mosaic(pairs: pathlib.Path, half: int) -> np.ndarray:
    """Returns halves of pairs side by side, `(SIDE, SIDE, 3)` in [0, 1]; `half` is 0 for the left ones."""
    files = sorted(path for path in pairs.iterdir() if path.suffix in (".jpg", ".png"))[: ACROSS**2]
    halves = [np.asarray(Image.open(path).convert("RGB"))[:HALF, half * HALF :][:, :HALF] for path in files]
    rows = [np.concatenate(halves[i : i + ACROSS], axis=1) for i in range(0, ACROSS**2, ACROSS)]
    return np.float32(np.concatenate(rows)[CUT : CUT + SIDE, CUT : CUT + SIDE]) / 255


def in_tiles(network: SharedStatistics | OwnStatistics, picture: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Translates a picture by its tiles, `(H, W, 3)` in [-1, 1]."""
    canvas = ArrayCanvas()
    translate_tiled(network, ArrayPicture(picture), canvas, tiling, np.asarray)
    return np.concatenate(canvas.parts)


def steps(image: np.ndarray, axis: int) -> np.ndarray:
    """Returns the mean absolute difference of each row, or column, from the next one, in levels of 255."""
    return LEVELS * np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))


def at_borders(image: np.ndarray, tiling: Tiling) -> float:
    """Returns the mean step where one tile becomes the next, as a share of the mean step of the whole image.

    That is the line between two tiles, or all lines over which they are blended.
    """
    found, everywhere = [], []
    for axis, starts in enumerate((tiling.tops, tiling.lefts)):
        along = steps(image, axis)
        everywhere.append(along.mean())
        for start, following in itertools.pairwise(starts):
            middle = (start + following + TILE) // 2
            half = tiling.overlap // 2
            found.append(along[middle - max(half, 1) : middle + half].mean())
    return float(np.mean(found) / np.mean(everywhere))


def draw(shown: dict[str, tuple[np.ndarray, int]], corner: int, path: str) -> None:
    """Draws the same part of several images, three in a row; marks the row and column where tiles meet."""
    margin, line = 6, 18
    rows = -(-len(shown) // 3)
    sheet = Image.new("RGB", (3 * (CELL + margin) + margin, rows * (CELL + line + margin) + margin), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (title, (image, border)) in enumerate(shown.items()):
        left, top = margin + i % 3 * (CELL + margin), margin + i // 3 * (CELL + line + margin) + line
        part = image[corner:, corner:][:CELL, :CELL]
        sheet.paste(Image.fromarray(np.uint8(np.round(LEVELS * (part + 1)))), (left, top))
        pen.text((left, top - line + 3), title, fill="black")
        if border:
            x, y = left + border - corner, top + border - corner
            pen.line((x, top - 5, x, top - 1), fill="red", width=2)
            pen.line((left - 5, y, left - 1, y), fill="red", width=2)
    sheet.quantize(256).save(path, optimize=True)


def print_groups(network: SharedStatistics, picture: np.ndarray, tiling: Tiling) -> None:
    """Prints how far statistics of some tiles, in groups, are from those of 16 tiles in one batch."""
    places = itertools.islice(spread(len(tiling.tops), len(tiling.lefts), tiling.count), 16)
    tiles = np.stack([2 * tiling.read(ArrayPicture(picture).read, row, [column]) - 1 for row, column in places])
    together = network.measure(tf.constant(tiles)).numpy()
    print("| tiles | in a group | mean, in standard deviations | standard deviation |")
    print("|---|---|---|---|")
    for count, size in ((16, 8), (16, 4), (16, 1), (8, 8), (4, 4)):
        parts = [network.measure(tf.constant(tiles[i : i + size])).numpy() for i in range(0, count, size)]
        found = merged(parts, [size] * len(parts))
        deviation = np.sqrt(together[1])
        means = np.abs(found[0] - together[0]) / deviation
        deviations = np.abs(np.sqrt(found[1]) / deviation - 1)
        print(f"| {count} | {size} | {means.mean():.1%} | {deviations.mean():.1%} |", flush=True)


def main(run_dir: str, pairs: str, figure: str) -> None:
    """Prints the tables, and draws the figure."""
    shown: dict[str, tuple[np.ndarray, int]] = {}
    print("| statistics | overlap | border excess | from the whole pass | from the photos | seconds |")
    print("|---|---|---|---|---|---|")
    for statistics in ("image", "moving"):
        generator, config, _ = load_generator(run_dir, "best", (None, None), statistics)
        is_reversed = config.direction == "BtoA"
        source = mosaic(pathlib.Path(pairs), int(is_reversed))
        target = 2 * mosaic(pathlib.Path(pairs), int(not is_reversed)) - 1
        step = config.multiple
        begin = time.monotonic()
        whole = translate_any_size(generator, tf.constant(2 * source[np.newaxis] - 1), step)[0].numpy()
        seconds = time.monotonic() - begin
        from_target = LEVELS * np.abs(whole - target).mean()
        print(f"| {statistics} | whole | | | {from_target:.1f} | {seconds:.0f} |", flush=True)
        if statistics == "image":
            shown |= {"labels": (2 * source - 1, 0), "one whole pass": (whole, 0)}
        shared = SharedStatistics(generator, (TILE, TILE))
        kinds = {"shared": shared, "own": OwnStatistics(shared)} if statistics == "image" else {"moving": shared}
        for (name, network), overlap in itertools.product(kinds.items(), OVERLAPS):
            if name != "shared" and overlap not in (0, 64, 256):
                continue
            tiling = Tiling((SIDE, SIDE), TILE, overlap, step)
            begin = time.monotonic()
            tiled = in_tiles(network, source, tiling)
            seconds = time.monotonic() - begin
            excess = at_borders(tiled, tiling) - at_borders(whole, tiling)
            from_whole, from_target = (LEVELS * np.abs(tiled - other).mean() for other in (whole, target))
            print(
                f"| {name} | {overlap} | {excess:+.1%} | {from_whole:.1f} | {from_target:.1f} | {seconds:.0f} |",
                flush=True,
            )
            if overlap in (0, 64) and name != "moving":
                title = f"{name} statistics, {'blended' if overlap else 'not blended'}"
                shown[title] = tiled, (tiling.lefts[1] + TILE) // 2
        if statistics == "image":
            groups = shared, source, Tiling((SIDE, SIDE), TILE, 64, step)
    draw({title: shown[title] for title in DRAWN}, CORNER, figure)
    print_groups(*groups)


if __name__ == "__main__":
    main(*sys.argv[1:])
