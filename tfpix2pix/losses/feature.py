"""Compares what networks see in generated images and in their targets: one number for each image, `(N,)`."""

from collections.abc import Sequence

import tensorflow as tf

from tfpix2pix.losses.pixel import l1

# Of VGG19's five layers, the first one the least (pix2pixHD's VGGLoss).
PERCEPTUAL_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def feature_matching(targets: Sequence[Sequence[tf.Tensor]], generated: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    """Computes the L1 between the discriminator's features, `(N,)` (Wang et al. 2018, equation 4).

    As in pix2pixHD's code it is four times the mean over layers, and the mean over scales.

    Args:
      targets: one list of features `(N, h, w, C)` a scale; they count as constants.
      generated: the same of generated images.
    """
    scales = [
        sum(l1(tf.stop_gradient(t), g) for t, g in zip(*layers, strict=True)) * (4.0 / len(layers[0]))
        for layers in zip(_wide(targets), _wide(generated), strict=True)
    ]
    return tf.add_n(scales) / len(scales)


def perceptual(targets: Sequence[tf.Tensor], generated: Sequence[tf.Tensor]) -> tf.Tensor:
    """Computes the weighted L1 between VGG19's features, `(N,)` (Johnson et al. 2016; pix2pixHD's VGGLoss).

    Args:
      targets: features `(N, h, w, C)` of the layers that `quality.pretrained.vgg` has; they count as constants.
      generated: the same of generated images.
    """
    layers = zip(PERCEPTUAL_WEIGHTS, targets, generated, strict=True)
    return tf.add_n([weight * l1(tf.stop_gradient(t), g) for weight, t, g in layers])


def _wide(scales: Sequence[Sequence[tf.Tensor]]) -> list[list[tf.Tensor]]:
    """Converts features to float32 where they are narrower: half precision cannot hold the sum of many."""
    return [[tf.cast(x, tf.float32) if x.dtype.size < 4 else x for x in layers] for layers in scales]
