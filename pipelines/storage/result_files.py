"""Writes generated images into files, with the places of their sources on a map."""

import pathlib

import tensorflow as tf

from pipelines.images import codecs
from pipelines.images.result_format import ResultFormat
from pipelines.storage import georeference
from pipelines.system.disk import whole_file
from pipelines.system.paths import AnyPath

# Programs that read maps do not read arrays.
UNPLACED_SUFFIXES = (".npy",)


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
    found = georeference.read(source)
    is_placed = not is_pair and path.suffix not in UNPLACED_SUFFIXES
    place = georeference.of_size(found, image.shape[:2]) if is_placed else None
    with whole_file(path) as temporary:
        temporary.write_bytes(form.encode(image, place.tags if place else ()))
    if place:
        place.write_side_cars(path)
    return place is found


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
