"""Measures for which kinds of TFLite files, norms and sizes LiteRT's resize_tensor_input works; prints a table.

    python docs/sizes_in_litert.py

A U-Net of 64×64, width 8, depth 5, with weights drawn at random: it gives pictures with the full range of contrasts,
which untrained weights do not. Each file is converted at 64×64 and resized. The figures are the PSNR against Keras.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import keras
import numpy as np

from export.formats.litert import CONVERSIONS, Runner, convert
from export.formats.parity import psnr
from tfpix2pix.networks.generators.unet import unet

NORMS = (("batch", "image"), ("batch", "moving"), ("instance", "image"), ("none", "image"))
NATIVE = (64, 64)
SIZES = (NATIVE, (32, 96), (160, 128))


def picture(size: tuple[int, int], seed: int) -> np.ndarray:
    """Draws blocks of 8×8 pixels, `(*size, 3)` in [-1, 1]."""
    blocks = np.random.default_rng(seed).uniform(-1, 1, (size[0] // 8, size[1] // 8, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.float32)


def network(norm: str, statistics: str) -> keras.Model:
    """Builds a generator for any size, whose layers keep the variance of what they are given."""
    generator = unet((None, None), width=8, depth=5, norm=norm, norm_statistics=statistics, products=False)
    rng = np.random.default_rng(0)
    for variable in generator.variables:
        if "kernel" in variable.path:
            variable.assign(rng.normal(0, 1.4 / np.sqrt(np.prod(variable.shape[:3])), variable.shape))
        elif "variance" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return generator


def main() -> None:
    """Prints a row for each norm, a column for each kind, and in each cell a figure for each size."""
    print(f"| norm | {' | '.join(CONVERSIONS)} |\n|{'---|' * (len(CONVERSIONS) + 1)}")
    for norm, statistics in NORMS:
        generator = network(norm, statistics)
        typical = [picture(NATIVE, seed) for seed in range(1, 9)]
        cells = []
        for _, file in convert(generator, NATIVE, CONVERSIONS, typical, {"any_size": True}):
            translate = Runner(file, os.cpu_count() or 1)
            sources = [picture(size, 0) for size in SIZES]
            figures = [
                psnr(generator(source[None], training=False)[0].numpy(), translate(source)) for source in sources
            ]
            cells.append(", ".join(f"{figure:.0f}" for figure in figures))
        name = f"batch, {statistics}" if norm == "batch" else norm
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
