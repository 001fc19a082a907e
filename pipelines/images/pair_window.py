"""Reads windows of large pairs, without the rest where the format of their files allows it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.images import codecs, fit, packed_pair, transforms
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.packed_pair import naming_side
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, middle_size

# The bytes of a file, or the file itself.
Contents = bytes | StoredFile
# Rows of a large pair that `check_readable` reads at a time.
CHECKED_ROWS = 512


def window_shape(form: PairFormat, files: Sequence[Contents]) -> Size | None:
    """Returns (height, width) of each side, if windows of its files can be read without the rest; else None.

    Args:
      form: how the pair is read.
      files: the file of a side-by-side pair, or those of A and B.

    Raises:
      BadImageError: a file is damaged, too large, or too small for a crop.
    """
    headers = [codecs.probe(file, form.source.axes) for file in files]
    if not form.has_windows or any(header.format not in codecs.WITH_WINDOWS for header in headers):
        return None
    shapes = {(header.height, header.width) for header in headers}
    if len(shapes) > 1:
        return None  # To read it whole tells what is wrong.
    height, width = shapes.pop()
    if len(files) == 1:
        if width % 2:
            raise BadImageError(transforms.ODD_WIDTH)
        width //= 2
    if not form.whole and (height < form.network_size[0] or width < form.network_size[1]):
        raise BadImageError(fit.misfit((height, width), form.network_size, form.preprocess))
    return height, width


def read_window(form: PairFormat, files: Sequence[Contents], window: codecs.Window) -> list[np.ndarray]:
    """Reads a window of source and target, each `(h, w, channels)` float32 in [0, 1], as `read` would.

    Args:
      form: how the pair is read.
      files: as `window_shape` has them.
      window: (top, left, height, width) in each side.

    Raises:
      BadImageError: a file is bad, or does not fit; it names the side.
    """
    if len(files) == 1:
        width = codecs.probe(files[0], form.source.axes).width // 2
        top, left, rows, columns = window
        places = [(top, left + (width if side == "B" else 0), rows, columns) for side in form.sides()]
        as_indices = form.halves_are_indices()
        rasters = [
            codecs.decode(files[0], form.source.axes, form.max_pixels, indices=as_indices, window=place)
            for place in places
        ]
        return [side.from_raster(raster) for side, raster in zip((form.source, form.target), rasters, strict=True)]
    images = []
    for side in form.sides():
        with naming_side(side):
            images.append(form.of_side(side).read_bytes(files["AB".index(side)], window))
    return images


def check_readable(form: PairFormat, contents: bytes) -> Size:
    """Raises what `read` would raise eagerly; large files of which windows are read take less memory.

    Returns:
      (height, width) of what `read` would return.
    """
    files = packed_pair.files_of(contents)
    shape = window_shape(form, files) if form.has_windows else None
    if not shape and form.shape and form.preprocess in ("resize_and_crop", "pad"):
        # To resize takes longer than to decode, and refuses nothing.
        form.read_sides(tf.constant(contents))
        return form.shape
    if not shape:
        source, _ = form.read(tf.constant(contents))
        return source.shape[0], source.shape[1]
    height, width = shape
    for top in range(0, height, CHECKED_ROWS):
        read_window(form, files, (top, 0, min(CHECKED_ROWS, height - top), width))
    return middle_size(shape, form.middle_pixels) if form.middle_pixels else shape
