"""Losses as functions of tensors, apart from networks and options.

adversarial.py      GAN losses, by name
pixel.py            generated images against their targets
feature.py          what networks see in both
penalty.py          gradients of the discriminator that are too steep
average.py          means over pixels, and the one division by the batch
"""

from tfpix2pix.losses.adversarial import GAN_LOSSES, UNDECIDED, correct, critic, cross_entropy, hinge, least_squares
from tfpix2pix.losses.average import average, per_image
from tfpix2pix.losses.feature import feature_matching, perceptual
from tfpix2pix.losses.penalty import image_gradients, mixed, r1, slope_penalty
from tfpix2pix.losses.pixel import (
    PIXEL_LOSSES,
    charbonnier,
    class_cross_entropy,
    gradient_difference,
    hide_ignored,
    l1,
    l2,
    ssim,
)

__all__ = [
    "GAN_LOSSES",
    "PIXEL_LOSSES",
    "UNDECIDED",
    "average",
    "charbonnier",
    "class_cross_entropy",
    "correct",
    "critic",
    "cross_entropy",
    "feature_matching",
    "gradient_difference",
    "hide_ignored",
    "hinge",
    "image_gradients",
    "l1",
    "l2",
    "least_squares",
    "mixed",
    "per_image",
    "perceptual",
    "r1",
    "slope_penalty",
    "ssim",
]
