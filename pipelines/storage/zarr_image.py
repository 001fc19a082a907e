"""Reads and writes Zarr folders as images: OME-Zarr 0.4 and 0.5 at their full size, and single arrays."""

import io
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.images.formats import raster
from pipelines.images.formats.arrays import with_axes
from pipelines.images.formats.pixel_size import MICROMETER, PixelSize
from pipelines.images.formats.raster import Header, Raster, Window
from pipelines.images.formats.row_encoders import Rows
from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError
from pipelines.storage.listing import ZARR_SUFFIX
from pipelines.system.disk import whole_folder
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

# Codecs that turn bytes into bytes. Others are refused before zarr sees them: one of them runs what a file says.
CODECS = frozenset(
    {"blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "shuffle", "delta", "bytes", "crc32c", "transpose"}
)
SHARDING = "sharding_indexed"
MAX_METADATA = 2**20
# Sides of the chunks that are written.
CHUNK = 512
# The axes of OME-Zarr before 0.4, which had no names.
OLD_AXES = "tczyx"
# OME-Zarr has units' names in full.
UNITS = {"nm": "nanometer", MICROMETER: "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}


def is_zarr(path: pathlib.Path) -> bool:
    """Tells whether a path is a Zarr folder, which holds one image."""
    return path.suffix.lower() == ZARR_SUFFIX and path.is_dir()


class ZarrImage:
    """An image in a Zarr folder, of which windows are read.

    Args:
      path: of the folder.
      axes: of an array whose folder does not say, such as CYX.
      room: bytes that a chunk may take in memory.

    Attributes:
      header: as those of files.
      pixel_size: None if it is not told.

    Raises:
      BadImageError: it is damaged, or nothing that is taken.
      InputError: zarr is not installed.
    """

    def __init__(self, path: pathlib.Path, axes: str, room: float):
        zarr = imported()
        place, letters, self.pixel_size = _find(path)
        _check_codecs(place)
        try:
            self._array = zarr.open_array(store=str(place), mode="r")
            shape, dtype, chunks = self._array.shape, np.dtype(self._array.dtype), self._array.chunks
        except Exception as error:  # Whatever its metadata say may fail in any way.
            raise BadImageError(DAMAGED) from error
        raster.check_type(dtype)
        self._letters = letters or axes or {2: "YX", 3: "YXC"}.get(len(shape), "")
        if len(self._letters) != len(shape) or self._letters.count("Y") != 1 or self._letters.count("X") != 1:
            raise BadImageError(f"its array of shape {shape} has axes that nothing names; give --axes, such as CYX")
        others = [
            f"{n} pictures along {letter}"
            for letter, n in zip(self._letters, shape, strict=True)
            if letter not in "YXC" and n > 1
        ]
        if others:
            raise BadImageError(f"it has {' and '.join(others)}; save one of them alone")
        if int(np.prod(chunks, dtype=object)) * dtype.itemsize > room:
            raise BadImageError(f"its chunks of {chunks} numbers are too large; save it with smaller ones")
        by_letter = dict(zip(self._letters, shape, strict=True))
        height, width = by_letter["Y"], by_letter["X"]
        channels = int(np.prod(shape, dtype=object)) // max(height * width, 1)
        stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
        self.header = Header("zarr", height, width, channels, stored)

    def read(self, window: Window, indices: bool = False) -> Raster:
        """Reads a part.

        Args:
          window: (top, left, height, width).
          indices: whether booleans stay 0 and 1.
        """
        top, left, height, width = window
        sides = {"Y": slice(top, top + height), "X": slice(left, left + width)}
        try:
            values = np.asarray(self._array[tuple(sides.get(letter, slice(None)) for letter in self._letters)])
        except Exception as error:  # As above.
            raise BadImageError(DAMAGED) from error
        values = np.ascontiguousarray(raster.native(with_axes(values, self._letters)))
        raster.check_finite(values)
        if values.dtype.kind == "b":
            values = values.astype(np.uint8) * (1 if indices else 255)
        return Raster(values)


def as_npy(path: pathlib.Path, axes: str, max_pixels: int) -> bytes:
    """Returns the whole image as the bytes of an NPY file, whose axes are `axes`, by default YXC.

    Raises:
      BadImageError: it is damaged, too large, or axes are others than YXC and CYX.
    """
    image = ZarrImage(path, axes, max_pixels * BYTES_PER_PIXEL)
    raster.check_room(image.header, max_pixels)
    values = image.read((0, 0, image.header.height, image.header.width)).values
    if axes == "CYX":
        values = np.moveaxis(values, -1, 0)
    elif axes not in ("", "YXC"):
        raise BadImageError(f"--axes={axes} cannot be those of a Zarr folder; give YXC or CYX")
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def write(path: pathlib.Path, rows: Rows, pixel_size: PixelSize | None = None) -> None:
    """Writes an image as OME-Zarr 0.4 of one size, whole or not at all; replaces a folder of that name.

    Args:
      path: of the folder.
      rows: the image.
      pixel_size: None says nothing of it.

    Raises:
      InputError: zarr is not installed.
    """
    zarr = imported()
    height, width, channels = rows.shape
    with whole_folder(path) as temporary:
        group = zarr.open_group(store=str(temporary), mode="w", zarr_format=2)
        array = group.create_array(
            "0",
            shape=(channels, height, width),
            chunks=(1, min(CHUNK, height), min(CHUNK, width)),
            dtype=rows.dtype,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        top = 0
        for band in rows.bands(CHUNK):
            array[:, top : top + len(band)] = np.moveaxis(band, -1, 0)
            top += len(band)
        unit = {"unit": UNITS.get(pixel_size.unit, pixel_size.unit)} if pixel_size else {}
        scale = [1.0, pixel_size.y, pixel_size.x] if pixel_size else [1.0, 1.0, 1.0]
        sides = [{"name": side, "type": "space", **unit} for side in "yx"]
        transformations = [{"type": "scale", "scale": scale}]
        group.attrs["multiscales"] = [
            {
                "version": "0.4",
                "name": path.stem,
                "axes": [{"name": "c", "type": "channel"}, *sides],
                "datasets": [{"path": "0", "coordinateTransformations": transformations}],
            }
        ]
        if path.is_dir():
            shutil.rmtree(path)


def imported() -> Any:
    """Returns the package zarr, or raises InputError, which says how to install it."""
    try:
        import zarr
    except ImportError:
        raise InputError("zarr is not installed; pip install zarr (Python 3.11 or later), or give TIFF") from None
    return zarr


def _find(path: pathlib.Path) -> tuple[pathlib.Path, str, PixelSize | None]:
    """Returns the folder of the array at full size, its axes if they are told, and the size of a pixel."""
    if (path / ".zarray").is_file() or _json(path / "zarr.json").get("node_type") == "array":
        return path, "", None
    told = _json(path / "zarr.json").get("attributes", {}) or _json(path / ".zattrs")
    try:
        told = told.get("ome", told)
        scales = told["multiscales"][0]
        dataset = scales["datasets"][0]
        place = path / dataset["path"]
        if not place.resolve().is_relative_to(path.resolve()):
            raise BadImageError(DAMAGED)
        names = [axis["name"] if isinstance(axis, Mapping) else axis for axis in scales.get("axes", OLD_AXES)]
        letters = "".join(name.upper()[:1] for name in names)
        return place, letters, _size_of(scales, dataset, names)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise BadImageError("it is no OME-Zarr image, nor a single array") from None


def _size_of(scales: Mapping[str, Any], dataset: Mapping[str, Any], names: list[str]) -> PixelSize | None:
    scale = next((each["scale"] for each in dataset.get("coordinateTransformations", ()) if "scale" in each), None)
    by_name = {axis["name"]: axis.get("unit") for axis in scales.get("axes", ()) if isinstance(axis, Mapping)}
    unit = by_name.get("x")
    if scale is None or not unit or by_name.get("y") != unit:
        return None
    short = next((each for each, name in UNITS.items() if name == unit), unit)
    y, x = (float(scale[names.index(side)]) for side in "yx")
    return PixelSize(y, x, short) if min(y, x) > 0 else None


def _check_codecs(place: pathlib.Path) -> None:
    """Raises BadImageError for codecs that are not known to turn bytes into bytes."""
    old, new = _json(place / ".zarray"), _json(place / "zarr.json")
    codecs = [old.get("compressor"), *(old.get("filters") or ()), *(new.get("codecs") or ())]
    while codecs:
        codec = codecs.pop()
        if codec is None:
            continue
        name = codec.get("id", codec.get("name")) if isinstance(codec, Mapping) else codec
        if name == SHARDING:
            inner = codec.get("configuration", {})
            codecs += [*inner.get("codecs", ()), *inner.get("index_codecs", ())]
        elif name not in CODECS:
            raise BadImageError(f"its codec {name!s:.40} is not taken; save it with zstd or blosc")


def _json(path: pathlib.Path) -> dict[str, Any]:
    """Reads an object; {} if there is no such file."""
    try:
        with path.open("rb") as file:
            found = parse_json(file.read(MAX_METADATA))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise BadImageError(DAMAGED) from None
    if not isinstance(found, dict):
        raise BadImageError(DAMAGED)
    return found
