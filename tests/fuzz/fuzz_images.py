"""Reads image files of every format outside the graph: TIFF, WebP, NPY and others; what is read is an image."""

import contextlib

from pipelines.images import codecs
from pipelines.images.header import BadImageError
from tests.hostile import pictures

EXPECTED = (BadImageError,)
MAX_PIXELS = 100_000
SEEDS = [contents for kind in ("TIFF", "WebP", "NPY", "NPZ", "BMP", "PNG") for contents in pictures.whole(kind)]


def target(data, folder):
    for axes, indices, window in (["", True, None], ("CYX", False, None), ("CYX", True, (1, 2, 3, 4))):
        with contextlib.suppress(BadImageError):
            assert codecs.decode(data, axes, MAX_PIXELS, indices=indices, window=window).values.ndim == 3
    codecs.check(data, MAX_PIXELS)
    header, raster = codecs.probe(data), codecs.decode(data, max_pixels=MAX_PIXELS)
    assert raster.values.shape == (header.height, header.width, header.channels)
    assert raster.values.dtype == header.dtype
    assert header.dtype.kind in "uif"
