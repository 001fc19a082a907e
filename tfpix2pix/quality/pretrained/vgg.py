"""Computes VGG19's features (Simonyan and Zisserman 2015, arXiv 1409.1556), which the perceptual loss compares.

The network and its weights are those of keras.applications, trained on BGR from 0 to 255 less ImageNet's mean. Its
features are larger than those of torchvision's VGG19, which is trained on numbers near 1; so is a loss of them.
"""

import pathlib

import keras
import tensorflow as tf

from pipelines.system.terminal import InputError, reason
from tfpix2pix.quality.pretrained.rgb import rgb

# Those that pix2pixHD compares: the first after each of four halvings, each after its ReLU.
LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))


def check_file(file: str) -> None:
    """Raises InputError if a file of weights is named and is not there."""
    if file and not pathlib.Path(file).is_file():
        raise InputError(f"--vgg_weights={file} is not a file; give Keras' file of VGG19, or leave the flag out")


class Vgg19:
    """Computes the features of images, for the perceptual loss.

    Args:
      file: weights without top, that Keras wrote (`.h5` or `.weights.h5`); if empty, Keras fetches those of ImageNet,
        into its own folder (`~/.keras/models`).

    Raises:
      InputError: the file is not there or not one of these, or the weights cannot be fetched.
    """

    def __init__(self, file: str = ""):
        check_file(file)
        try:
            whole = keras.applications.VGG19(
                include_top=False, weights=file or "imagenet", input_shape=(None, None, 3), name="vgg19"
            )
        # Keras raises Exception itself where a download fails, and h5py anything for a file of something else.
        except Exception as error:
            what = f"--vgg_weights={file} cannot be read as VGG19 without top" if file else "VGG19 cannot be fetched"
            remedy = "give Keras' file" if file else "give --vgg_weights=FILE"
            raise InputError(f"{what} ({reason(error)}); {remedy}, or perceptual_weight=0") from None
        self.network = keras.Model(whole.input, [whole.get_layer(name).output for name in LAYERS], name="vgg19")
        self.network.trainable = False

    def __call__(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Maps images `(N, H, W, C)` in [-1, 1], of 1 to 4 channels and sides of 16 or more, to the features."""
        levels = (rgb(images) + 1.0) * 127.5
        return self.network(keras.applications.vgg19.preprocess_input(levels), training=False)
