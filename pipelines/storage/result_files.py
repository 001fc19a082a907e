"""Writes generated images into files, with the places of their sources on a map and the size of their pixels."""

import math
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from pipelines.images import codecs
from pipelines.images.formats import tiff
from pipelines.images.formats.pixel_size import PixelSize
from pipelines.images.formats.row_encoders import Rows
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.result_format import ResultFormat
from pipelines.storage import georeference, zarr_image
from pipelines.storage.listing import ZARR_SUFFIX
from pipelines.storage.picture import is_larger_than_memory
from pipelines.system.disk import whole_file
from pipelines.system.paths import AnyPath

# Programs that read maps do not read arrays.
UNPLACED_SUFFIXES = (".npy", ZARR_SUFFIX)
OME_SUFFIX = ".ome.tif"
# Results of microscopes' files are such files, if nothing else was asked for.
SUFFIXES_KEPT = {".ome.tif": OME_SUFFIX, ".ome.tiff": OME_SUFFIX, ZARR_SUFFIX: ZARR_SUFFIX}


def suffix_of_result(source: pathlib.Path, asked: str, form: ResultFormat, source_form: ImageFormat) -> str:
    """Chooses the suffix of a result, such as `.png`.

    OME-TIFF and OME-Zarr stay what they are. A TIFF or NPY file of more than max_pixels, which is read by windows,
    becomes a TIFF: a PNG of that size could only be read as a whole, and with another --max_pixels.

    Args:
      source: the file that is translated.
      asked: one of choices.RESULT_FORMATS.
      form: what `result_format.choose` makes of it.
      source_form: how sources are read.
    """
    if asked != "auto":
        return form.suffix
    name = source.name.lower()
    if kept := next((kept for suffix, kept in SUFFIXES_KEPT.items() if name.endswith(suffix)), None):
        return kept
    return ".tif" if form.name == "png" and is_larger_than_memory(source, source_form) else form.suffix


def format_of_result(path: pathlib.Path) -> str:
    """Returns the name in choices.RESULT_FORMATS of a result, by its suffix."""
    return "ome.tif" if path.name.lower().endswith(OME_SUFFIX) else path.suffix[1:]


def write_result(
    source: pathlib.Path, path: pathlib.Path, image: tf.Tensor, form: ResultFormat, is_pair: bool = False
) -> bool:
    """Writes one result whole or not at all, and its side-cars; returns False if its source's place is lost.

    Args:
      source: the file that was translated.
      path: of the result.
      image: `(H, W, channels)` in [-1, 1].
      form: of the file.
      is_pair: whether half of the source was translated; that half's place is unknown.
    """
    place, is_kept = place_of(source, path, image.shape[:2], is_pair)
    pixel_size = pixel_size_of(source, image.shape[:2], form)
    if form.name == "zarr":
        numbers = form.numbers(image)
        zarr_image.write(path, Rows(numbers.shape, numbers.dtype, lambda a, b: numbers[a:b]), pixel_size)
        return is_kept
    with whole_file(path) as temporary:
        temporary.write_bytes(form.encode(image, place.tags if place else (), pixel_size))
    if place:
        place.write_side_cars(path)
    return is_kept


def place_of(
    source: pathlib.Path, path: pathlib.Path, size: Sequence[int], is_pair: bool
) -> tuple[georeference.GeoReference | None, bool]:
    """Returns the place on a map that a result gets, if any; and False if its source has one that it does not get.

    Args:
      source: the file that is translated.
      path: of the result.
      size: (height, width) of the result.
      is_pair: whether half of the source is translated; that half's place is unknown.
    """
    found = georeference.read(source)
    is_placed = not is_pair and path.suffix not in UNPLACED_SUFFIXES
    place = georeference.of_size(found, size) if is_placed else None
    return place, place is found


def pixel_size_of(source: pathlib.Path, shape: Sequence[int], form: ResultFormat) -> PixelSize | None:
    """Returns the size of a result's pixels, if its format holds it, and it has its source's (height, width)."""
    if form.name not in ("ome.tif", "zarr"):
        return None
    try:
        if zarr_image.is_zarr(source):
            image = zarr_image.ZarrImage(source, "", math.inf)
            header, found = image.header, image.pixel_size
        else:
            with StoredFile(source) as file:
                header, found = codecs.probe(file), tiff.pixel_size(file)
    except (OSError, BadImageError):
        return None
    return found if (header.height, header.width) == tuple(shape) else None


def place_result(source: AnyPath, path: AnyPath, contents: bytes, side_cars: bool = True) -> bool:
    """Writes the side-cars of a result that another wrote; returns False if its source's place is lost.

    Args:
      source: the file that was translated.
      path: of the result.
      contents: of the result, a PNG.
      side_cars: whether the source may have such files.
    """
    found = georeference.read(source, side_cars)
    if not found:
        return True
    header = codecs.probe(contents)
    place = georeference.of_size(found, (header.height, header.width))
    if place:
        place.write_side_cars(path)
    return place is found


def unplaced_line(count: int) -> str:
    """Says in one line that the places of so many files on a map were not carried over."""
    return (
        f"the places of {count} images on a map were not carried over: only a PNG, JPEG, WebP or TIFF file of the "
        "source's own size gets one"
    )
