"""Measures what a picture takes of a served model's memory, for the table in serving.md.

    python docs/served_memory.py 16

Serves an untrained generator of this width, and sends pictures of 1, 4 and 9 megapixels. Linux only: reads /proc.
"""

import pathlib
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

from export.serving.servable import Servable
from pipelines.images.pair_format import PairFormat
from tfpix2pix.networks.generators.unet import unet


def memory(name: str) -> int:
    """Returns a line of /proc/self/status in bytes, such as VmRSS, or VmHWM, the peak."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def main(width: int) -> None:
    """Prints a line for each size."""
    form = PairFormat("AtoB", (256, 256), preprocess="crop", whole=True)
    servable = Servable(unet((None, None), width=width, depth=8), form, 256)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(servable, folder, signatures=servable.signatures())
        serve = tf.saved_model.load(folder).signatures["serving_default"]
        serve(image_bytes=tf.stack([tf.io.encode_png(tf.zeros((300, 300, 3), tf.uint8))]))
        for side in (1024, 2048, 3072):
            # Without noise, which no PNG makes smaller.
            blots = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
            pixels = np.kron(blots, np.ones((side // 64, side // 64, 1)))
            png = tf.io.encode_png(tf.constant(pixels, tf.uint8))
            before = memory("VmRSS")
            pathlib.Path("/proc/self/clear_refs").write_text("5")
            start = time.perf_counter()
            serve(image_bytes=tf.stack([png]))
            seconds = time.perf_counter() - start
            taken = memory("VmHWM") - before
            print(
                f"width {width}, {side}x{side}: {taken / 2**20:.0f} MiB, {taken / side**2:.0f} bytes a pixel, "
                f"{seconds:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]))
