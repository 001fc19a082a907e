"""Draws the data sets of docs/data.md, "More than 8 bits": python docs/deep_pictures.py FOLDER.

FOLDER/gray    side-by-side TIFF of 16 bits: a smooth field, and a smooth function of it
FOLDER/bands   A/: TIFF of 12 bands, 0 to 10000; B/: TIFF of floats, degrees from -20 to 40
"""

import pathlib
import sys

import numpy as np
import tifffile

SIDE = 64
SPLITS = (("train", 200), ("val", 20))


def field(rng: np.random.Generator) -> np.ndarray:
    """Returns a sum of six waves, `(SIDE, SIDE)` in [0, 1]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    waves = np.zeros((SIDE, SIDE))
    for _ in range(6):
        along_y, along_x = rng.uniform(-3, 3, 2)
        waves += rng.normal() * np.cos(2 * np.pi * (along_y * y + along_x * x) + rng.uniform(0, 2 * np.pi))
    waves -= waves.min()
    return waves / waves.max()


def write_gray(folder: pathlib.Path) -> None:
    """Writes pairs in which neighboring levels of 8 bits would be 257 apart."""
    rng = np.random.default_rng(0)
    for split, count in SPLITS:
        (folder / split).mkdir(parents=True)
        for i in range(count):
            source = field(rng)
            low, high = sorted(rng.uniform(0, 1, 2))
            if high - low > 0.2:
                # Not every picture uses the whole range.
                source = low + (high - low) * source
            target = 0.1 + 0.8 * source**2 * (3 - 2 * source)
            pair = np.concatenate([source, target], axis=1)
            tifffile.imwrite(folder / split / f"{i:03d}.tif", np.round(pair * 65535).astype(np.uint16))


def write_bands(folder: pathlib.Path) -> None:
    """Writes 12 bands that mix three fields, and a temperature that follows from these."""
    rng = np.random.default_rng(1)
    mix = rng.uniform(0, 1, (3, 12))
    mix /= mix.sum(0)
    for split, count in SPLITS:
        for side in "AB":
            (folder / side / split).mkdir(parents=True)
        for i in range(count):
            fields = np.stack([field(rng) for _ in range(3)], axis=-1)
            bands = np.round(10000 * fields @ mix).astype(np.uint16)
            degrees = -20 + 60 * (0.6 * fields[..., 0] + 0.4 * fields[..., 1] * fields[..., 2])
            planes = np.moveaxis(bands, -1, 0)
            tifffile.imwrite(
                folder / "A" / split / f"{i:03d}.tif", planes, photometric="minisblack", metadata={"axes": "CYX"}
            )
            tifffile.imwrite(folder / "B" / split / f"{i:03d}.tif", degrees.astype(np.float32))


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    write_gray(root / "gray")
    write_bands(root / "bands")
