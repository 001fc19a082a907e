"""Result files as Pillow, tifffile and NumPy read them, against numbers worked out by hand."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines.images import result_format
from pipelines.images.choices import RESULT_FORMATS
from pipelines.images.image_format import ImageFormat
from pipelines.system.terminal import InputError

# In [-1, 1]: the ends, beyond them, the middle, and a quarter.
UNIT = np.float32([[-1.0, 1.0, -1.5], [1.5, 0.0, -0.5]])


def image(channels=1):
    return tf.constant(np.repeat(UNIT[..., None], channels, axis=-1))


def read(form, contents):
    """By another library than the one that wrote."""
    if form.name == "tif":
        return tifffile.imread(io.BytesIO(contents))
    if form.name == "npy":
        return np.load(io.BytesIO(contents), allow_pickle=False)
    return np.asarray(Image.open(io.BytesIO(contents)))


@pytest.mark.parametrize(
    ("dtype", "value_range", "expected"),
    [
        ("uint8", None, [[0, 255, 0], [255, 128, 64]]),
        ("uint16", None, [[0, 65535, 0], [65535, 32768, 16384]]),
        ("uint16", (0.0, 4095.0), [[0, 4095, 0], [4095, 2048, 1024]]),
        ("int16", (-1000.0, 3000.0), [[-1000, 3000, -1000], [3000, 1000, 0]]),
        ("uint32", (0.0, 2.0**31), [[0, 2**31, 0], [2**31, 2**30, 2**29]]),
        ("int32", (-8.0, 8.0), [[-8, 8, -8], [8, 0, -4]]),
        ("float32", (-1.5, 2.5), [[-1.5, 2.5, -1.5], [2.5, 0.5, -0.5]]),
    ],
)
@pytest.mark.parametrize("name", ["auto", "npy"])
def test_numbers_in_the_targets_units(name, dtype, value_range, expected):
    form = result_format.choose(name, ImageFormat(channels=1, value_range=value_range), dtype)
    assert form.name == {"auto": "png" if dtype in ("uint8", "uint16") else "tif"}.get(name, name)
    assert form.suffix == f".{form.name}"
    found = read(form, form.encode(image()))
    if dtype != "uint16" or form.name != "png":
        assert found.dtype == dtype
    # Half a level is rounded to the even one.
    np.testing.assert_array_equal(found.reshape(2, 3), expected)
    np.testing.assert_array_equal(form.numbers(image())[..., 0], expected)


@pytest.mark.parametrize(("channels", "dtype"), [(12, "float32"), (5, "uint8"), (2, "int16"), (256, "uint16")])
@pytest.mark.parametrize("name", ["tif", "npy"])
def test_any_number_of_channels(name, channels, dtype):
    ends = (0.0, 100.0)
    form = result_format.choose(name, ImageFormat(channels=channels, value_range=ends), dtype)
    pixels = tf.constant(np.random.default_rng(1).uniform(-1, 1, (3, 4, channels)).astype(np.float32))
    expected = (pixels.numpy().astype(np.float64) + 1) * 50
    contents = form.encode(pixels)
    found = read(form, contents)
    if name == "tif":
        found = tifffile_pixels(contents)
    assert found.shape == (3, 4, channels)
    np.testing.assert_allclose(found, expected if dtype == "float32" else np.round(expected), atol=1e-4)


def tifffile_pixels(contents):
    """As (H, W, C), wherever the file has its channels."""
    with tifffile.TiffFile(io.BytesIO(contents)) as tiff:
        series = tiff.series[0]
        return np.moveaxis(series.asarray(), [series.axes.index("Y"), series.axes.index("X")], [0, 1])


@pytest.mark.parametrize(("name", "mode"), [("png", "LA"), ("png", "RGBA"), ("webp", "RGBA"), ("webp", "RGB")])
def test_alpha_is_kept(name, mode):
    form = result_format.choose(name, ImageFormat(channels=len(mode)), "uint8")
    levels = np.random.default_rng(2).integers(0, 256, (8, 8, len(mode)))
    written = Image.open(io.BytesIO(form.encode(tf.constant(levels / 127.5 - 1, tf.float32))))
    assert written.mode == mode
    np.testing.assert_array_equal(np.asarray(written), levels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_four_bands_are_no_alpha(dtype):
    """Red, green, blue and infrared: a range says that they are measured, and no viewer hides what is dark."""
    form = result_format.choose("auto", ImageFormat(channels=4, value_range=(0.0, 200.0)), dtype)
    assert form.name == "tif"
    with tifffile.TiffFile(io.BytesIO(form.encode(image(4)))) as tiff:
        assert set(tiff.pages.first.extrasamples) == {0}  # unspecified
        np.testing.assert_array_equal(tiff.asarray()[..., 3], [[0, 200, 0], [200, 100, 50]])
    with pytest.raises(InputError, match="alpha"):
        result_format.choose("png", form.target, dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_has_the_pixels_of_a_served_one(channels, dtype):
    """Though its compression differs: noise, flat colors and gradients, in sizes that fill no block."""
    form = result_format.choose("png", ImageFormat(channels), dtype)
    rng = np.random.default_rng(3)
    for height, width in ((1, 1), (37, 53), (64, 64)):
        noise = rng.uniform(-1, 1, (height, width, channels))
        gradient = np.linspace(-1, 1, height * width * channels).reshape(height, width, channels)
        for pixels in (noise, gradient, np.ones_like(noise)):
            generated = tf.constant(pixels, tf.float32)
            written, served = form.encode(generated), form.encode_png(generated).numpy()
            assert written[:33] == served[:33]  # size, depth and color type
            found, expected = (tf.io.decode_png(png, 0, dtype) for png in (written, served))
            np.testing.assert_array_equal(found, expected)


def test_jpeg():
    form = result_format.choose("jpg", ImageFormat(), "uint8")
    written = Image.open(io.BytesIO(form.encode(tf.fill((16, 16, 3), 0.5))))
    assert written.format == "JPEG"
    np.testing.assert_allclose(np.asarray(written), 191, atol=2)


def test_tags_are_those_of_the_tiff():
    form = result_format.choose("tif", ImageFormat(channels=1), "uint8")
    tag = (33550, 12, 3, (0.5, 0.25, 0.0))
    assert Image.open(io.BytesIO(form.encode(image(), [tag]))).tag_v2[33550] == (0.5, 0.25, 0.0)


class TestLabels:
    """Classes by index, with colors for people."""

    colors = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9))
    classes = np.array([[0, 1, 2], [2, 2, 0]])

    def generated(self, count=3):
        return tf.constant(np.eye(count, dtype=np.float32)[self.classes] * 1.2 - 0.7)

    def test_a_png_of_indices_with_a_palette(self):
        target = ImageFormat(channels=3, labels=3, palette=self.colors)
        form = result_format.choose("auto", target, "uint8")
        written = Image.open(io.BytesIO(form.encode(self.generated())))
        assert (form.name, written.mode) == ("png", "P")
        written.load()  # its checksums are right
        np.testing.assert_array_equal(np.asarray(written), self.classes)
        np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.array(self.colors)[self.classes])
        # TensorFlow reads the colors.
        decoded = tf.io.decode_png(form.encode(self.generated()))
        np.testing.assert_array_equal(decoded, np.array(self.colors)[self.classes])

    def test_colors_that_nobody_named_differ(self):
        form = result_format.choose("png", ImageFormat(channels=200, labels=200), "uint8")
        assert len({tuple(color) for color in form.colors}) == 200
        written = Image.open(io.BytesIO(form.encode(self.generated(200))))
        np.testing.assert_array_equal(np.asarray(written), self.classes)

    @pytest.mark.parametrize("name", ["tif", "npy"])
    def test_plain_indices(self, name):
        form = result_format.choose(name, ImageFormat(channels=3, labels=3), "uint8")
        found = read(form, form.encode(self.generated()))
        np.testing.assert_array_equal(found.reshape(2, 3), self.classes)

    def test_jpeg_changes_numbers(self):
        with pytest.raises(InputError, match=r"format=jpg.*--format=png"):
            result_format.choose("jpg", ImageFormat(channels=3, labels=3), "uint8")


@pytest.mark.parametrize(
    ("name", "channels", "dtype", "remedy"),
    [
        ("png", 3, "float32", "tif or npy"),
        ("png", 12, "uint8", "tif or npy"),
        ("jpg", 3, "uint16", "png or tif or npy"),
        ("jpg", 2, "uint8", "png or tif or npy or webp"),
        ("jpg", 4, "uint8", "png or tif or npy or webp"),
        ("webp", 3, "uint16", "png or tif or npy"),
        ("gif", 3, "uint8", ", ".join(RESULT_FORMATS)),
    ],
)
def test_what_a_format_cannot_hold(name, channels, dtype, remedy):
    with pytest.raises(InputError, match=rf"format='?{name}'?.*{remedy}"):
        result_format.choose(name, ImageFormat(channels=channels), dtype)
