"""What is sent of a file: the PNG's pixels are those that its writer was given."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from export.serving.sendable import as_sendable
from pipelines.images.header import BadImageError

RNG = np.random.default_rng(5)
GRAY16 = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def by_pillow(pixels, kind, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def npy(pixels):
    file = io.BytesIO()
    np.save(file, pixels)
    return file.getvalue()


@pytest.mark.parametrize(
    ("contents", "pixels"),
    [
        (tiff(GRAY16), GRAY16),
        (tiff(RGB, photometric="rgb", compression="zlib"), RGB),
        (by_pillow(RGB, "BMP"), RGB),
        (by_pillow(RGB, "WEBP", lossless=True), RGB),
        (npy(GRAY16), GRAY16),
        (tiff(RNG.integers(0, 2, (6, 9)).astype(bool)), None),
    ],
)
def test_a_png_of_the_same_numbers(contents, pixels):
    sent = as_sendable(contents)
    found = imagecodecs.png_decode(sent)
    if pixels is None:
        assert set(np.unique(found)) <= {0, 255}
    else:
        assert found.dtype == pixels.dtype
        np.testing.assert_array_equal(found.squeeze(), pixels)


@pytest.mark.parametrize("contents", [by_pillow(RGB, "PNG"), by_pillow(RGB, "JPEG"), imagecodecs.png_encode(GRAY16)])
def test_jpeg_and_png_are_sent_as_they_are(contents):
    assert as_sendable(contents) == contents


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (tiff(GRAY16.astype(np.float32)), "float32"),
        (npy(GRAY16.astype(np.int32)), "int32"),
        (npy(RNG.integers(0, 9, (6, 9, 12), dtype=np.uint8)), "12 channels"),
        (npy(RNG.integers(0, 9, (6, 9, 2), dtype=np.uint8)), "2 channels"),
        (b"text", "no JPEG"),
        (b"", "empty"),
        (tiff(GRAY16)[:60], "damaged"),
    ],
)
def test_what_a_png_cannot_hold(contents, words):
    with pytest.raises(BadImageError, match=words):
        as_sendable(contents)


def test_max_pixels():
    with pytest.raises(BadImageError, match="6x9 pixels"):
        as_sendable(tiff(GRAY16), max_pixels=50)
