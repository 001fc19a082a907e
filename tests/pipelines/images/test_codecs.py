"""Image files by Pillow, tifffile and NumPy, of every type of numbers, read back to the last bit."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images import codecs
from pipelines.images.header import BadImageError

TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64")
HEIGHT, WIDTH = 40, 50
WINDOW = (3, 5, 20, 17)


def numbers(dtype, channels=1):
    """An image whose every value tells its place, at the type's own depth."""
    values = np.random.default_rng(0).random((HEIGHT, WIDTH, channels))
    if np.dtype(dtype).kind == "f":
        return (values * 1000 - 500).astype(dtype)
    limits = np.iinfo(dtype)
    return (values * (float(limits.max) - limits.min) + limits.min).astype(dtype)


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def assert_read(contents, expected, axes=""):
    """By probe, by decode, and by a window of it."""
    header, raster = codecs.probe(contents, axes), codecs.decode(contents, axes)
    assert (header.height, header.width, header.channels) == expected.shape
    assert header.dtype == expected.dtype == raster.values.dtype
    np.testing.assert_array_equal(raster.values, expected)
    top, left, height, width = WINDOW
    part = codecs.decode(contents, axes, window=WINDOW).values
    np.testing.assert_array_equal(part, expected[top : top + height, left : left + width])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "tile": (16, 16)},
        {"bigtiff": True, "byteorder": ">"},
        {"rowsperstrip": 7},
    ],
)
def test_tiff(dtype, options):
    gray, rgb = numbers(dtype), numbers(dtype, 3)
    assert_read(tiff(gray[..., 0], **options), gray)
    assert_read(tiff(rgb, photometric="rgb", **options), rgb)
    planes = tiff(np.moveaxis(rgb, 2, 0), photometric="rgb", planarconfig="separate", **options)
    assert_read(planes, rgb)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_channels_of_a_tiff(dtype):
    values = numbers(dtype, 12)
    pages = np.moveaxis(values, 2, 0)
    assert_read(tiff(values, photometric="minisblack", planarconfig="contig"), values)
    assert_read(tiff(pages), values, axes="CYX")
    assert_read(tiff(values), values, axes="YXC")
    assert_read(tiff(pages, ome=True, metadata={"axes": "CYX"}), values)
    assert_read(tiff(pages, imagej=True, metadata={"axes": "CYX"}), values)
    with pytest.raises(BadImageError, match=r"12 pages.*--axes=CYX"):
        codecs.decode(tiff(pages))


@pytest.mark.parametrize("dtype", TYPES)
def test_arrays(dtype):
    values = numbers(dtype, 5)
    for array, axes in ((values, ""), (np.moveaxis(values, 2, 0), "CYX"), (np.asfortranarray(values), "")):
        file = io.BytesIO()
        np.save(file, array)
        assert_read(file.getvalue(), values, axes)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_files_by_pillow(kind, mode):
    image = Image.fromarray(numbers("uint16")[..., 0] if mode == "I;16" else numbers("uint8", 3))
    image = image if mode == "I;16" else image.convert(mode)
    file = io.BytesIO()
    try:
        image.save(file, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    except OSError:
        pytest.skip("has no such pixels")
    read = Image.open(file)
    expected = np.asarray(read.convert({"P": "RGB", "1": "L"}.get(read.mode, read.mode)))
    assert_read(file.getvalue(), expected if expected.ndim == 3 else expected[..., None])
