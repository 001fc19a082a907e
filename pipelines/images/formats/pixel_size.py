"""The size of a pixel in microscopes' files: read from OME-XML, written into it."""

import html
import math
import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax import saxutils

import numpy as np

# What OME-XML takes for a length's unit if it says none, and how it is written in ASCII.
MICROMETER = "µm"
# Types of numbers whose name in OME-XML is another one.
OME_TYPES = {"float32": "float", "float64": "double", "bool": "bit"}
SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


class PixelSize(NamedTuple):
    """How large a pixel is.

    Attributes:
      y: its height.
      x: its width.
      unit: as OME-XML has it, such as µm.
    """

    y: float
    x: float
    unit: str = MICROMETER


def from_ome(text: str) -> PixelSize | None:
    """Finds the size of the first image's pixels in OME-XML; None if it says none, or different units."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", text)
    if not pixels:
        return None
    told = dict(re.findall(r"\b(PhysicalSize[XY](?:Unit)?)\s*=\s*[\"']([^\"']*)", pixels[0]))
    units = {html.unescape(told.get(f"PhysicalSize{side}Unit", MICROMETER)) for side in "XY"}
    try:
        y, x = (float(told[f"PhysicalSize{side}"]) for side in "YX")
    except (KeyError, ValueError):
        return None
    return PixelSize(y, x, units.pop()) if len(units) == 1 and all(0 < side < math.inf for side in (y, x)) else None


def ome_of(shape: Sequence[int], dtype: np.dtype, pixel_size: PixelSize | None) -> bytes:
    """Returns OME-XML, ASCII, for the one page of a TIFF (OME schema of 2016-06).

    Args:
      shape: (height, width, channels), the channels of a pixel beside each other.
      dtype: of its numbers.
      pixel_size: None says nothing of it.
    """
    height, width, channels = shape
    sizes = ""
    if pixel_size:
        unit = saxutils.quoteattr(pixel_size.unit)
        sizes = "".join(
            f' PhysicalSize{side}="{number!r}" PhysicalSize{side}Unit={unit}'
            for side, number in (("X", float(pixel_size.x)), ("Y", float(pixel_size.y)))
        )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{SCHEMA}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYCZT" Type="{OME_TYPES.get(dtype.name, dtype.name)}" SizeX="{width}" SizeY="{height}" '
        f'SizeC="{channels}" SizeZ="1" SizeT="1" Interleaved="true"{sizes}>'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="{channels}"/><TiffData IFD="0" PlaneCount="1"/></Pixels>'
        "</Image></OME>"
    )
    return text.encode("ascii", "xmlcharrefreplace")
