"""Carries the place of an image on a map from its file to its result's: GeoTIFF tags and side-car files.

A place belongs to pixels, so it is carried over only to a result of the source's own size.
"""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.images import codecs
from pipelines.images.formats.encoders import Tag
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.size import Size
from pipelines.system.disk import write_whole
from pipelines.system.paths import AnyPath, file_size

TIFF_SUFFIXES = (".tif", ".tiff")
AUX_SUFFIX, PRJ_SUFFIX = ".aux.xml", ".prj"
# Tags of a TIFF (OGC GeoTIFF 1.1, annex A).
PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735
# Keys in GEO_KEYS: whether a coordinate is of a pixel's center, and the EPSG codes of the system of coordinates.
RASTER_TYPE, GEOGRAPHIC, PROJECTED = 1025, 2048, 3072
PIXEL_IS_POINT = 2
USER_DEFINED = 32767
# The parts of GDAL's .aux.xml that say where an image lies; the others describe the source's values. They are copied as
# text: nothing of a stranger's XML is parsed.
PLACE = re.compile(rb"<(SRS|GeoTransform|GCPList)\b[^>]*>.*?</\1>", re.DOTALL)
# No side-car that says where an image lies is longer.
MAX_SIDE_CAR = 2**20


@dataclasses.dataclass(frozen=True)
class GeoReference:
    """The place of an image on a map.

    Attributes:
      size: (height, width) of the image that it belongs to.
      tags: of a GeoTIFF, as codecs.encode takes them.
      world: the contents of a world file: six lines that map pixels to coordinates.
      aux: the contents of GDAL's .aux.xml.
      prj: the contents of a .prj file, which names the system of coordinates.
    """

    size: Size
    tags: Sequence[Tag] = ()
    world: bytes | None = None
    aux: bytes | None = None
    prj: bytes | None = None

    def side_cars(self, image: AnyPath) -> dict[AnyPath, bytes]:
        """Returns the files that lie beside an image with this place; beside a TIFF with tags none for these."""
        is_tagged = bool(self.tags) and image.suffix.lower() in TIFF_SUFFIXES
        world = self.world or (None if is_tagged else _world_of(self.tags))
        aux = self.aux or (None if is_tagged else _aux_of(self.tags))
        files = {
            image.with_suffix(world_suffixes(image.suffix)[0]): world,
            image.with_name(image.name + AUX_SUFFIX): aux,
            image.with_suffix(PRJ_SUFFIX): self.prj,
        }
        return {path: contents for path, contents in files.items() if contents is not None}

    def write_side_cars(self, image: AnyPath) -> None:
        """Writes the files that lie beside an image with this place, each whole or not at all."""
        for path, contents in self.side_cars(image).items():
            write_whole(path, contents)


def read(file: AnyPath, side_cars: bool = True) -> GeoReference | None:
    """Reads where an image lies.

    Args:
      file: of the image; its side-cars lie beside it.
      side_cars: whether to look for them.

    Returns:
      None if nothing says so, or if the image cannot be read.
    """
    world = aux = prj = None
    if side_cars:
        world = _first(file.with_suffix(suffix) for suffix in world_suffixes(file.suffix))
        aux = _place(_first([file.with_name(file.name + AUX_SUFFIX)]))
        prj = _first([file.with_suffix(PRJ_SUFFIX)])
    is_tiff = file.suffix.lower() in TIFF_SUFFIXES
    if not (is_tiff or world or aux):
        return None
    try:
        with _opened(file) as contents:
            tags = tuple(codecs.geo_tags(contents)) if is_tiff else ()
            if not (tags or world or aux):
                return None
            header = codecs.probe(contents)
    except (OSError, BadImageError):
        return None
    return GeoReference((header.height, header.width), tags, world, aux, prj)


def of_size(place: GeoReference | None, size: Sequence[int]) -> GeoReference | None:
    """Returns the place for a result of a size, (height, width); None if it belongs to other pixels."""
    return place if place and place.size == tuple(size) else None


def is_side_car(file: AnyPath) -> bool:
    """Tells whether a file has the name of one that says where another lies."""
    return file.name.lower().endswith((AUX_SUFFIX, PRJ_SUFFIX, ".wld")) or (
        file.suffix.lower() in {each for suffix in codecs.SUFFIXES for each in world_suffixes(suffix)}
    )


def world_suffixes(suffix: str) -> list[str]:
    """Returns the suffixes of an image's world file, the usual one first: .png has .pgw, .pngw and .wld."""
    short = f".{suffix[1]}{suffix[-1]}w".lower() if len(suffix) > 2 else ".wld"
    return list(dict.fromkeys((short, f"{suffix.lower()}w", ".wld")))


def _first(paths: Iterable[AnyPath]) -> bytes | None:
    """Returns the contents of the first file that exists, its suffix in small or in capital letters."""
    for path in paths:
        for each in (path, path.with_suffix(path.suffix.upper())):
            try:
                if each.is_file() and file_size(each) <= MAX_SIDE_CAR:
                    return each.read_bytes()
            except OSError:
                continue
    return None


def _place(aux: bytes | None) -> bytes | None:
    parts = [found[0] for found in PLACE.finditer(aux or b"")]
    return b"<PAMDataset>\n  " + b"\n  ".join(parts) + b"\n</PAMDataset>\n" if parts else None


@contextlib.contextmanager
def _opened(file: AnyPath) -> Iterator[bytes | StoredFile]:
    """Yields a file of which the decoders read what they need; of an object store its bytes."""
    if isinstance(file, pathlib.Path):
        with StoredFile(file) as stored:
            yield stored
    else:
        yield file.read_bytes()


def _world_of(tags: Sequence[Tag]) -> bytes | None:
    """Returns the world file that says what a GeoTIFF's tags say; None if they hold no straight map to coordinates."""
    values: dict[int, Any] = {code: value for code, _, _, value in tags}
    try:
        if PIXEL_SCALE in values and TIE_POINTS in values:
            across, down, *_ = values[PIXEL_SCALE]
            column, row, _, x, y, _ = values[TIE_POINTS]
            a, b, c, d, e, f = across, 0.0, x - column * across, 0.0, -down, y + row * down
        else:
            a, b, _, c, d, e, _, f = values[TRANSFORMATION][:8]
    except (KeyError, TypeError, ValueError):
        return None
    if _geo_key(values, RASTER_TYPE) != PIXEL_IS_POINT:
        # A world file has the coordinates of the first pixel's center, the tags those of its corner.
        c, f = c + (a + b) / 2, f + (d + e) / 2
    return "".join(f"{float(number)!r}\n" for number in (a, d, b, e, c, f)).encode()


def _aux_of(tags: Sequence[Tag]) -> bytes | None:
    """Returns an .aux.xml with the system of coordinates of a GeoTIFF; None if it has no EPSG code."""
    values = {code: value for code, _, _, value in tags}
    code = _geo_key(values, PROJECTED) or _geo_key(values, GEOGRAPHIC)
    return _place(f"<SRS>EPSG:{code}</SRS>".encode()) if code and code != USER_DEFINED else None


def _geo_key(values: Mapping[int, object], key: int) -> int | None:
    """Returns the value of a short key in GEO_KEYS: four numbers each (key, 0, 1, value), after four of a header."""
    numbers = values.get(GEO_KEYS)
    if not isinstance(numbers, tuple | list):
        return None
    rows = (numbers[i : i + 4] for i in range(4, len(numbers) - 3, 4))
    return next((int(row[3]) for row in rows if row[0] == key and row[1] == 0), None)
