"""OME-TIFF: what tifffile reads of ours, and the size of a pixel that others wrote."""

import io

import numpy as np
import pytest
import tifffile

from pipelines.images import codecs
from pipelines.images.formats import tiff
from pipelines.images.formats.encoders import encode
from pipelines.images.formats.pixel_size import PixelSize, from_ome


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint16"), (3, "uint8"), (4, "uint8"), (5, "float32")])
def test_ome_tiff_as_tifffile_reads_it(channels, dtype):
    values = np.arange(6 * 7 * channels).reshape(6, 7, channels).astype(dtype)
    contents = encode(values, "ome.tif", pixel_size=PixelSize(0.25, 0.5, "µm"))
    with tifffile.TiffFile(io.BytesIO(contents)) as file:
        assert file.is_ome
        (series,) = file.series
        assert series.axes == ("YX" if channels == 1 else "YXS")
        np.testing.assert_array_equal(series.asarray().reshape(values.shape), values)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.25, 0.5, "µm")
    assert pixels["Type"] == {"float32": "float"}.get(dtype, dtype)
    np.testing.assert_array_equal(codecs.decode(contents).values, values)
    assert tiff.pixel_size(contents) == (0.25, 0.5, "µm")


def test_the_size_that_others_wrote():
    file = io.BytesIO()
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": 3,
        "PhysicalSizeY": 2.5,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeYUnit": "nm",
    }
    tifffile.imwrite(file, np.zeros((8, 9), np.uint8), ome=True, metadata=metadata)
    assert tiff.pixel_size(file.getvalue()) == (2.5, 3, "nm")
    assert tiff.pixel_size(encode(np.zeros((2, 2), np.uint8), "tif")) is None
    assert tiff.pixel_size(b"\x89PNG") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<Pixels>",
        '<Pixels PhysicalSizeX="1"/>',
        '<Pixels PhysicalSizeX="1" PhysicalSizeY="x"/>',
        '<Pixels PhysicalSizeX="0" PhysicalSizeY="1"/>',
        '<Pixels PhysicalSizeX="nan" PhysicalSizeY="1"/>',
        '<Pixels PhysicalSizeX="1" PhysicalSizeY="1" PhysicalSizeYUnit="mm"/>',
    ],
)
def test_no_size(text):
    assert from_ome(text) is None
