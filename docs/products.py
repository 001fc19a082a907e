"""Times the 4×4 convolutions of U-Net 256 and PatchGAN 70 by themselves: as matrix products and as convolutions.

    python docs/products.py 1,4,10              # batch sizes
    python docs/products.py 1,4,10 bfloat16

Forward and both gradients, in turns, the least of five in milliseconds. "Places" are those of the smaller grid, over
the batch: what MAX_PRODUCT_PLACES is about.
"""

import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tensorflow as tf

from tfpix2pix.devices.strategy import keep_freed_memory
from tfpix2pix.networks.layers import convolution
from tfpix2pix.networks.layers.convolution import DownConvolution, UnitStrideConvolution, UpConvolution

# Layer, side of its input, channels, filters.
LAYERS = [
    (DownConvolution, 64, 128, 256),
    (DownConvolution, 32, 256, 512),
    *((DownConvolution, side, 512, 512) for side in (16, 8, 4, 2)),
    (UpConvolution, 1, 512, 512),
    *((UpConvolution, side, 1024, 512) for side in (2, 4, 8)),
    (UpConvolution, 16, 1024, 256),
    (UpConvolution, 32, 512, 128),
    (UnitStrideConvolution, 31, 512, 1),
]
REPEATS = 5


def both_passes(layer, x):
    """Returns a function that runs a layer forward and backward."""

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return [y, *tape.gradient(y, [x, *layer.trainable_variables], 0.5 * y)]

    return run


def seconds(run):
    """Times a run until its results can be read."""
    start = time.perf_counter()
    for result in run():
        result.numpy()
    return time.perf_counter() - start


def main():
    """Prints a row for each layer and batch size."""
    sizes, *precision = sys.argv[1:]
    policy = f"mixed_{precision[0]}" if precision else "float32"
    keep_freed_memory()
    convolution.MAX_PRODUCT_PLACES = 10**9
    print("| layer | batch | places | product | convolution |\n|---|---|---|---|---|")
    for kind, side, channels, filters in LAYERS:
        for batch_size in map(int, sizes.split(",")):
            x = tf.random.normal((batch_size, side, side, channels))
            x = tf.cast(x, "bfloat16") if precision else x
            runs = [both_passes(kind(filters, False, products, dtype=policy), x) for products in (True, False)]
            for run in runs:
                run()
            times = [min(each) for each in zip(*([seconds(run) for run in runs] for _ in range(REPEATS)), strict=True)]
            places = batch_size * (side // 2 if kind is DownConvolution else side) ** 2
            name = f"{kind.__name__}, {side}×{side}, {channels} to {filters}"
            print(f"| {name} | {batch_size} | {places} | {1e3 * times[0]:.1f} | {1e3 * times[1]:.1f} |", flush=True)


main()
