"""Shapes and parameters against hand-worked numbers; sizes that cannot be are refused."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.choices import RECEPTIVE_FIELDS, default_depth
from tfpix2pix.networks.discriminator import patchgan
from tfpix2pix.networks.generator import unet
from tfpix2pix.networks.layers import Dropout


def dropouts(network):
    return [layer.output.shape[1] for layer in network.layers if isinstance(layer, Dropout)]


def test_dropout_stands_where_the_paper_has_it():
    assert dropouts(unet(width=2)) == [4, 8, 16]
    assert dropouts(unet((64, 64), width=2, depth=6)) == [4]
    assert dropouts(unet((32, 32), width=2, depth=5)) == []
    assert dropouts(unet(width=2, dropout=0.0)) == []


def test_an_encoder_level_reaches_the_output_only_through_its_skips_and_what_is_below():
    network = unet((32, 64), 1, 2, width=2, depth=5, norm="none")
    assert network.output_shape == (None, 32, 64, 2)
    y = network(np.zeros((1, 32, 64, 1), "float32"))
    np.testing.assert_array_equal(y, np.zeros((1, 32, 64, 2)))


@pytest.mark.parametrize(
    ("size", "depth"), [((256, 256), 8), ((512, 256), 8), ((64, 64), 6), ((320, 256), 6), ((96, 32), 5)]
)
def test_depth_follows_from_size(size, depth):
    assert default_depth(size) == depth


@pytest.mark.parametrize(("size", "nearest"), [((100, 100), "96x96"), ((256, 250), "256x256"), ((16, 16), "32x32")])
def test_sizes_that_cannot_be_halved_name_the_nearest(size, nearest):
    with pytest.raises(ValueError, match=f"nearest is {nearest}"):
        default_depth(size)


def test_any_size_network_takes_multiples():
    network = unet((None, None), width=2, depth=5)
    for size in ((32, 32), (64, 96)):
        assert network(tf.zeros((1, *size, 3))).shape == (1, *size, 3)


@pytest.mark.parametrize("n_layers", range(7))
def test_receptive_field(n_layers):
    """The pixels that one logit's gradient reaches, counted."""
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
    with pytest.raises(ValueError, match="needs sides of 24 or more"):
        patchgan((16, 64), width=1)


def test_biases_stand_where_no_batch_norm_follows():
    def with_bias(network):
        return [layer.use_bias for layer in network.layers if hasattr(layer, "use_bias")]

    assert with_bias(unet((32, 32), width=2, depth=5)) == [False] * 9 + [True]
    assert with_bias(patchgan(width=2)) == [True, False, False, False, True]
    for norm in ("instance", "none"):
        assert all(with_bias(unet((32, 32), width=2, depth=5, norm=norm)))
        assert all(with_bias(patchgan(width=2, norm=norm)))
