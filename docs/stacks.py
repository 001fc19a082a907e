"""Draws what docs/stacks.md measures: stacks whose answer lies in the neighbors of a slice, and large empty ones.

    python docs/stacks.py draw stacks
    python docs/stacks.py empty 2048 large.npy

`draw` makes `stacks/A` and `stacks/B`, OME-TIFF of 16 bits, 512x512: 200 slices to train, 20 to validate. A slice of A
is smooth noise that has nothing to do with the next one; a slice of B is the mean of A's two slices beside it. `empty`
makes a stack of so many slices of 1024x1024 of 16 bits, zeros, which take no room on the disk.
"""

import pathlib
import sys

import numpy as np
import tifffile

SIDE = 512
DEPTHS = {"train": 200, "val": 20}
METADATA = {
    "axes": "ZYX",
    "PhysicalSizeX": 0.2,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.2,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 1.5,
    "PhysicalSizeZUnit": "µm",
    "Channel": {"Name": ["DAPI"]},
}


def noise(random: np.random.Generator) -> np.ndarray:
    """Returns smooth noise of mean 0 and deviation 1, `(SIDE, SIDE)`."""
    y, x = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    # A Gaussian of 4 pixels.
    blurred = np.fft.irfft2(
        np.fft.rfft2(random.normal(size=(SIDE, SIDE))) * np.exp(-2 * (4 * np.pi) ** 2 * (y**2 + x**2))
    )
    return (blurred - blurred.mean()) / blurred.std()


def draw(folder: pathlib.Path) -> None:
    """Draws both sides."""
    random = np.random.default_rng(0)
    for split, depth in DEPTHS.items():
        a = np.stack([np.clip(32768 + 8000 * noise(random), 0, 65535) for _ in range(depth)]).astype(np.uint16)
        # Reflected at the ends, as --source_context does.
        around = np.pad(a, ((1, 1), (0, 0), (0, 0)), "reflect").astype(np.uint32)
        b = ((around[:-2] + around[2:]) // 2).astype(np.uint16)
        for side, values in (("A", a), ("B", b)):
            path = folder / side / split / "noise.ome.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, values, ome=True, metadata=METADATA)


def empty(depth: int, path: pathlib.Path) -> None:
    """Makes a stack of zeros."""
    np.lib.format.open_memmap(path, "w+", np.uint16, (depth, 1024, 1024)).flush()


if __name__ == "__main__":
    if sys.argv[1] == "draw":
        draw(pathlib.Path(sys.argv[2]))
    else:
        empty(int(sys.argv[2]), pathlib.Path(sys.argv[3]))
