"""Makes stacks as microscopes' programs write them."""

import pathlib

import numpy as np
import tifffile

OME = {
    "PhysicalSizeX": 0.25,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.5,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 1.5,
    "PhysicalSizeZUnit": "µm",
}


def numbers(shape, dtype=np.uint16, seed=0):
    """Draws an array that has no two slices alike."""
    top = 2**16 if dtype == np.uint16 else 2**8
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def write_ome(path, values, axes="ZYX", **metadata):
    """Writes an OME-TIFF with the sizes of OME."""
    tifffile.imwrite(path, values, ome=True, metadata={"axes": axes, **OME, **metadata})


def make_stacks(folder: pathlib.Path, count=4, depth=6, side=32, target=lambda a: 65535 - a) -> pathlib.Path:
    """Makes A/ and B/ with a few OME-TIFF stacks each; B is what `target` makes of A's array."""
    for number in range(count):
        a = numbers((depth, side // 8, side // 8), seed=number).repeat(8, 1).repeat(8, 2)
        for name, values in (("A", a), ("B", target(a))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_ome(folder / name / f"cell{number}.ome.tif", values, Channel={"Name": ["DAPI & more"]})
    return folder
