"""Draws pictures as from a microscope, bright cells in noise, beside masks of the cells: 60 train and 8 val pairs.

    python docs/cells.py cells

A pair is a file of 500x1400 pixels, the picture left and its mask right. A cell is 6 to 12 pixels in radius; dust is as
bright, but smaller, and is not in the mask.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

SHAPE = (500, 700)
# Half a side of the square in which a cell is drawn.
REACH = 14


def pair(rng: np.random.Generator) -> np.ndarray:
    """Draws one pair, `(500, 1400)` uint8."""
    light, mask = np.zeros(SHAPE), np.zeros(SHAPE, bool)
    for number in range(100):
        radius = rng.uniform(6, 12) if number < 40 else rng.uniform(1, 3)
        row, column = rng.integers(0, np.array(SHAPE) - 2 * REACH)
        rows, columns = np.mgrid[: 2 * REACH, : 2 * REACH] - REACH + rng.uniform(0, 1)
        distance, place = np.hypot(rows, columns), np.s_[row : row + 2 * REACH, column : column + 2 * REACH]
        light[place] = np.maximum(light[place], rng.uniform(0.5, 0.9) * np.clip(radius - distance + 1, 0, 1))
        mask[place] |= (distance <= radius) & (number < 40)
    picture = np.clip(0.1 + light + rng.normal(0, 0.1, SHAPE), 0, 1)
    return np.hstack([np.round(255 * picture), 255 * mask]).astype(np.uint8)


def main() -> None:
    """Writes `train` and `val` into the folder that the command line names."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 60), ("val", 8)):
        folder = pathlib.Path(sys.argv[1]) / split
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.fromarray(pair(rng)).save(folder / f"{i:02}.png")


if __name__ == "__main__":
    main()
