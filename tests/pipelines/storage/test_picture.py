"""Windows of pictures: each is the part of what ImageFormat reads of the whole file."""

import dataclasses

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines.images.formats import tiff_page
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.storage.picture import open_picture

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (90, 130, 3), np.uint8)
RGBA = RNG.integers(0, 256, (90, 130, 4), np.uint8)
DEEP = RNG.integers(100, 5000, (90, 130), np.uint16)
BANDS = RNG.normal(size=(90, 130, 5)).astype(np.float32)
CLASSES = RNG.integers(0, 4, (90, 130), np.uint8)
DARKER = imagecodecs.cms_profile("rgb", gamma=3.0)


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


def saved(values, kind, mode=None, **options):
    def save(path):
        image = Image.fromarray(values, mode) if mode else Image.fromarray(values)
        if mode == "P":
            image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        image.save(path, kind, **options)

    return save


def npy(values):
    def write(path):
        with open(path, "wb") as file:
            np.save(file, values)

    return write


RGB_TILES = tiff(COLORS, tile=(32, 32), photometric="rgb", compression="zlib")
# What writes the file, and how it is read.
FILES = {
    "colors": (RGB_TILES, ImageFormat()),
    "gray of colors": (RGB_TILES, ImageFormat(channels=1)),
    "alpha over a background": (
        tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]),
        ImageFormat(background=(9, 99, 199)),
    ),
    "alpha": (tiff(RGBA, photometric="rgb", extrasamples=["assocalpha"]), ImageFormat(channels=4)),
    "on its side": (tiff(COLORS, photometric="rgb", extratags=[(274, 3, 1, 6, True)]), ImageFormat()),
    "a range": (tiff(DEEP, rowsperstrip=7), ImageFormat(channels=1, value_range=(200, 4000))),
    "percentiles": (tiff(DEEP, rowsperstrip=7), ImageFormat(channels=1, percentiles=(2, 97))),
    "percentiles of colors": (RGB_TILES, ImageFormat(percentiles=(1, 99.5))),
    "percentiles of floats": (npy(BANDS), ImageFormat(channels=5, percentiles=(1, 99))),
    "axes": (npy(np.moveaxis(BANDS, -1, 0)), ImageFormat(channels=5, axes="CYX", value_range=(-3, 3))),
    "classes of a palette": (saved(CLASSES, "PNG", "P"), ImageFormat(channels=1, labels=4)),
    "classes of colors": (
        tiff(np.array([(9, 9, 9), (200, 0, 0), (0, 200, 0)], np.uint8)[CLASSES % 3], photometric="rgb"),
        ImageFormat(labels=3, palette=[(9, 9, 9), (200, 0, 0), (0, 200, 0)]),
    ),
    "palette": (saved(CLASSES, "TIFF", "P"), ImageFormat()),
    "JPEG": (saved(COLORS, "JPEG"), ImageFormat()),
    "PNG of 16 bits": (saved(DEEP, "PNG"), ImageFormat(channels=1)),
    "WebP": (saved(RGBA, "WEBP", lossless=True), ImageFormat(channels=4)),
    "BMP": (saved(COLORS, "BMP"), ImageFormat()),
    "profile": (saved(COLORS, "TIFF", icc_profile=DARKER), ImageFormat()),
}
WINDOWS = [(0, 0, 90, 90), (13, 17, 40, 50), (89, 0, 1, 90), (5, 89, 60, 1)]


@pytest.mark.parametrize("name", FILES)
def test_a_window_is_the_wholes_part(tmp_path, name):
    write, form = FILES[name]
    path = tmp_path / "file"
    write(path)
    whole = form.read(tf.constant(path.read_bytes())).numpy()
    with open_picture(path, form) as picture:
        assert picture.shape == whole.shape[:2]
        assert picture.has_windows == (not path.read_bytes().startswith((b"\x89PNG", b"RIFF", b"BM", b"\xff\xd8")))
        for top, left, height, width in WINDOWS:
            found = picture.read((top, left, height, width))
            assert found.dtype == np.float32
            # TensorFlow's kernels weigh red, green and blue in float32.
            np.testing.assert_allclose(found, whole[top : top + height, left : left + width], rtol=0, atol=1e-6)


def test_a_half_is_a_picture(tmp_path):
    RGB_TILES(tmp_path / "pair.tif")
    for half, part in (("A", COLORS[:, :65]), ("B", COLORS[:, 65:])):
        with open_picture(tmp_path / "pair.tif", ImageFormat(), half) as picture:
            assert picture.shape == (90, 65)
            np.testing.assert_allclose(picture.read((7, 9, 20, 56)) * 255, part[7:27, 9:], atol=1e-4)


def test_the_limit_is_for_what_is_decoded_whole(tmp_path):
    form = ImageFormat(max_pixels=1000)
    RGB_TILES(tmp_path / "a.tif")
    npy(COLORS)(tmp_path / "a.npy")
    saved(COLORS, "PNG")(tmp_path / "a.png")
    for name in ("a.tif", "a.npy"):
        with open_picture(tmp_path / name, form) as picture:
            np.testing.assert_allclose(picture.read((80, 60, 10, 70)) * 255, COLORS[80:, 60:], atol=1e-4)
    with pytest.raises(BadImageError, match="--max_pixels=11700"), open_picture(tmp_path / "a.png", form):
        pass


def test_each_part_is_decoded_once(tmp_path, monkeypatch):
    """Tiles beside each other share strips."""
    tiff(COLORS, rowsperstrip=9, compression="zlib", photometric="rgb")(tmp_path / "a.tif")
    decode, places = tiff_page._decoded, []

    def counted(page, index, *rest):
        places.append(index)
        return decode(page, index, *rest)

    monkeypatch.setattr(tiff_page, "_decoded", counted)
    tiles = [(top, left, 45, 65) for top in (0, 45) for left in (0, 65)]
    with open_picture(tmp_path / "a.tif", ImageFormat()) as picture:
        for tile in tiles:
            picture.read(tile)
        assert places == list(range(10))
    # With room for two strips, rows of tiles still come out right.
    with open_picture(tmp_path / "a.tif", ImageFormat(), kept_bytes=2 * 9 * 130 * 3) as picture:
        parts = [picture.read(tile) for tile in tiles]
    np.testing.assert_allclose(np.block([[[parts[0]], [parts[1]]], [[parts[2]], [parts[3]]]]).shape, (90, 130, 3))
    np.testing.assert_allclose(parts[3] * 255, COLORS[45:, 65:], atol=1e-4)
    assert len(places) > 20


def test_errors_of_a_picture(tmp_path):
    with pytest.raises(BadImageError), open_picture(tmp_path / "none.tif", ImageFormat()):
        pass
    RGB_TILES(tmp_path / "a.tif")
    (tmp_path / "short.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-5000])
    with open_picture(tmp_path / "short.tif", ImageFormat()) as picture:
        picture.read((0, 0, 32, 32))
        with pytest.raises(BadImageError):
            picture.read((60, 100, 30, 30))
    # An error of whoever reads is not the picture's.
    with pytest.raises(KeyError), open_picture(tmp_path / "a.tif", ImageFormat()) as picture:
        raise KeyError("x")
    form = dataclasses.replace(ImageFormat(), channels=1)
    npy(BANDS[..., :1])(tmp_path / "floats.npy")
    with open_picture(tmp_path / "floats.npy", form) as picture, pytest.raises(BadImageError, match="source_range"):
        picture.read((0, 0, 5, 5))
