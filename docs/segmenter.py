"""Trains the segmentation network that docs/recipes.md scores generated facades with: photo to labels.

    .venv/bin/python docs/segmenter.py FACADES WEIGHTS 128 30 models/segmenter-128

FACADES is the data set's folder, WEIGHTS the one of docs/efficientnet.py; the numbers are the image size and the
epochs. The network is EfficientNet-Lite0, trained on ImageNet, and a U-Net's way up. It learns from the photos and
labels of train/ and is saved as the SavedModel that `--segmenter` takes. Its scores on val/, which are printed, are
those of real photos: what a perfect generator would get.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from efficientnet import efficientnet
from keras import layers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.images.image_format import ImageFormat
from pipelines.images.label_colors import PALETTES
from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import Pairs, open_pairs
from tfpix2pix.quality.segmentation import confusions, labels_of, scores

BATCH_SIZE = 8
PALETTE = PALETTES["facades"]
# Photos are enlarged to twice their size first, up to this: the network's lowest level is a 32nd of a side.
MAX_SIDE = 256


def main(facades: str, weights: str, size: int, epochs: int, output: str) -> None:
    """Trains, prints the scores on val, saves."""
    keras.utils.set_random_seed(0)
    train = open_split(pathlib.Path(facades) / "train", size * 5 // 4)
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
    network = make_network(size, efficientnet(pathlib.Path(weights)), epochs * steps_per_epoch)
    network.fit(
        batches.map(lambda photo, labels: (other_light(photo), labels_of(labels, PALETTE))),
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
    return open_pairs(folder, PairFormat("AtoB", (size, size), ImageFormat(), nearest), cache_mib=2048)


def other_light(photos: tf.Tensor) -> tf.Tensor:
    """Changes brightness, contrast and saturation at random, so that 400 photos teach more."""
    photos = tf.image.random_brightness(photos, 0.3)
    photos = tf.image.random_contrast(photos, 0.7, 1.4)
    return tf.clip_by_value(tf.image.random_saturation(photos / 2 + 0.5, 0.5, 1.5) * 2 - 1, -1, 1)


def make_network(size: int, backbone: keras.Model, steps: int) -> keras.Model:
    """Returns a network with one logit for each class at each pixel, compiled for so many steps."""
    photos = keras.Input((size, size, 3))
    side = max(size, min(2 * size, MAX_SIDE))
    *skips, x, _ = backbone(layers.Resizing(side, side)(photos))
    for skip, filters in zip(reversed(skips), (96, 64, 48, 32), strict=True):
        x = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), skip])
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(x)
    # At half the enlarged size, which is the photos' own up to 128.
    logits = layers.Resizing(size, size)(layers.Conv2D(len(PALETTE.classes), 1)(x))
    network = keras.Model(photos, logits)
    network.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=5e-4, warmup_steps=steps // 10), 0.01
        ),
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
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
