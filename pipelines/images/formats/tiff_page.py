"""Decodes one page of a TIFF, or the strips and tiles of it that a window touches."""

import io

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import JpegImagePlugin
from tifffile import COMPRESSION

from pipelines.images.formats.raster import Window
from pipelines.images.header import DAMAGED, BadImageError


def read(page: tifffile.TiffPage, length: int, window: Window | None, room: int) -> npt.NDArray:
    """Decodes the strips or tiles of a page that a window touches, to `(S, H, W, s)`."""
    keyframe = page.keyframe
    separate, _, height, width, together = keyframe.shaped
    top, left, rows, columns = window or (0, 0, height, width)
    values = np.zeros((separate, rows, columns, together), keyframe.dtype)
    if keyframe.nodata:
        values[...] = keyframe.nodata
    if keyframe.is_tiled:
        down, across = keyframe.tilelength, keyframe.tilewidth
    else:
        down, across = min(keyframe.rowsperstrip, height), width
    if down * across * together * keyframe.dtype.itemsize > max(room, 2**20):
        raise BadImageError(DAMAGED)
    in_height, in_width = -(-height // down), -(-width // across)
    wanted = [
        (plane * in_height + row) * in_width + column
        for plane in range(separate)
        for row in range(top // down, -(-(top + rows) // down))
        for column in range(left // across, -(-(left + columns) // across))
    ]
    tables = {}
    if keyframe.compression == COMPRESSION.JPEG:
        tables = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
    if len(page.dataoffsets) < separate * in_height * in_width or len(page.databytecounts) < len(page.dataoffsets):
        raise BadImageError(DAMAGED)
    for index in wanted:
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not count:  # A part that GDAL has not written, since it holds no data.
            continue
        if offset + count > length:
            raise BadImageError(DAMAGED)
        encoded = page.parent.filehandle.read_segments([offset], [count], flat=True)
        encoded = next(iter(encoded))[0]
        if tables:
            _check_jpeg(encoded, down * across)
        segment, (plane, _, y, x, _), _ = keyframe.decode(encoded, index, **tables)
        part = segment[0]
        y_from, x_from = max(y, top), max(x, left)
        y_to, x_to = min(y + part.shape[0], top + rows, height), min(x + part.shape[1], left + columns, width)
        values[plane, y_from - top : y_to - top, x_from - left : x_to - left] = part[
            y_from - y : y_to - y, x_from - x : x_to - x
        ]
    return values


def _check_jpeg(encoded: bytes, pixels: int) -> None:
    """Raises BadImageError if a JPEG within a TIFF is larger than its strip or tile: its own header tells its size."""
    width, height = JpegImagePlugin.JpegImageFile(io.BytesIO(encoded)).size
    if width * height > 2 * pixels:
        raise BadImageError(DAMAGED)
