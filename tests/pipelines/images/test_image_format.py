"""Reads files that other libraries wrote, by both ways, in both modes, and goes back to the stored numbers."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image as Pillow

from pipelines.images.codecs import Raster
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.packed_pair import pack
from pipelines.images.pair_format import PairFormat
from pipelines.system.terminal import InputError

RNG = np.random.default_rng(0)


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def encoded(values, kind="png"):
    buffer = io.BytesIO()
    Pillow.fromarray(values).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def read_both(form, contents):
    """Returns what `read` gives eagerly, after it was compared with what it gives inside tf.data."""
    eager = form.read(tf.constant(contents)).numpy()
    dataset = tf.data.Dataset.from_tensors(contents).map(form.read)
    np.testing.assert_array_equal(next(iter(dataset)), eager)
    return eager


@pytest.mark.parametrize("kind", ["png", "webp", "bmp", "tiff"])
def test_one_image_in_several_formats(kind):
    values = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    np.testing.assert_array_equal(read_both(ImageFormat(), encoded(values, kind)), (values / 255).astype(np.float32))


def test_kernels_and_python_agree_on_channels_alpha_and_ranges():
    images = {
        1: RNG.integers(0, 256, (5, 7), np.uint8),
        2: RNG.integers(0, 256, (5, 7, 2), np.uint8),
        3: RNG.integers(0, 256, (5, 7, 3), np.uint8),
        4: RNG.integers(0, 256, (5, 7, 4), np.uint8),
    }
    for stored, values in images.items():
        for channels in (1, 2, 3, 4):
            for value_range in (None, (20.0, 200.0)):
                form = ImageFormat(channels, value_range=value_range, background=(255, 255, 255))
                raster = Raster(values.reshape(5, 7, stored), has_alpha=stored in (2, 4))
                by_kernels = form.read(tf.constant(encoded(values)))
                np.testing.assert_allclose(by_kernels, form.from_raster(raster), atol=3e-7, err_msg=f"{stored} {form}")


def test_ranges_percentiles_and_types():
    deep = np.array([[0, 1000], [2000, 5000]], np.uint16)[..., None]
    unit = ImageFormat(1, value_range=(0, 4000)).from_raster(Raster(deep))
    np.testing.assert_allclose(unit[..., 0], [[0, 0.25], [0.5, 1]])
    np.testing.assert_allclose(ImageFormat(1).from_raster(Raster(deep))[..., 0], deep[..., 0] / 65535, rtol=1e-7)
    signed = np.array([[-128, 0, 127]], np.int8)[..., None]
    np.testing.assert_allclose(ImageFormat(1).from_raster(Raster(signed))[..., 0], [[0, 128 / 255, 1]], rtol=1e-6)
    ramp = np.arange(101, dtype=np.float32).reshape(1, -1, 1)
    unit = ImageFormat(1, percentiles=(10, 90)).from_raster(Raster(ramp))
    assert unit[0, [10, 50, 90], 0].tolist() == [0, 0.5, 1]
    flat = ImageFormat(1, percentiles=(1, 99)).from_raster(Raster(np.full((2, 2, 1), 7.0, np.float32)))
    assert (flat == 0).all()


def test_what_does_not_fit_is_refused():
    many = npy(np.zeros((4, 4, 12), np.uint8))
    with pytest.raises(BadImageError, match="12 channels"):
        ImageFormat().read(tf.constant(many))
    with pytest.raises(tf.errors.OpError, match="12 channels"):
        next(iter(tf.data.Dataset.from_tensors(many).map(ImageFormat().read)))
    with pytest.raises(BadImageError, match="range"):
        ImageFormat(1).read(tf.constant(npy(np.zeros((4, 4), np.float32))))


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [
        ("uint8", None),
        ("uint16", None),
        ("uint16", (0, 4095)),
        ("int16", (-1000, 3000)),
        ("uint32", None),
        ("float32", (-2.5, 7.5)),
    ],
)
def test_stored_numbers_come_back(dtype, value_range):
    low, high = value_range or (0, np.iinfo(dtype).max)
    values = np.linspace(low, high, 12).astype(dtype).reshape(3, 4, 1)
    form = ImageFormat(1, value_range=value_range)
    back = form.to_stored(form.read(tf.constant(npy(values))) * 2 - 1, dtype).numpy()
    assert back.dtype == dtype
    # A float32 has 24 bits, so that wide numbers come back to 2^-23 of their range.
    wide = (high - low) / 2**23 if dtype in ("uint32", "float32") else 0
    np.testing.assert_allclose(back.astype(float), values.astype(float), rtol=0, atol=wide)


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [
        ("uint8", None),
        ("uint16", None),
        ("uint16", (3.0, 4095.0)),
        ("int16", (-1000.0, 3000.0)),
        ("uint32", (0.0, 2.0**31)),
        ("int32", (-8.0, 8.0)),
        ("float32", (-8.0, 2.0)),
        ("float32", None),
    ],
)
def test_numbers_are_those_of_a_graph(dtype, value_range):
    """Translated files hold what served ones hold, also where half a level is rounded, and outside of [-1, 1]."""
    form = ImageFormat(1, value_range=value_range)
    halves = np.linspace(-1, 1, 2 * 255 * 4 + 1, dtype=np.float32)
    values = np.concatenate([halves, RNG.uniform(-1.2, 1.2, 100_000).astype(np.float32), np.float32([-9, 9])])
    image = values.reshape(-1, 1, 1)
    served = tf.function(lambda image: form.to_stored(image, dtype))(image).numpy()
    found = form.numbers(image, dtype)
    assert found.dtype == served.dtype
    np.testing.assert_array_equal(found, served)
    np.testing.assert_array_equal(image[:, 0, 0], values)  # which stay as they are


def test_classes_are_those_of_a_graph():
    form = ImageFormat(3, labels=5)
    image = RNG.integers(-2, 3, (20, 30, 5)).astype(np.float32)  # many of them are equal
    np.testing.assert_array_equal(form.numbers(image, "uint8"), form.to_stored(tf.constant(image), "uint8"))


def test_two_files_are_a_pair():
    a, b = RNG.integers(0, 256, (8, 8, 3), np.uint8), RNG.integers(0, 65536, (8, 8, 1), np.uint16)
    contents = pack(encoded(a), npy(b))
    for direction in ("AtoB", "BtoA"):
        first, second = ImageFormat(3), ImageFormat(1)
        form = PairFormat(direction, (8, 8), *((first, second) if direction == "AtoB" else (second, first)))
        pair = form.read(tf.constant(contents))
        for image, again in zip(pair, next(iter(tf.data.Dataset.from_tensors(contents).map(form.read))), strict=True):
            np.testing.assert_array_equal(image, again)
        images = dict(zip(direction.split("to"), pair, strict=True))
        np.testing.assert_array_equal(images["A"], (a / 255).astype(np.float32))
        np.testing.assert_array_equal(images["B"], (b / 65535).astype(np.float32))
    with pytest.raises(BadImageError, match="side B"):
        PairFormat("AtoB", (8, 8)).read(tf.constant(pack(encoded(a), b"GIF89a")))


def test_halves_of_one_file_that_python_reads():
    values = RNG.integers(0, 4096, (6, 12, 5), np.uint16)
    form = PairFormat("BtoA", (6, 6), ImageFormat(5, value_range=(0, 4095)), ImageFormat(5))
    source, target = form.read(tf.constant(npy(values)))
    np.testing.assert_allclose(source, values[:, 6:] / 4095, rtol=1e-6)
    np.testing.assert_allclose(target, values[:, :6] / 65535, rtol=1e-6)
    with pytest.raises(BadImageError, match="odd"):
        form.read(tf.constant(npy(values[:, 1:])))


def test_white_is_the_largest_number_of_the_bits_that_a_file_tells():
    """A TIFF of 12 bits is not almost black."""
    values = np.array([[0, 2048, 4095]], np.uint16)
    file = io.BytesIO()
    try:
        tifffile.imwrite(file, values, bitspersample=12)
    except NotImplementedError:
        pytest.skip("imagecodecs before 2026, for Python 3.10, writes no numbers of 12 bits")
    found = ImageFormat(channels=1).read_bytes(file.getvalue())
    np.testing.assert_allclose(found[0, :, 0], values[0] / 4095, rtol=1e-6)
    found = ImageFormat(channels=1, value_range=(0, 8190)).read_bytes(file.getvalue())
    np.testing.assert_allclose(found[0, :, 0], values[0] / 8190, rtol=1e-6)


def test_axes_that_are_none():
    with pytest.raises(InputError, match="--axes=XYZ"):
        ImageFormat(axes="XYZ")
