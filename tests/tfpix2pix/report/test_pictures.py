"""WebP files against their images, as Pillow reads them; and the error map's colors by hand."""

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from tfpix2pix.report import pictures


def read(contents):
    with Image.open(io.BytesIO(contents)) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture)


def levels(image):
    return np.round((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)


def smooth(height, width, channels):
    """Makes ramps in [-1, 1], a different one for each channel."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x / width, y / height, 1 - x / width, (x + y) / (width + height))
    return (np.stack(planes[:channels], axis=-1) * 2 - 1).astype("float32")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_small_images_are_lossless(channels):
    image = np.random.default_rng(0).uniform(-1.2, 1.2, (40, 64, channels)).astype("float32")
    pixels = read(pictures.webp(image))
    expected = levels(image)
    if channels < 3:
        np.testing.assert_array_equal(pixels[..., :3], np.repeat(pixels[..., :1], 3, axis=-1))
        pixels = np.delete(pixels, [1, 2], axis=-1)
    if channels in (2, 4):
        np.testing.assert_array_equal(pixels[..., -1], expected[..., -1])
        # The color of a fully transparent pixel does not count.
        pixels, expected = (array[levels(image)[..., -1] > 0] for array in (pixels, expected))
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_larger_images_are_nearly_equal(channels):
    image = smooth(96, 128, channels)
    pixels = read(pictures.webp(image)).astype(int)
    difference = np.abs(pixels[..., :channels] - levels(image)[..., :channels])
    if channels == 4:
        # Alpha is never lossy.
        assert difference[..., 3].max() == 0
    assert difference.mean() < 2
    assert difference.max() <= 16


@pytest.mark.parametrize(
    ("shape", "most", "size"),
    [((64, 64), 64, (64, 64)), ((300, 200), 150, (100, 150)), ((20, 2000), 100, (100, 1)), ((8, 8), 512, (8, 8))],
)
def test_no_side_is_longer_than_max_side(shape, most, size):
    image = np.full((*shape, 3), 0.5, "float32")
    assert pictures.size(pictures.webp(image, most)) == size
    contents = pictures.error_map(image, image - 0.25, most)
    assert pictures.size(contents) == size
    # One error everywhere is one color everywhere, at any size; a lossy file is off by up to 2.
    expected = np.array(matplotlib.colormaps["inferno"](0.25, bytes=True)[:3], int)
    assert np.abs(read(contents) - expected).max() <= 2


def test_error_map_is_the_mean_over_channels_on_a_fixed_scale():
    target = np.zeros((1, 5, 3), "float32")
    generated = target.copy()
    generated[0, 1] = (0.75, -0.75, 0.0)  # mean 0.5
    generated[0, 2] = (1.0, 1.0, 1.0)  # the end of the scale
    generated[0, 3] = (-2.0, -2.0, -2.0)  # beyond it
    generated[0, 4] = (np.nan, 0.0, 0.0)
    pixels = read(pictures.error_map(target, generated))[0]
    inferno = matplotlib.colormaps["inferno"]
    # Inferno's ends are (0.0015, 0.0005, 0.0139) and (0.9884, 0.9984, 0.6449).
    np.testing.assert_array_equal(pixels[0], (0, 0, 3))
    np.testing.assert_array_equal(pixels[1], inferno(0.5, bytes=True)[:3])
    np.testing.assert_array_equal(pixels[2], (252, 254, 164))
    np.testing.assert_array_equal(pixels[3], (252, 254, 164))
    np.testing.assert_array_equal(pixels[4], (0, 255, 255))


def test_error_map_is_averaged_before_it_is_colored():
    target = np.zeros((2, 2, 1), "float32")
    generated = np.array([[[0], [1]], [[0], [1]]], "float32")
    pixels = read(pictures.error_map(target, generated, max_side=1))
    np.testing.assert_array_equal(pixels[0, 0], matplotlib.colormaps["inferno"](0.5, bytes=True)[:3])


def test_error_scale_goes_from_black_to_the_brightest():
    pixels = read(pictures.error_scale())
    assert pixels.shape == (1, 256, 3)
    np.testing.assert_array_equal(pixels[0, [0, -1]], [(0, 0, 3), (252, 254, 164)])
    assert np.all(np.diff(pixels[0].sum(axis=-1, dtype=int)) >= -8)
