"""Sizes on the way in, against Pillow and NumPy, eagerly and inside tf.data."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images import fit
from pipelines.images.header import BadImageError
from pipelines.images.size import middle_size

RNG = np.random.default_rng(0)


def both_ways(function, image):
    """The result, once eager and tf.data, where the size is not known, agree to the last bit."""
    spec = tf.TensorSpec((None, None, image.shape[-1]), tf.float32)
    mapped = tf.data.Dataset.from_generator(lambda: [image], output_signature=spec).map(function)
    eager = function(tf.constant(image)).numpy()
    np.testing.assert_array_equal(eager, mapped.get_single_element())
    return eager


def noise(height, width, channels=3):
    return RNG.random((height, width, channels), np.float32)


def pillow(image, size):
    planes = [
        Image.fromarray(plane).resize(size[::-1], Image.Resampling.BICUBIC) for plane in np.moveaxis(image, -1, 0)
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 1)


# Worked by hand: the picture, size, crop, and what it is resized to.
SCALED = [
    ("resize_and_crop", (30, 50), (20, 24), (16, 16), (20, 24)),
    ("scale_width", (30, 50), (20, 24), (8, 16), (14, 24)),  # 14.4
    ("scale_width", (30, 50), (20, 25), (8, 16), (15, 25)),
    ("scale_width", (10, 50), (20, 24), (16, 16), (16, 24)),  # 4.8, raised to the crop
    ("scale_width", (3, 2), (20, 5), (4, 4), (8, 5)),  # 7.5, rounded up
    ("scale_shortest", (30, 50), (20, 20), (16, 16), (20, 33)),
    ("scale_shortest", (50, 30), (20, 20), (16, 16), (33, 20)),
    ("scale_shortest", (30, 50), (20, 40), (16, 16), (24, 40)),
    ("scale_shortest", (30, 60), (20, 40), (16, 16), (20, 40)),
    ("pad", (30, 50), (20, 20), (16, 16), (12, 20)),
    ("pad", (50, 30), (20, 20), (16, 16), (20, 12)),
    ("pad", (1000, 1), (20, 20), (16, 16), (20, 1)),
    ("pad", (30, 60), (20, 40), (16, 16), (20, 40)),
    ("crop", (30, 50), (20, 20), (16, 16), (30, 50)),
    ("none", (16, 16), (16, 16), (16, 16), (16, 16)),
]


@pytest.mark.parametrize(("preprocess", "shape", "size", "crop", "expected"), SCALED)
def test_scaled_size(preprocess, shape, size, crop, expected):
    assert tuple(fit.scaled_size(shape, size, preprocess, crop).numpy()) == expected
    image = noise(*shape)
    got = both_ways(lambda x: fit.fit(x, size, preprocess, "bicubic", crop), image)
    if preprocess == "pad":
        assert got.shape[:2] == size
        top, left = (size[0] - expected[0]) // 2, (size[1] - expected[1]) // 2
        assert not np.delete(got, range(top, top + expected[0]), axis=0).any()
        assert not np.delete(got, range(left, left + expected[1]), axis=1).any()
        got = got[top : top + expected[0], left : left + expected[1]]
    assert got.shape[:2] == expected
    wanted = image if expected == shape else pillow(image, expected)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5 if max(shape) < 100 else 1e-3)


def test_a_large_picture_does_not_overflow():
    assert tuple(fit.scaled_size((999_999, 500_000), (99_999, 99_999), "scale_shortest", (8, 8)).numpy()) == (
        200_000 - 2,
        99_999,
    )


def test_pad_has_its_color_and_keeps_the_bits():
    image = noise(5, 8)
    got = both_ways(lambda x: fit.pad(x, (8, 9), (0.25, 0.5, 1.0)), image)
    expected = np.broadcast_to(np.float32([0.25, 0.5, 1.0]), (8, 9, 3)).copy()
    expected[1:6, 0:8] = image
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("shape", "top", "left"), [((6, 9), 0, 1), ((7, 8), 0, 0), ((9, 11), 1, 2)])
def test_cut_in_the_middle(shape, top, left):
    image = noise(*shape)
    got = both_ways(lambda x: fit.cut(x, fit.center_window(tf.shape(x)[:2], (6, 7)), (6, 7)), image)
    np.testing.assert_array_equal(got, image[top : top + 6, left : left + 7])


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((20, 30), (5, 10, 10, 10)),  # a square of 100 pixels
        ((50, 5), (15, 0, 20, 5)),  # a strip: all of its shorter side
        ((1, 300), (0, 100, 1, 100)),
        ((8, 12), (0, 0, 8, 12)),  # no more than 100
    ],
)
def test_the_middle_has_at_most_so_many_pixels(shape, window):
    assert tuple(fit.middle_window(shape, 100).numpy()) == window
    assert middle_size(shape, 100) == window[2:]


def test_nearest_makes_no_new_values():
    labels = RNG.integers(0, 3, (10, 20, 1)).astype(np.float32) / 2
    got = both_ways(lambda x: fit.fit(x, (15, 15), "scale_shortest", "nearest"), labels)
    assert got.shape == (15, 30, 1)
    assert set(np.unique(got)) == {0, 0.5, 1}


@pytest.mark.parametrize(("preprocess", "shape"), [("crop", (15, 40)), ("crop", (40, 15)), ("none", (16, 17))])
def test_a_picture_that_does_not_suit_is_refused(preprocess, shape):
    image = noise(*shape)
    with pytest.raises(BadImageError, match=f"{shape[0]}x{shape[1]}.*16x16"):
        fit.fit(tf.constant(image), (16, 16), preprocess, "bicubic")
    spec = tf.TensorSpec((None, None, 3), tf.float32)
    dataset = tf.data.Dataset.from_generator(lambda: [image], output_signature=spec)
    with pytest.raises(tf.errors.InvalidArgumentError, match=preprocess):
        dataset.map(lambda x: fit.fit(x, (16, 16), preprocess, "bicubic")).get_single_element()


@pytest.mark.parametrize("shape", [(30, 50), (32, 64), (3, 2), (1, 1), (33, 5)])
def test_reflect_is_numpys(shape):
    image = noise(*shape)
    rooms = [-side % 32 for side in shape]
    expected = np.pad(image, [*((room // 2, room - room // 2) for room in rooms), (0, 0)], "reflect")
    got = both_ways(lambda x: fit.reflect(x, 32), image)
    np.testing.assert_array_equal(got, expected)
    back = both_ways(lambda x: fit.cut(fit.reflect(x, 32), fit.reflect_window(tf.shape(x)[:2], 32)), image)
    np.testing.assert_array_equal(back, image)


def test_the_picture_is_found_in_its_border():
    image = noise(5, 8)
    back = both_ways(lambda x: fit.cut(fit.pad(x, (8, 9)), fit.pad_window(tf.shape(x)[:2], (8, 9))), image)
    np.testing.assert_array_equal(back, image)
