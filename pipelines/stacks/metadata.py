"""Reads what a stack's file says besides its numbers, such as the size of a voxel, for the file of results."""

import dataclasses
import html
import re
from collections.abc import Mapping
from typing import Any

import tifffile

from pipelines.images.formats.pixel_size import MICROMETER
from pipelines.images.formats.tiff_slices import Slices

# What OME-XML says of the pixels, but for their number and order (OME schema of 2016-06).
OME_PIXELS = tuple(
    f"{name}{unit}" for name in (*(f"PhysicalSize{side}" for side in "XYZ"), "TimeIncrement") for unit in ("", "Unit")
)
OME_NUMBERS = tuple(name for name in OME_PIXELS if not name.endswith("Unit"))
# What ImageJ says of a stack that results are, too; not which numbers are shown black and white.
IMAGEJ = ("spacing", "unit", "yunit", "zunit", "tunit", "finterval", "fps", "xorigin", "yorigin", "zorigin", "Labels")
# Tags: pixels in a unit of length, across and down; the unit (TIFF 6.0, section 8).
RESOLUTION = (282, 283, 296)


@dataclasses.dataclass(frozen=True)
class StackInfo:
    """What a file says of its stack.

    Attributes:
      letter: the axis of the slices, Z or T.
      kind: `ome`, `imagej` or `plain`.
      values: sizes and units by the names that OME-XML or ImageJ has for them.
      channel_names: those of a slice; empty if they have none.
      has_channels: whether the channels are an axis of their own, and not colors.
      resolution: tag -> value, of RESOLUTION.
    """

    letter: str
    kind: str = "plain"
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    has_channels: bool = False
    resolution: Mapping[int, Any] = dataclasses.field(default_factory=dict)


def of_tiff(tif: tifffile.TiffFile, slices: Slices) -> StackInfo:
    """Reads what a TIFF says of its stack; what cannot be read is left out."""
    page = tif.pages.first
    resolution = {tag.code: tag.value for tag in page.tags if tag.code in RESOLUTION}
    has_channels = "C" in slices.letters
    if tif.is_ome:
        values, names = _of_ome(tif.ome_metadata)
        return StackInfo(slices.letter, "ome", values, names, has_channels, resolution)
    if tif.is_imagej:
        told = tif.imagej_metadata or {}
        values = {name: told[name] for name in IMAGEJ if name in told}
        return StackInfo(slices.letter, "imagej", values, (), has_channels, resolution)
    return StackInfo(slices.letter, "plain", {}, (), has_channels, resolution)


def _of_ome(text: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Finds sizes, units and the names of channels of the first image in OME-XML."""
    first = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>(.*?)</(?:\w+:)?Pixels>", text, re.DOTALL)
    if not first:
        return {}, ()
    told = {name: html.unescape(value) for name, value in re.findall(r"\b(\w+)\s*=\s*[\"']([^\"']*)", first[1])}
    values: dict[str, Any] = {}
    for name in OME_PIXELS:
        if name in told and name not in OME_NUMBERS:
            values[name] = told[name]
        elif name in told and re.fullmatch(r"\d+\.?\d*(?:[eE][-+]?\d+)?", told[name]):
            values[name] = float(told[name])
    channels = re.findall(r"<(?:\w+:)?Channel\b([^>]*)>", first[2])
    names = [re.search(r"\bName\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", channel) for channel in channels]
    if not all(names):
        return values, ()
    return values, tuple(html.unescape(found[1] or found[2] or "") for found in names if found)


def arguments(info: StackInfo, kind: str, letters: str, depth: int, channels: int) -> dict[str, Any]:
    """Returns what tifffile writes into a stack's file besides its numbers, as arguments of its `write`.

    Args:
      info: of the source.
      kind: of the file: that of the source, or `ome`.
      letters: its axes.
      depth: its slices.
      channels: of a slice; the source's names are kept if they are as many.
    """
    values = dict(info.values if info.kind == kind else _ome_of(info))
    if len(values.get("Labels", ())) != depth * (channels if "C" in letters else 1):
        values.pop("Labels", None)
    if kind == "ome" and len(info.channel_names) == channels and channels > 0 and letters[-1] != "S":
        values["Channel"] = {"Name": list(info.channel_names)}
    found: dict[str, Any] = {"metadata": {"axes": letters, **values}}
    if info.resolution.keys() >= set(RESOLUTION[:2]):
        found["resolution"] = tuple(info.resolution[code] for code in RESOLUTION[:2])
        found["resolutionunit"] = info.resolution.get(RESOLUTION[2], 1)
    return found


def _ome_of(info: StackInfo) -> dict[str, Any]:
    """Returns ImageJ's sizes as OME-XML has them."""
    told, values = info.values, dict[str, Any]()
    unit = str(told.get("unit", ""))
    unit = MICROMETER if unit in ("micron", "um", "\\u00B5m", "\u00b5m", MICROMETER) else unit
    sides = [info.resolution.get(code) for code in RESOLUTION[:2]]
    if info.kind == "imagej" and unit not in ("", "pixel"):
        for side, ratio in zip("XY", sides, strict=True):
            if ratio and ratio[0]:
                values[f"PhysicalSize{side}"] = ratio[1] / ratio[0]
        if "spacing" in told:
            values["PhysicalSizeZ"] = told["spacing"]
        values.update({f"{name}Unit": unit for name in list(values)})
    if told.get("finterval"):
        values.update(TimeIncrement=told["finterval"], TimeIncrementUnit="s")
    return values
