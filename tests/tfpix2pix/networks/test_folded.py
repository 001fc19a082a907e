"""Networks rebuilt for inference against those that they were rebuilt from."""

import numpy as np
import pytest
import tensorflow as tf

from export.formats.parity import psnr
from tfpix2pix.networks.folded import folded
from tfpix2pix.networks.generators.generator import GENERATORS
from tfpix2pix.networks.layers.normalization import BatchNormalization
from tfpix2pix.networks.layers.spectral_norm import SpectralNorm

SOURCES = np.random.default_rng(1).uniform(-1, 1, (2, 16, 24, 3)).astype(np.float32)
# Every kind of convolution before a norm, with and without a bias of its own.
MOVING = {
    "unet": ("unet", {}),
    "unet, reflect, resize": ("unet", {"padding": "reflect", "upsample": "resize"}),
    "unet, pixel_shuffle": ("unet", {"upsample": "pixel_shuffle"}),
    "resnet": ("resnet", {"blocks": 1}),
    "resnet, spectral": ("resnet", {"blocks": 1, "spectral_norm": True}),
}


def network(kind, **options):
    """Builds a generator whose norms, biases and averages are far from where they begin."""
    depth = {"unet": 3, "resnet": 2}[kind]
    built = GENERATORS[kind]((None, None), width=4, depth=depth, dropout=0.5, **options)
    rng = np.random.default_rng(0)
    for variable in built.variables:
        if len(variable.shape) == 4:
            variable.assign(rng.normal(0, 1.2 / np.sqrt(np.prod(variable.shape[:3])), variable.shape))
        elif len(variable.shape) == 1 and variable.name != "u":
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return built


@pytest.mark.parametrize("name", MOVING)
def test_moving_averages_become_part_of_the_convolutions(name):
    kind, options = MOVING[name]
    whole = network(kind, norm_statistics="moving", **options)
    one = folded(whole)
    assert not any(isinstance(layer, BatchNormalization | SpectralNorm) for layer in one.layers)
    expected = whole(SOURCES, training=False)
    assert np.std(expected) > 0.05
    np.testing.assert_allclose(one(SOURCES), expected, atol=2e-6)


def test_a_norm_behind_anything_else_stays():
    whole = network("unet", norm_statistics="moving")
    norms = [layer for layer in whole.layers if isinstance(layer, BatchNormalization)]
    assert len(norms) == 3
    norms[0].statistics = "image"
    assert [layer.name for layer in folded(whole).layers if isinstance(layer, BatchNormalization)] == [norms[0].name]


def test_what_has_nothing_to_fold_is_left_as_it_is():
    whole = network("unet")
    assert folded(whole) is whole


def test_an_image_alone_in_half_precision_is_normalized_as_in_a_batch():
    """It takes another kernel, as it has enough values for that."""
    layer = BatchNormalization(dtype="mixed_bfloat16")
    images = tf.cast(np.random.default_rng(2).normal(3, 2, (2, 32, 32, 64)), tf.bfloat16)
    both, first = layer(images, training=False), layer(images[:1], training=False)
    # The last bit of numbers from 4 to 8.
    np.testing.assert_allclose(tf.cast(first, tf.float32), tf.cast(both[:1], tf.float32), atol=2**-5)


@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 40), ("float16", 58)])
@pytest.mark.parametrize("statistics", ["image", "moving"])
def test_half_precision_keeps_norms_and_both_ends_in_float32(precision, bound, statistics):
    whole = network("unet", norm_statistics=statistics, attention=(2,))
    half = folded(whole, precision)
    kernels = [variable.dtype for variable in half.variables if len(variable.shape) == 4]
    assert kernels == [precision] * (len(kernels) - 1) + ["float32"]
    assert {variable.dtype for variable in half.variables if variable.name in ("gamma", "beta")} <= {"float32"}
    generated = half(tf.constant(SOURCES))
    assert generated.dtype == tf.float32
    assert bound < psnr(whole(SOURCES, training=False).numpy(), generated.numpy()) < 110
