"""Shared statistics against batch norm in training, against the generator itself, and against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.translation.shared_statistics import SharedStatistics, merged, spread

RNG = np.random.default_rng(0)
TILES = tf.constant(RNG.uniform(-1, 1, (3, 32, 32, 3)).astype("float32"))


def network(norm="batch", build=unet, sizes=(), **options):
    keras.utils.set_random_seed(0)
    generator = build((None, None), **{"width": 4, "depth": 5, **dict(sizes)}, norm=norm, **options)
    for variable in generator.variables:
        if variable.path.endswith(("gamma", "beta")):
            variable.assign(RNG.normal(1, 0.3, variable.shape))
        elif variable.path.endswith("kernel"):
            variable.assign(variable * 5)
    return generator


def test_measures_what_batch_norm_sees_in_training():
    generator = network(dropout=0.0)
    found = SharedStatistics(generator).measure(TILES).numpy()
    before = [v.numpy() for layer in generator.layers if "norm" in layer.name for v in (layer.moving_mean,)]
    expected = generator(TILES, training=True)
    norms = [layer for layer in generator.layers if "norm" in layer.name]
    # Keras keeps 0.9 of the old average and takes 0.1 of the batch's.
    means = [(layer.moving_mean.numpy() - 0.9 * old) / 0.1 for layer, old in zip(norms, before, strict=True)]
    variances = [(layer.moving_variance.numpy() - 0.9) / 0.1 for layer in norms]
    np.testing.assert_allclose(found, [np.concatenate(means), np.concatenate(variances)], rtol=1e-3, atol=1e-5)
    generated = SharedStatistics(generator).generate(TILES, tf.constant(found))
    np.testing.assert_allclose(generated, expected, atol=1e-5)


ENHANCER = {"build": local_enhancer, "sizes": {"depth": 1, "blocks": 1}, "attention": (1,), "spectral_norm": True}


@pytest.mark.parametrize(
    "options", [{}, {"norm": "instance"}, {"labels": True}, ENHANCER], ids=["batch", "instance", "labels", "enhancer"]
)
def test_an_images_own_statistics_give_what_the_generator_gives(options):
    generator = network(**options)
    shared = SharedStatistics(generator, native=(32, 32))
    for image in (TILES[:1], tf.concat([TILES[:1], TILES[1:2]], axis=1)):
        generated = shared.generate(image, shared.measure(image))
        np.testing.assert_allclose(generated, generator(image, training=False), atol=1e-5)
    assert np.abs(generated).max() > 0.5, "the networks are not so near zero that all would agree"


@pytest.mark.parametrize("options", [{"norm": "none"}, {"norm_statistics": "moving"}], ids=str)
def test_without_statistics_of_images_nothing_is_shared(options):
    generator = network(**options)
    shared = SharedStatistics(generator)
    assert not shared.has_statistics
    np.testing.assert_allclose(shared.generate(TILES, None), generator(TILES, training=False), atol=1e-6)


def test_groups_merge_to_the_statistics_of_all():
    x = RNG.normal(RNG.normal(size=(7, 1, 5)), 2.0, (7, 11, 5))
    parts = [np.stack([part.mean((0, 1)), part.var((0, 1))]) for part in (x[:4], x[4:])]
    np.testing.assert_allclose(merged(parts, [4, 3]), [x.mean((0, 1)), x.var((0, 1))], rtol=1e-6)


def test_groups_are_spread_over_the_picture():
    for rows, columns in ((1, 1), (1, 40), (9, 5), (45, 45)):
        places = list(spread(rows, columns, rows * columns))
        assert len(set(places)) == rows * columns
    places = np.array(list(spread(45, 55, 64)))
    for group in places.reshape(8, 8, 2):
        # Any eight that follow one another: about two in each quarter, none in the same row or column twice over.
        quarters = (group >= (22, 27)) @ (1, 2)
        assert np.bincount(quarters, minlength=4).min() >= 1
