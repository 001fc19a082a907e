"""Mean, deviation and entropy against NumPy; what training does to pairs against what is undone."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.augment import Augmentation
from tfpix2pix.translation.uncertainty import (
    AS_IT_IS,
    Moments,
    Symmetry,
    entropy,
    estimate,
    heat_map,
    training_symmetries,
)

PICTURE = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3) / 48 - 1
ALL = [Symmetry(is_mirrored, quarters) for is_mirrored in (False, True) for quarters in range(4)]


@pytest.mark.parametrize("symmetry", ALL, ids=str)
def test_a_symmetry_and_its_way_back(symmetry):
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 3, 5, 2)).astype(np.float32)
    mirrored = pictures[:, :, ::-1] if symmetry.is_mirrored else pictures
    laid = symmetry.apply(tf.constant(pictures))
    np.testing.assert_array_equal(laid, np.rot90(mirrored, symmetry.quarters, axes=(1, 2)))
    np.testing.assert_array_equal(symmetry.undo(laid), pictures)


# (flip, flip_vertical, rotate90)
@pytest.mark.parametrize(
    "options", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)], ids=str
)
def test_the_symmetries_are_those_of_training(options):
    options = [bool(option) for option in options]
    found = training_symmetries(*options)
    assert found[0] == AS_IT_IS
    picture = tf.constant(PICTURE[0])
    augmentation = Augmentation((4, 4), *options)
    seen = {augmentation((picture, picture), (0, i))[0].numpy().tobytes() for i in range(40)}
    laid = [symmetry.apply(picture[None])[0].numpy().tobytes() for symmetry in found]
    assert len(laid) == len(set(laid))
    assert set(laid) == seen


def test_moments_are_numpys():
    rng = np.random.default_rng(1)
    # A mean far from 0, so that a sum of squares would lose the deviation in float32.
    values = (1000 + rng.normal(0, 0.1, (50, 3, 4))).astype(np.float32)
    moments = Moments()
    for value in values:
        moments.add(tf.constant(value))
    np.testing.assert_allclose(moments.mean, values.mean(0, dtype=np.float64), atol=2e-4)
    np.testing.assert_allclose(moments.deviation(), values.std(0, ddof=1, dtype=np.float64), atol=2e-3)


def test_one_result_has_no_deviation():
    with pytest.raises(ValueError, match="1 results"):
        estimate(lambda x: x, tf.constant(PICTURE)).deviation()


def test_each_way_to_lay_a_picture_has_its_samples_and_is_turned_back():
    calls = itertools.count()

    def generate(images):
        """Adds the column, which mirrors and turns move, and the number of the call, as masks do."""
        return images + tf.range(images.shape[2], dtype=tf.float32)[:, None] + float(next(calls))

    moments = estimate(generate, tf.constant(PICTURE), samples=2, symmetries=training_symmetries(True, False, True))
    column = np.arange(4, dtype=np.float32)
    results = []
    for number in range(16):
        symmetry = sorted(ALL)[number // 2]
        added = np.rot90(np.tile(column, (4, 1)), -symmetry.quarters)
        results.append(PICTURE + (added[:, ::-1] if symmetry.is_mirrored else added)[..., None] + number)
    np.testing.assert_allclose(moments.mean, np.mean(results, axis=0), rtol=1e-6)
    np.testing.assert_allclose(moments.deviation(), np.std(results, axis=0, ddof=1), rtol=1e-5)


def test_entropy_of_classes():
    shares = np.float32([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    np.testing.assert_allclose(entropy(tf.constant(2 * shares - 1)), [[0], [1], [0.5]], atol=1e-6)


def test_heat_maps_are_brighter_where_the_deviation_is_larger():
    pixels = heat_map(np.linspace(0, 0.6, 61).reshape(1, 61, 1).repeat(3, axis=-1), brightest=0.5)
    assert (pixels.shape, pixels.dtype) == ((1, 61, 3), np.uint8)
    luminance = pixels[0] @ np.float64([0.299, 0.587, 0.114])
    assert luminance[0] < 2
    assert (np.diff(luminance)[:50] > 0).all()
    np.testing.assert_array_equal(pixels[0, 50:], pixels[:1, 50].repeat(11, axis=0))
