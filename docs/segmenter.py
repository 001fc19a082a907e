"""Trains the small segmentation network that docs/recipes.md scores generated facades with: photo to labels.

    .venv/bin/python docs/segmenter.py FACADES 64 30 models/segmenter-64

FACADES is the data set's folder; the numbers are the image size and the epochs. The network is the project's own U-Net
with one class for each label color. It learns from the photos and labels of train/, and is saved as the SavedModel that
`--segmenter` takes. Its scores on val/, which are printed, are those of real photos.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.images.image_format import ImageFormat
from pipelines.images.label_colors import PALETTES
from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import Pairs, open_pairs
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.quality.segmentation import confusions, labels_of, scores

BATCH_SIZE = 8
PALETTE = PALETTES["facades"]


def main(facades: str, size: int, epochs: int, output: str) -> None:
    """Trains, prints the scores on val, saves."""
    keras.utils.set_random_seed(0)
    train = open_split(pathlib.Path(facades) / "train", size * 286 // 256)
    steps_per_epoch = len(train) // BATCH_SIZE
    batches = train_dataset(
        train,
        image_size=(size, size),
        flip=True,
        batch_size=BATCH_SIZE,
        seed=0,
        first_step=0,
        last_step=epochs * steps_per_epoch,
    )
    network = make_network(size, epochs * steps_per_epoch)
    network.fit(
        batches.map(lambda photo, labels: (photo, labels_of(labels, PALETTE))),
        verbose=2,
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
    )
    confusion = np.zeros((len(PALETTE.classes),) * 2, np.int64)
    for photo, labels in eval_dataset(open_split(pathlib.Path(facades) / "val", size), BATCH_SIZE):
        confusion += confusions(labels_of(labels, PALETTE), network(photo, training=False)).numpy().sum(0)
    print(scores(confusion))
    save(network, size, output)


def open_split(folder: pathlib.Path, size: int) -> Pairs:
    """Opens photos as sources and labels as targets, resized so that label colors do not mix."""
    nearest = ImageFormat(resize_method="nearest")
    return open_pairs(folder, PairFormat("AtoB", (size, size), nearest, nearest), cache_mib=2048)


def make_network(size: int, steps: int) -> keras.Model:
    """Returns a U-Net with one logit for each class at each pixel, compiled for so many steps."""
    trunk = unet((size, size), 3, 32, width=16, norm_statistics="moving")
    logits = keras.layers.Conv2D(len(PALETTE.classes), 1)(trunk.output)
    network = keras.Model(trunk.input, logits)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network


def save(network: keras.Model, size: int, output: str) -> None:
    """Writes the SavedModel: images in [-1, 1] to logits."""
    module = tf.Module()
    module.network = network
    spec = tf.TensorSpec((None, size, size, 3), tf.float32, name="images")
    module.logits = tf.function(lambda images: {"logits": network(images, training=False)}, input_signature=[spec])
    tf.saved_model.save(module, output, signatures={"serving_default": module.logits})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
