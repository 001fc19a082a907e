"""Draws a large TIFF, and measures a command: the commands of docs/large-pictures.md.

python docs/large_picture.py draw 20000 large.tif            20,000×20,000, tiles, deflate; some 850 MiB
python docs/large_picture.py copy large.tif copy.tif         reads it in tiles, writes it row by row, as translate does
python docs/large_picture.py measure python -m tfpix2pix.translate --input=large.tif ...
"""

import pathlib
import resource
import subprocess
import sys
import time

import numpy as np

from pipelines.images import result_format
from pipelines.images.formats.row_encoders import Rows, write_tiff
from pipelines.images.image_format import ImageFormat
from pipelines.storage.canvas import Canvas
from pipelines.storage.picture import open_picture

TILE, OVERLAP = 512, 64
# Rows that are written at a time.
WRITTEN = 56


def draw(side: int, path: pathlib.Path) -> None:
    """Writes waves, blocks and some noise: (side, side) in RGB."""
    x = np.arange(side, dtype=np.float32)[None]

    def read(top: int, bottom: int) -> np.ndarray:
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        gray = 120 + 60 * (np.sin(y / 97) + np.cos(x / 61)) + 10 * ((x // 40 + y // 60) % 5)
        noise = np.random.default_rng(top).integers(0, 8, gray.shape)
        return np.stack(
            [(each).clip(0, 255).astype(np.uint8) for each in (gray + noise, gray[:, ::-1], 255 - gray)], -1
        )

    write_tiff(path, Rows((side, side, 3), np.uint8, read))


def copy(source: pathlib.Path, path: pathlib.Path) -> None:
    """Reads overlapping tiles, which are not used, and writes rows."""
    form = result_format.choose("tif", ImageFormat(), "uint8")
    with open_picture(source, ImageFormat()) as picture, Canvas(path, picture.shape, form) as canvas:
        height, width = picture.shape
        for top in range(0, height, TILE - OVERLAP):
            for left in range(0, width, TILE - OVERLAP):
                picture.read((top, left, min(TILE, height - top), min(TILE, width - left)))
            for row in range(top, min(top + TILE - OVERLAP, height), WRITTEN):
                rows = min(WRITTEN, height - row, top + TILE - OVERLAP - row)
                canvas.write_rows(row, np.round(picture.read((row, 0, rows, width)) * 255).astype(np.uint8))
        canvas.finish()


def measure(command: list[str]) -> int:
    """Runs a command; prints its time and the most memory that it had at once."""
    start = time.monotonic()
    code = subprocess.call(command)  # noqa: S603  # what the user typed
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{time.monotonic() - start:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor, "
        f"{used.ru_maxrss / 1024:.0f} MiB"
    )
    return code


if __name__ == "__main__":
    if sys.argv[1] == "draw":
        draw(int(sys.argv[2]), pathlib.Path(sys.argv[3]))
    elif sys.argv[1] == "copy":
        copy(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(measure(sys.argv[2:]))
