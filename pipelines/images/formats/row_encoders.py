"""Writes large arrays as image files, a few rows in memory at a time: tiled TIFF, PNG, NPY."""

import pathlib
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import tifffile

from pipelines.images.color import Color
from pipelines.images.formats.encoders import Tag, tiff_options
from pipelines.images.header import PNG_START

# Sides of a TIFF's tiles.
TILE = 512
# Of more bytes, a TIFF is a BigTIFF: in others no place is beyond 4 GiB, and compressing may make numbers longer.
MAX_PLAIN_TIFF = 2**31
# Bytes of rows that are read at a time, and of the compressed parts that a PNG is made of.
BLOCK_BYTES = 2**23
# Bytes of tiles that wait for being compressed.
WAITING_BYTES = 2**24
# Color types of a PNG by the number of channels, and that of a palette, and its most colors
# (PNG specification, 11.2).
PNG_COLORS = {1: 0, 2: 4, 3: 2, 4: 6}
PNG_PALETTE = 3
MAX_COLORS = 256
# Filters of a row (9.2).
NO_FILTER, SUB, UP = 0, 1, 2


class Rows:
    """The rows of an array, read when they are needed.

    Args:
      shape: (height, width, channels).
      dtype: of its numbers.
      read: returns the rows from the first number to before the second, `(rows, width, channels)`.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: npt.DTypeLike, read: Callable[[int, int], npt.NDArray]):
        self.shape = shape
        self.dtype: np.dtype = np.dtype(dtype)
        self.read = read

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    def bands(self, height: int = 0) -> Iterator[npt.NDArray]:
        """Yields all rows in bands of a height, by default of BLOCK_BYTES."""
        height = height or max(1, BLOCK_BYTES // self.row_bytes)
        for top in range(0, self.shape[0], height):
            yield self.read(top, min(top + height, self.shape[0]))


def write_tiff(
    path: pathlib.Path,
    rows: Rows,
    tags: Sequence[Tag] = (),
    has_alpha: bool = True,
    description: bytes | None = None,
) -> None:
    """Writes a TIFF of compressed tiles, a BigTIFF if it may need more than 4 GiB.

    Args:
      path: of the file.
      rows: the array.
      tags: further tags, as `encoders.encode` takes them.
      has_alpha: whether the last of 2 or 4 channels is alpha.
      description: ASCII, such as OME-XML.
    """
    height, width, channels = rows.shape

    def tiles() -> Iterator[npt.NDArray]:
        for band in rows.bands(TILE):
            for left in range(0, width, TILE):
                tile = band[:, left : left + TILE]
                yield tile[..., 0] if channels == 1 else tile

    with tifffile.TiffWriter(path, bigtiff=height * rows.row_bytes > MAX_PLAIN_TIFF) as file:
        file.write(
            tiles(),
            shape=rows.shape[:2] if channels == 1 else rows.shape,
            dtype=rows.dtype,
            tile=(TILE, TILE),
            buffersize=WAITING_BYTES,
            **tiff_options(channels, tags, has_alpha, description),
        )


def write_npy(path: pathlib.Path, rows: Rows) -> None:
    """Writes what `encoders.encode` does: `(H, W)` if there is one channel."""
    shape = rows.shape[:2] if rows.shape[-1] == 1 else rows.shape
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(rows.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for band in rows.bands():
            file.write(band.tobytes())


def write_png(path: pathlib.Path, rows: Rows, palette: Sequence[Color] | None = None) -> None:
    """Writes a PNG of uint8 or uint16, 1 to 4 channels.

    Args:
      path: of the file.
      rows: the array.
      palette: the colors of one channel's indices, uint8.
    """
    with path.open("wb") as file:
        file.write(png_head(rows.shape, rows.dtype.itemsize, palette))
        packer = zlib.compressobj()
        above: npt.NDArray = np.zeros(rows.row_bytes, np.uint8)
        for band in rows.bands():
            # The most significant byte comes first.
            stored = band.astype(rows.dtype.newbyteorder(">"), copy=False)
            lines = np.frombuffer(stored.tobytes(), np.uint8).reshape(len(band), -1)
            filtered = _filtered(lines, above, rows.shape[-1] * rows.dtype.itemsize, palette is None)
            above = lines[-1]
            if part := packer.compress(filtered.tobytes()):
                file.write(_chunk(b"IDAT", part))
        file.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))


def png_head(shape: Sequence[int], bytes_of_number: int, palette: Sequence[Color] | None = None) -> bytes:
    """Returns the beginning of a PNG: the signature, IHDR and, of indices, PLTE.

    Args:
      shape: (height, width, channels).
      bytes_of_number: 1 or 2.
      palette: the colors of the indices.
    """
    height, width, channels = shape
    color = PNG_COLORS[channels] if palette is None else PNG_PALETTE
    head = PNG_START[:8] + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * bytes_of_number, color, 0, 0, 0))
    return head if palette is None else head + _chunk(b"PLTE", np.asarray(palette[:MAX_COLORS], np.uint8).tobytes())


def _filtered(lines: npt.NDArray, above: npt.NDArray, pixel: int, is_smooth: bool) -> npt.NDArray:
    """Returns rows of bytes, each after the number of its filter: the one with the smallest differences.

    Args:
      lines: `(rows, bytes)`.
      above: the row before the first one.
      pixel: bytes of a pixel.
      is_smooth: whether neighbors are alike; indices of a palette are not filtered.
    """
    result: npt.NDArray = np.empty((len(lines), lines.shape[1] + 1), np.uint8)
    if not is_smooth:
        result[:, 0], result[:, 1:] = NO_FILTER, lines
        return result
    sub = lines.copy()
    sub[:, pixel:] -= lines[:, :-pixel]
    up = lines - np.concatenate([above[None], lines[:-1]])
    sums = [np.abs(each.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for each in (sub, up)]
    is_up = sums[1] < sums[0]
    result[:, 0] = np.where(is_up, UP, SUB)
    result[:, 1:] = np.where(is_up[:, None], up, sub)
    return result


def _chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))
