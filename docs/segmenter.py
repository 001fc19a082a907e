"""Trains the small segmentation network that docs/recipes.md scores generated facades with: photo to labels.

    .venv/bin/python docs/segmenter.py FACADES 64 30 models/segmenter-64

The numbers are the size and the epochs. It is the project's own U-Net with a class for each label colour, trained on
the photos and labels of train/, and saved as the SavedModel that `--segmenter` takes. Its scores on val/ are printed:
what real photos reach.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.datasets.label_colors import PALETTES
from pipelines.images.pair_format import PairFormat
from pipelines.loader import train_dataset
from pipelines.pairs import open_pairs
from tfpix2pix.networks.choices import default_depth
from tfpix2pix.networks.generator import unet
from tfpix2pix.quality.segmentation import confusions, labels_of, scores

BATCH = 8
PALETTE = PALETTES["facades"]


def pairs_of(folder: pathlib.Path, size: int, load: int):
    """Photo as source, labels as target, resized so that label colours do not mix."""
    return open_pairs(folder, PairFormat("AtoB", (load, load), "nearest"), cache_mib=2048)


def main(facades: str, size: int, epochs: int, output: str) -> None:
    """Trains, prints the scores on val, saves."""
    keras.utils.set_random_seed(0)
    train = pairs_of(pathlib.Path(facades) / "train", size, size * 286 // 256)
    val = pairs_of(pathlib.Path(facades) / "val", size, size)
    steps = epochs * (len(train) // BATCH)
    batches = train_dataset(
        train, image_size=(size, size), flip=True, batch_size=BATCH, seed=0, first_step=0, last_step=steps
    ).map(lambda photo, labels: (photo, labels_of(labels, PALETTE)))

    trunk = unet((size, size), 3, 32, width=16, depth=default_depth((size, size)), norm_statistics="moving")
    logits = keras.layers.Conv2D(len(PALETTE.classes), 1)(trunk.output)
    network = keras.Model(trunk.input, logits)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(batches, verbose=2, steps_per_epoch=steps // epochs, epochs=epochs)

    confusion = np.zeros((len(PALETTE.classes),) * 2, np.int64)
    for photo, labels in train_dataset(
        val, image_size=(size, size), flip=False, batch_size=10, seed=0, first_step=0, last_step=len(val) // 10
    ):
        confusion += confusions(labels_of(labels, PALETTE), network(photo, training=False)).numpy().sum(0)
    print(scores(confusion))

    module = tf.Module()
    module.network = network
    spec = tf.TensorSpec((None, size, size, 3), tf.float32, name="images")
    module.logits = tf.function(lambda images: {"logits": network(images, training=False)}, input_signature=[spec])
    tf.saved_model.save(module, output, signatures={"serving_default": module.logits})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
