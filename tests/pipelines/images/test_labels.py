"""One-hot label maps against Keras' to_categorical and Pillow's quantization, and by hand."""

import keras
import numpy as np
import pytest
from PIL import Image

from pipelines.images.header import BadImageError
from pipelines.images.label_colors import PALETTES
from pipelines.images.labels import NO_CLASS, indices_of, nearest, one_hot, one_hot_of

RED_BLUE = ((255, 0, 0), (0, 0, 255), (0, 0, 0))


def random_map(classes, dtype="uint8"):
    return np.random.default_rng(0).integers(0, classes, (9, 7, 1)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_indices_are_one_hot_as_keras_makes_them(dtype, channels):
    indices = random_map(5, dtype)
    found = one_hot_of(np.repeat(indices, channels, -1), has_alpha=False, classes=5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, keras.utils.to_categorical(indices[..., 0], 5))


def test_255_is_no_class_and_alpha_counts_for_nothing():
    found = one_hot_of(np.array([[[1, 7], [NO_CLASS, 0]]], np.uint8), has_alpha=True, classes=2)
    np.testing.assert_array_equal(found, [[[0, 1], [0, 0]]])


def test_one_bit_is_two_classes():
    np.testing.assert_array_equal(one_hot_of(np.array([[[True], [False]]]), False, 2), [[[0, 1], [1, 0]]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colors_are_the_nearest_color_as_pillow_finds_it(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype("uint8")
    colors = [*PALETTES["facades"].classes.values()]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.array(colors, np.uint8).tobytes())
    # Pillow looks colors up in a cache of coarser ones, so its choice may be a little farther away.
    theirs = np.asarray(Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE))
    stored = pixels.astype(dtype) * (257 if dtype == "uint16" else 1)
    ours = one_hot_of(stored, False, len(colors), colors).argmax(-1)
    assert (ours == theirs).mean() > 0.95
    distance = np.abs(pixels[..., None, :].astype(int) - colors) ** 2
    np.testing.assert_array_equal(ours, distance.sum(-1).argmin(-1))


def test_a_color_after_those_of_the_classes_is_no_class():
    pixels = np.array([[[250, 3, 9], [9, 9, 7], [0, 4, 200]]], np.uint8)
    np.testing.assert_array_equal(nearest(pixels, RED_BLUE, 2), [[0, NO_CLASS, 1]])
    np.testing.assert_array_equal(one_hot_of(pixels, False, 2, RED_BLUE), [[[1, 0], [0, 0], [0, 1]]])


def test_one_channel_holds_colors_if_all_classes_are_gray():
    levels = np.array([[[0], [250], [130]]], np.uint8)
    black_white = ((0, 0, 0), (255, 255, 255), (128, 128, 128))
    np.testing.assert_array_equal(one_hot_of(levels, False, 2, black_white), [[[1, 0], [0, 1], [0, 0]]])
    np.testing.assert_array_equal(one_hot_of(levels[:, :2] > 9, False, 2, black_white), [[[1, 0], [0, 1]]])
    # Else it holds indices.
    indices = np.array([[[1], [255]]], np.uint8)
    np.testing.assert_array_equal(one_hot_of(indices, False, 2, RED_BLUE), [[[0, 1], [0, 0]]])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((2, 2, 1), 5, np.uint8), ["5", "0 to 4", "255"]),
        (np.full((2, 2, 1), -1, np.int16), ["-1"]),
        (np.full((2, 2, 1), 0.5, np.float32), ["fractions"]),
        (np.full((2, 2, 4), 1, np.uint8), ["4 channels"]),
        (np.array([[[0, 1, 2]]], np.uint8), ["colors", "--label_colors"]),
    ],
)
def test_what_is_no_label_map_is_a_bad_image(values, words):
    with pytest.raises(BadImageError) as error:
        one_hot_of(values, has_alpha=False, classes=5)
    assert all(word in error.value.reason for word in words)


def test_the_way_back():
    indices = random_map(5)[..., 0]
    indices[0, 0] = NO_CLASS
    np.testing.assert_array_equal(indices_of(one_hot(indices, 5) * 2 - 1), indices)
    # Of equal probabilities, the first class, and never none.
    np.testing.assert_array_equal(indices_of(np.full((1, 200), 2 / 200 - 1, np.float32)), [0])
