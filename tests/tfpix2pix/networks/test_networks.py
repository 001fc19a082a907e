"""Checks shapes and parameters against numbers worked by hand, and that impossible sizes are refused."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.choices import RECEPTIVE_FIELDS, default_depth
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.networks.layers.dropout import Dropout


def dropouts(network):
    return [layer.output.shape[1] for layer in network.layers if isinstance(layer, Dropout)]


def test_dropout_is_on_the_levels_of_the_paper():
    assert dropouts(unet(width=2)) == [4, 8, 16]
    assert dropouts(unet((64, 64), width=2, depth=6)) == [4]
    assert dropouts(unet((32, 32), width=2, depth=5)) == []
    assert dropouts(unet(width=2, dropout=0.0)) == []


def names(network):
    return [layer.name for layer in network.layers]


def test_zero_in_gives_zero_out_without_norm():
    network = unet((32, 64), 1, 2, width=2, depth=5, norm="none")
    assert network.output_shape == (None, 32, 64, 2)
    y = network(np.zeros((1, 32, 64, 1), "float32"))
    np.testing.assert_array_equal(y, np.zeros((1, 32, 64, 2)))


@pytest.mark.parametrize(
    ("size", "depth"), [((256, 256), 8), ((512, 256), 8), ((64, 64), 6), ((320, 256), 6), ((96, 32), 5)]
)
def test_depth_follows_from_size(size, depth):
    assert default_depth(size) == depth


@pytest.mark.parametrize("size", [(256, 256), (64, 64), (96, 32), (None, None), (None, 64)])
def test_a_network_takes_its_depth_from_its_size(size):
    assert names(unet(size, width=1)) == names(unet(size, width=1, depth=default_depth(size)))
    assert names(unet(size, width=1)) == names(unet(size, width=1, depth=None))


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 100), ["96x96", "128x128"]),
        ((256, 250), ["256x224", "256x256"]),
        ((16, 16), ["32x32"]),
        ((None, 100), ["anyx96", "anyx128"]),
    ],
)
@pytest.mark.parametrize("build", [default_depth, unet])
def test_a_size_that_cannot_be_halved_is_refused_with_the_nearest_sizes(size, nearest, build):
    with pytest.raises(ValueError, match="multiples of 32") as error:
        build(size)
    assert all(re.search(rf"\b{each}\b", str(error.value)) for each in nearest)
    for each in nearest:
        unet([int(side) if side.isdecimal() else None for side in each.split("x")], width=1)


def test_a_depth_that_does_not_fit_is_refused_with_the_nearest_sizes():
    with pytest.raises(ValueError, match=r"image_size=96x96.*depth 6.*64x64.*128x128"):
        unet((96, 96), width=1, depth=6)
    with pytest.raises(ValueError, match="depth=-1"):
        unet((96, 96), width=1, depth=-1)


def test_values_that_the_command_refuses_are_refused():
    for options in ({"dropout": 1.0}, {"dropout": -0.5}, {"norm": "layer"}, {"norm_statistics": "batch"}, {"width": 0}):
        with pytest.raises(ValueError, match=str(next(iter(options.values())))):
            unet((64, 64), **{"width": 2, **options})
    with pytest.raises(ValueError, match="n_layers=7"):
        patchgan(n_layers=7)


def test_any_size_network_takes_multiples():
    network = unet((None, None), width=2, depth=5)
    for size in ((32, 32), (64, 96)):
        assert network(tf.zeros((1, *size, 3))).shape == (1, *size, 3)


@pytest.mark.parametrize("n_layers", range(7))
def test_receptive_field(n_layers):
    """Counts the pixels that one logit's gradient reaches."""
    size = 640
    network = patchgan((size, size), 1, 1, width=1, n_layers=n_layers, norm="none")
    for variable in network.trainable_variables:
        variable.assign(tf.ones_like(variable))
    image = tf.Variable(tf.ones((1, size, size, 1)))
    with tf.GradientTape() as tape:
        logits = network([tf.zeros_like(image), image])
        one = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    reached = tape.gradient(one, image).numpy()[0, :, :, 0] != 0
    assert [int(reached.any(axis).sum()) for axis in (0, 1)] == [RECEPTIVE_FIELDS[n_layers]] * 2


def test_logits_of_the_default_discriminator():
    assert patchgan(width=1).output_shape == (None, 30, 30, 1)


def test_images_too_small_for_the_discriminator_are_refused():
    assert patchgan((24, 24), width=1).output_shape == (None, 1, 1, 1)
    with pytest.raises(ValueError, match=r"16x64.*24"):
        patchgan((16, 64), width=1)


def test_convolutions_have_a_bias_unless_batch_norm_follows():
    def with_bias(network):
        return [layer.use_bias for layer in network.layers if hasattr(layer, "use_bias")]

    assert with_bias(unet((32, 32), width=2, depth=5)) == [False] * 9 + [True]
    assert with_bias(patchgan(width=2)) == [True, False, False, False, True]
    for norm in ("instance", "none"):
        assert all(with_bias(unet((32, 32), width=2, depth=5, norm=norm)))
        assert all(with_bias(patchgan(width=2, norm=norm)))
