"""Decodes one page of a TIFF, or the strips and tiles of it that a window touches."""

import collections
import functools
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import JpegImagePlugin
from tifffile import COMPRESSION

from pipelines.images.formats.raster import Window
from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError

# A strip that takes more bytes, and is not compressed, is not read whole for some of its rows.
MAX_WHOLE_STRIP = 2**20


class DecodedParts:
    """Keeps the strips and tiles that were used last, so that windows beside each other decode none twice.

    Args:
      max_bytes: how large all kept parts together may be; the newest part is kept in any case.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self._parts: collections.OrderedDict[tuple[int, int], tuple] = collections.OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[int, int], decode: Callable[[], tuple]) -> tuple:
        """Returns what `decode` returns, an array and its place, or returned for this key before."""
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key]
        found = decode()
        self._parts[key] = found
        self._bytes += found[0].nbytes
        while self._bytes > self.max_bytes and len(self._parts) > 1:
            self._bytes -= self._parts.popitem(last=False)[1][0].nbytes
        return found


def read(
    page: tifffile.TiffPage, length: int, window: Window | None, room: int, kept: DecodedParts | None = None
) -> npt.NDArray:
    """Decodes the strips or tiles of a page that a window touches, to `(S, H, W, s)`.

    Args:
      page: of the file.
      length: of the file, in bytes.
      window: as the page is stored; None is everything.
      room: bytes that a strip or tile may take in memory.
      kept: those that were decoded before.

    Raises:
      BadImageError: it is damaged, or a strip or tile is larger than `room`.
    """
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
    row_bytes = across * together * keyframe.dtype.itemsize
    by_rows = _has_plain_rows(keyframe) and down * row_bytes > MAX_WHOLE_STRIP
    if (row_bytes if by_rows else down * row_bytes) > max(room, 2**20):
        raise BadImageError(
            f"a strip or tile of it takes {down * row_bytes} bytes; save it with smaller ones, or give "
            f"--max_pixels={-(-down * row_bytes // BYTES_PER_PIXEL)} if you trust it"
        )
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
        if by_rows:
            y = index % in_height * down
            first, last = max(y, top), min(y + down, top + rows, height)
            part, plane, x = _plain_rows(page, offset, count, first - y, last - first, row_bytes), index // in_height, 0
            y, part = first, part.reshape(last - first, width, together)
        else:
            decode = functools.partial(_decoded, page, index, down * across, tables)
            part, plane, y, x = kept.get((offset, index), decode) if kept else decode()
        y_from, x_from = max(y, top), max(x, left)
        y_to, x_to = min(y + part.shape[0], top + rows, height), min(x + part.shape[1], left + columns, width)
        values[plane, y_from - top : y_to - top, x_from - left : x_to - left] = part[
            y_from - y : y_to - y, x_from - x : x_to - x
        ]
    return values


def _decoded(page: tifffile.TiffPage, index: int, pixels: int, tables: dict) -> tuple[npt.NDArray, int, int, int]:
    """Decodes a strip or tile to `(h, w, s)`; returns with it its plane, its first row and its first column."""
    offset, count = page.dataoffsets[index], page.databytecounts[index]
    encoded = page.parent.filehandle.read_segments([offset], [count], flat=True)
    encoded = next(iter(encoded))[0]
    if tables:
        _check_jpeg(encoded, pixels)
    segment, (plane, _, y, x, _), _ = page.keyframe.decode(encoded, index, **tables)
    return segment[0], plane, y, x


def _has_plain_rows(keyframe: tifffile.TiffPage) -> bool:
    """Tells whether rows lie in the file as in memory: neither tiled nor compressed, of whole bytes."""
    return (
        not keyframe.is_tiled
        and keyframe.compression == COMPRESSION.NONE
        and keyframe.predictor == 1
        and keyframe.fillorder == 1
        and keyframe.bitspersample == 8 * keyframe.dtype.itemsize
    )


def _plain_rows(page: tifffile.TiffPage, offset: int, count: int, first: int, rows: int, row_bytes: int) -> npt.NDArray:
    """Reads some rows of a strip that lie in the file as in memory."""
    if (first + rows) * row_bytes > count:
        raise BadImageError(DAMAGED)
    file = page.parent.filehandle
    file.seek(offset + first * row_bytes)
    return np.frombuffer(file.read(rows * row_bytes), page.keyframe.dtype.newbyteorder(page.parent.byteorder))


def _check_jpeg(encoded: bytes, pixels: int) -> None:
    """Raises BadImageError if a JPEG within a TIFF is larger than its strip or tile: its own header tells its size."""
    width, height = JpegImagePlugin.JpegImageFile(io.BytesIO(encoded)).size
    if width * height > 2 * pixels:
        raise BadImageError(DAMAGED)
