"""Image files by Pillow, tifffile and NumPy, of every type of numbers, read back to the last bit."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images import codecs
from pipelines.images.formats.encoders import HOLDS
from pipelines.images.header import BadImageError
from pipelines.system.terminal import InputError
from tests.hostile import pictures

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


def by_pillow(contents):
    values = np.asarray(Image.open(io.BytesIO(contents)))
    return values if values.ndim == 3 else values[..., None]


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


@pytest.mark.parametrize("format", sorted(HOLDS))
def test_encode(format):
    """What is written is read back, and by the other library."""
    types, counts = HOLDS[format]
    for dtype in types or (*TYPES, "uint64", "int64"):
        for channels in counts or (1, 2, 3, 4, 5, 256):
            values = numbers(dtype, channels)
            contents = codecs.encode(values, format)
            found = codecs.decode(contents).values
            assert found.dtype == values.dtype
            assert found[..., : values.shape[-1]].shape == values.shape
            if format == "jpg":
                np.testing.assert_array_equal(found, by_pillow(contents))
            elif format == "webp" and channels == 1:
                np.testing.assert_array_equal(found, values.repeat(3, axis=-1))
            elif format == "webp" and channels == 2:
                np.testing.assert_array_equal(found, values[..., [0, 0, 0, 1]])
            else:
                np.testing.assert_array_equal(found, values)
            if format == "png" and (dtype == "uint8" or channels == 1):
                np.testing.assert_array_equal(by_pillow(contents), values)
            if format == "tif":
                np.testing.assert_array_equal(tifffile.imread(io.BytesIO(contents)).reshape(values.shape), values)


def test_encode_a_smooth_jpeg():
    gray = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)[..., None]
    assert np.abs(by_pillow(codecs.encode(gray, "jpg")).astype(int) - gray).max() <= 2


def test_encode_a_part_of_one_pixel():
    """Its strides are those of the array that it is cut from."""
    part = np.arange(4, dtype=np.uint8).reshape(1, 1, 4)[..., :3]
    np.testing.assert_array_equal(codecs.decode(codecs.encode(part, "png")).values, part)


def test_encode_a_palette():
    indices = (numbers("uint8") % 3)[..., 0]
    colors = np.array([[10, 20, 30], [0, 255, 0], [9, 9, 200]], np.uint8)
    contents = codecs.encode(indices, "png", palette=colors.tolist())
    image = Image.open(io.BytesIO(contents))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), indices)
    np.testing.assert_array_equal(codecs.decode(contents, indices=True).values[..., 0], indices)
    assert_read(contents, colors[indices])


def test_geo_tags_are_carried_over():
    """As GDAL writes them: pixel scale, tie point, keys (OGC GeoTIFF 1.1, 7.1)."""
    tags = [
        (33550, 12, 3, (0.5, 0.5, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0), True),
        (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
        (34737, 2, 8, "WGS 84|", True),
    ]
    source = tiff(numbers("uint8")[..., 0], extratags=tags)
    contents = codecs.encode(numbers("float32", 2), "tif", tags=codecs.geo_tags(source))
    with tifffile.TiffFile(io.BytesIO(contents)) as file:
        found = {code: file.pages.first.tags[code].value for code, *_ in tags}
        assert file.pages.first.tags.get("ImageDescription") is None
    assert found == {code: value for code, _, _, value, _ in tags}
    assert codecs.geo_tags(codecs.encode(numbers("uint8"), "png")) == []


@pytest.mark.parametrize(
    ("values", "options", "named"),
    [
        (numbers("float32"), {"format": "png"}, "png cannot hold float32"),
        (numbers("uint16"), {"format": "jpg"}, "jpg cannot hold uint16"),
        (numbers("uint8", 12), {"format": "webp"}, "webp cannot hold 12 channels"),
        (numbers("uint8"), {"format": "gif"}, "gif"),
        (numbers("uint8"), {"format": "png", "palette": [(0, 0, 0)]}, "1 colors"),
    ],
)
def test_encode_refuses(values, options, named):
    with pytest.raises(InputError, match=named):
        codecs.encode(values, **options)


@pytest.mark.parametrize("axes", ["", "YX", "CYX", "YXC", "CCYX"])
def test_axes(axes):
    codecs.check_axes(axes)


@pytest.mark.parametrize("axes", ["C", "XYX", "YC", "yx", "ZYX", "Y X"])
def test_wrong_axes(axes):
    with pytest.raises(InputError, match=axes):
        codecs.check_axes(axes)


def test_interlaced_and_progressive():
    rgb = numbers("uint8", 3)
    assert_read(pictures.interlaced(rgb), rgb)
    contents = pictures.saved(Image.fromarray(rgb), "JPEG", progressive=True)
    assert_read(contents, by_pillow(contents))


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_palette_is_that_of_pillow(kind):
    colors = [(1, 2, 3), (200, 100, 0), (255, 255, 254)]
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([level for color in colors for level in color])
    file = io.BytesIO()
    image.save(file, kind)
    assert codecs.palette(file.getvalue())[:3] == colors
    gray = io.BytesIO()
    Image.new("L", (3, 2)).save(gray, "PNG")
    assert codecs.palette(gray.getvalue()) is None
