"""Draws docs/fits.png: one picture through the same generator by pad, resize and tile.

    python docs/three_fits.py runs/facades data/facades/val docs/fits.png

The picture is put together of the label halves of facades, so it shows six of them at the scale of training.
"""

import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import tfpix2pix as p2p

run_dir, pairs, output = sys.argv[1:]
halves = [np.asarray(Image.open(file))[:, 256:] for file in sorted(pathlib.Path(pairs).glob("*.jpg"))[:6]]
picture = np.vstack([np.hstack(halves[:3]), np.hstack(halves[3:])])[:500, :700]
run = p2p.load_run(run_dir)
shown = {"source, 500×700": picture}
shown |= {f"--fit={fit}": run.translate(picture, fit=fit, tile=256, overlap=64) for fit in ("pad", "tile", "resize")}
figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
for axis, (title, image) in zip(axes.flat, shown.items(), strict=True):
    axis.imshow(image)
    axis.set_title(title, fontsize=10)
    axis.axis("off")
figure.savefig(output, dpi=70)
Image.open(output).convert("P", palette=Image.Palette.ADAPTIVE).save(output, optimize=True)
