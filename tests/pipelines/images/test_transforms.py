"""Operations on one pair against Pillow and NumPy, eagerly and inside tf.data."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, JpegImagePlugin

from pipelines.images import transforms
from pipelines.images.choices import RESIZE_METHODS
from pipelines.images.header import BadImageError
from pipelines.images.kernels import decode
from tests.helpers.image_files import RNG, both_ways, file_of, noise

HEIGHT, WIDTH = 9, 14
LEVEL = 1 / 255


def test_to_channels():
    rgba = noise(HEIGHT, WIDTH, 4)
    unit = rgba / np.float32(255)

    def converted(image, channels, **options):
        """The same where a graph knows the number of channels, and where it does not."""
        known = both_ways(lambda x: transforms.to_channels(x, channels, **options), image)
        unknown = tf.function(
            lambda x: transforms.to_channels(x, channels, **options),
            input_signature=[tf.TensorSpec((None, None, None), tf.float32)],
        )
        np.testing.assert_allclose(unknown(image), known, rtol=0, atol=1e-7)
        return known

    rgb = unit[..., :3]
    np.testing.assert_array_equal(converted(unit, 4), unit)
    np.testing.assert_array_equal(converted(rgb, 3), rgb)
    np.testing.assert_array_equal(converted(rgb, 4), np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1))
    gray = converted(rgb, 1)
    # Pillow has the same weights to 4e-6, and rounds to whole levels.
    luminance = np.asarray(Image.fromarray(rgba[..., :3]).convert("L"))
    assert abs(gray[..., 0] * 255 - luminance).max() <= 0.502
    np.testing.assert_array_equal(converted(unit, 2), np.concatenate([gray, unit[..., 3:]], axis=-1))
    np.testing.assert_array_equal(converted(rgb, 2), np.concatenate([gray, np.ones_like(gray)], axis=-1))
    np.testing.assert_allclose(
        transforms.to_channels(np.eye(3, dtype=np.float32)[None], 1)[0, :, 0], [0.299, 0.587, 0.114]
    )
    # What is gray stays to the last bit.
    for channels in (1, 3):
        np.testing.assert_array_equal(converted(gray, channels), np.repeat(gray, channels, axis=-1))
    gray_and_alpha = unit[..., 2:]
    np.testing.assert_array_equal(
        converted(gray_and_alpha, 4), np.concatenate([unit[..., 2:3]] * 3 + [unit[..., 3:]], axis=-1)
    )
    alpha = unit[..., 3:]
    for background in ((255, 255, 255), (0, 128, 255)):
        color = rgb * alpha + np.array(background) / 255 * (1 - alpha)
        np.testing.assert_allclose(converted(unit, 3, background=background), color, rtol=0, atol=1e-6)
        weighed = (color * transforms.LUMINANCE).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(converted(unit, 1, background=background), weighed, rtol=0, atol=1e-6)
        color = gray_and_alpha[..., :1] * alpha + np.array(background) / 255 * (1 - alpha)
        np.testing.assert_allclose(converted(gray_and_alpha, 3, background=background), color, rtol=0, atol=1e-6)


def test_split():
    image = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)
    a, b = both_ways(lambda x: transforms.split(x, "AtoB"), image)
    np.testing.assert_array_equal(a, image[:, :3])
    np.testing.assert_array_equal(b, image[:, 3:])
    source, target = both_ways(lambda x: transforms.split(x, "BtoA"), image)
    np.testing.assert_array_equal(source, b)
    np.testing.assert_array_equal(target, a)


def test_split_refuses_an_odd_width():
    def halves(contents):
        return transforms.split(decode(contents), "AtoB")

    dataset = tf.data.Dataset.from_tensors(file_of(Image.fromarray(noise(4, 7, 3)), "PNG"))
    with pytest.raises(BadImageError, match="width is odd"):
        halves(dataset.get_single_element())
    with pytest.raises(tf.errors.InvalidArgumentError, match="width is odd"):
        dataset.map(halves).get_single_element()


PILLOW = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos3": Image.Resampling.LANCZOS,
}


def pillow_resize(image, size, method):
    """Without rounding or clipping: one float channel at a time."""
    planes = [Image.fromarray(plane).resize(size[::-1], PILLOW[method]) for plane in np.moveaxis(image, -1, 0)]
    return np.stack(planes, axis=-1)


def resized(image, size, method):
    return both_ways(lambda x: transforms.resize(x, size, method), image)


# Smaller, larger, one side of each, one side as it was.
@pytest.mark.parametrize("size", [(17, 33), (61, 99), (13, 90), (40, 20)])
@pytest.mark.parametrize("method", PILLOW)
def test_resize_is_pillows(method, size):
    image = RNG.random((40, 56, 3), np.float32)
    expected = pillow_resize(image, size, method)
    # float32 places near 56 are off by 56 / 2^24 = 3e-6 pixels, and the kernels' slopes are about 1. Without
    # antialiasing, or with another bicubic (a = -0.75), the difference is over 0.01.
    np.testing.assert_allclose(resized(image, size, method), np.clip(expected, 0, 1), rtol=0, atol=1e-5)


def test_resize_clips_the_overshoot():
    step = np.zeros((8, 8, 1), np.float32)
    step[:, 4:] = 1
    expected = pillow_resize(step, (16, 16), "bicubic")
    assert expected.min() < -0.03
    assert expected.max() > 1.03
    got = resized(step, (16, 16), "bicubic")
    assert (got.min(), got.max()) == (0, 1)


def test_resize_by_area_is_the_mean_of_what_a_pixel_covers():
    image = RNG.random((6, 10, 2), np.float32)
    height, width = 4, 3
    fine = np.kron(image.astype(np.float64), np.ones((height, width, 1)))
    expected = fine.reshape(height, 6, width, 10, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resized(image, (height, width), "area"), expected, rtol=0, atol=1e-6)


def test_resize_to_nearest_makes_no_new_values():
    image = noise(5, 7, 3).astype(np.float32) / 255
    np.testing.assert_array_equal(resized(image, (15, 14), "nearest"), np.kron(image, np.ones((3, 2, 1))))


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_resize_to_the_same_size_is_the_identity(method):
    image = RNG.random((HEIGHT, WIDTH, 4), np.float32)
    np.testing.assert_array_equal(resized(image, (HEIGHT, WIDTH), method), image)


def test_every_level_survives_normalize_and_to_uint8():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    normal = both_ways(transforms.normalize, levels / np.float32(255))
    np.testing.assert_allclose(normal, levels / 127.5 - 1.0, rtol=0, atol=1e-6)
    assert (normal.min(), normal.max()) == (-1, 1)
    np.testing.assert_array_equal(both_ways(transforms.to_uint8, normal), levels)


def test_to_uint8_takes_the_nearest_level_and_clips():
    levels = np.array([-300.0, -1.0, 0.4, 0.6, 99.6, 100.4, 254.4, 254.6, 256.0, 1000.0])
    got = transforms.to_uint8(tf.constant(levels / 127.5 - 1, tf.float32))
    np.testing.assert_array_equal(got, [0, 0, 0, 1, 100, 100, 254, 255, 255, 255])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_encode_as_png_loses_nothing(channels, mode):
    pixels = noise(HEIGHT, WIDTH, channels)
    contents = both_ways(lambda x: transforms.encode(x, ".png"), pixels / np.float32(127.5) - 1)
    picture = Image.open(io.BytesIO(contents))
    assert (picture.format, picture.mode) == ("PNG", mode)
    np.testing.assert_array_equal(np.asarray(picture).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_encode_as_jpeg_keeps_colors_in_place(channels):
    # Blocks of 4×4 saturated colors: halved chroma, or a low quality, would wash them out.
    pixels = np.kron(noise(4, 6, channels) // 128 * 255, np.ones((4, 4, 1), np.uint8))
    picture = Image.open(io.BytesIO(transforms.encode(pixels / np.float32(127.5) - 1, ".jpg").numpy()))
    assert picture.format == "JPEG"
    if channels == 3:
        assert JpegImagePlugin.get_sampling(picture) == 0  # 4:4:4
    error = np.asarray(picture).reshape(pixels.shape).astype(int) - pixels
    assert abs(error).mean() < 5
