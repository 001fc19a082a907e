"""Reads pictures of any size by windows, as the numbers in [0, 1] that ImageFormat makes of the whole."""

import contextlib
import dataclasses
import functools
import math
import pathlib
import threading
from collections.abc import Callable, Iterator

import numpy as np

from pipelines.images import codecs
from pipelines.images.formats import tiff
from pipelines.images.formats.raster import Header, Raster, Window, check_room, check_sides, part
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BYTES_PER_PIXEL, BadImageError, check_length
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import Size
from pipelines.images.transforms import ODD_WIDTH
from pipelines.storage.zarr_image import ZarrImage, is_zarr

# Of the strips and tiles that were decoded last. The strips of a row of tiles of 512 take 30 MiB in a picture 20,000
# pixels wide, in RGB of 8 bits; if there are more, some are decoded once for each part of the row that is read.
KEPT_BYTES = 32 * 2**20
# Pixels that are converted at a time: conversion takes some 8-byte numbers for each channel.
CHUNK = 2**18
# Percentiles of larger pictures of floats and long integers are those of rows at even distances.
SAMPLED_PIXELS = 2**22
# Rows at even distances are taken in so many places.
SAMPLED_PLACES = 64


class Picture:
    """A picture of which windows are read; made by `open_picture`. Several threads may read from it in turns.

    Attributes:
      shape: (height, width), upright.
      header: of the whole file.
      has_windows: whether a window is read without the rest of the file; else the whole lies in memory, as stored.
      form: how stored numbers become numbers in [0, 1].
    """

    def __init__(
        self, form: ImageFormat, header: Header, decode: Callable[[Window], Raster], has_windows: bool, half: str = ""
    ):
        if half and header.width % 2:
            raise BadImageError(ODD_WIDTH)
        self.form = form
        self.header = header
        self.has_windows = has_windows
        self.shape: Size = (header.height, header.width // 2 if half else header.width)
        self._left = self.shape[1] if half == "B" else 0
        self._decode = decode
        self._lock = threading.Lock()
        self._percentiles: tuple[np.ndarray, np.ndarray] | None = None

    def read(self, window: Window) -> np.ndarray:
        """Reads a part of the picture: `(height, width, channels)` float32 in [0, 1].

        Args:
          window: (top, left, height, width), inside the picture.

        Raises:
          BadImageError: the part is damaged, or its numbers do not fit the form.
        """
        with self._lock:
            if self.form.percentiles and self._percentiles is None:
                self._percentiles = self._find_percentiles(self.form.percentiles)
            found = self._stored(window)
        _, _, height, width = window
        result: np.ndarray = np.empty((height, width, self.form.labels or self.form.channels), np.float32)
        rows = max(1, CHUNK // max(width, 1))
        for top in range(0, height, rows):
            some = dataclasses.replace(found, values=found.values[top : top + rows])
            result[top : top + rows] = self.form.from_raster(some, self._percentiles)
        return result

    def _stored(self, window: Window) -> Raster:
        """Reads the stored numbers of a part."""
        top, left, height, width = window
        if min(window) < 0 or top + height > self.shape[0] or left + width > self.shape[1]:
            raise ValueError(f"the window {window} is not inside of a picture of {self.shape}")
        try:
            return self._decode((top, left + self._left, height, width))
        except OSError as error:
            raise BadImageError(f"it cannot be read ({error.strerror})") from None

    def _find_percentiles(self, percentiles: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the numbers of the whole picture at two percentiles, each `(C,)`, by channel without alpha.

        Exact for integers of 8 and 16 bits, by counting, and for pictures of up to SAMPLED_PIXELS; for larger ones of
        other numbers, those of so many pixels, in rows at even distances.
        """
        height, width = self.shape
        if self.header.dtype.kind in "iu" and self.header.dtype.itemsize <= 2:
            rows = max(1, CHUNK // width)
            bands = ((top, 0, min(rows, height - top), width) for top in range(0, height, rows))
            counts = functools.reduce(np.add, (_counts(_colors(self._stored(band))) for band in bands))
            low, high = _percentiles_of(counts, percentiles)
            offset = np.iinfo(self.header.dtype).min
            return low + offset, high + offset
        if height * width <= SAMPLED_PIXELS:
            colors = _colors(self._stored((0, 0, height, width)))
        else:
            rows = max(1, SAMPLED_PIXELS // width // SAMPLED_PLACES)
            tops = np.unique(np.linspace(0, height - rows, SAMPLED_PLACES).astype(int)).tolist()
            colors = np.concatenate([_colors(self._stored((top, 0, rows, width))) for top in tops])
        low, high = np.percentile(colors, percentiles, axis=(0, 1))
        return low, high


@contextlib.contextmanager
def open_picture(
    path: pathlib.Path, form: ImageFormat, half: str = "", indices: bool | None = None, kept_bytes: int = KEPT_BYTES
) -> Iterator[Picture]:
    """Opens a picture to read windows of it.

    TIFF and NPY files and Zarr folders stay open, and only what a window touches is read, so their number of pixels has
    no limit. Files of other formats are decoded as a whole, into their own type of numbers, if form.max_pixels allows
    it.

    Args:
      path: of a local file, or of a Zarr folder.
      form: how its numbers are read.
      half: `A` or `B` takes this half of a side-by-side pair.
      indices: whether a palette's indices are classes; default: as form.holds_indices has it.
      kept_bytes: of the strips and tiles of a TIFF that were decoded last and are kept for the next window.

    Raises:
      BadImageError: it cannot be read, is damaged or too large.
      InputError: it is a Zarr folder, and zarr is not installed.
    """
    as_indices = form.holds_indices if indices is None else indices
    if is_zarr(path):
        folder = ZarrImage(path, form.axes, form.max_pixels * BYTES_PER_PIXEL)
        check_sides(folder.header)
        yield Picture(form, folder.header, lambda window: folder.read(window, as_indices), True, half)
        return
    try:
        file = StoredFile(path)
    except OSError as error:
        raise BadImageError(f"it cannot be read ({error.strerror})") from None
    with file:
        yield _picture_of(file, form, half, as_indices, kept_bytes)


def is_larger_than_memory(path: pathlib.Path, form: ImageFormat) -> bool:
    """Tells whether it can be read by windows alone: TIFF, NPY or Zarr of more than form.max_pixels pixels."""
    try:
        if is_zarr(path):
            header = ZarrImage(path, form.axes, math.inf).header
            return header.height * header.width > form.max_pixels
        with StoredFile(path) as file:
            found = codecs.probe(file, form.axes) if codecs.format_of(file) in codecs.WITH_WINDOWS else None
    except (OSError, BadImageError):
        return False
    return found is not None and found.height * found.width > form.max_pixels


def _picture_of(file: StoredFile, form: ImageFormat, half: str, indices: bool, kept_bytes: int) -> Picture:
    name = codecs.format_of(file)
    room = form.max_pixels * BYTES_PER_PIXEL
    if name == "tiff":
        opened = tiff.OpenTiff(file, form.axes, kept_bytes)
        check_sides(opened.header)
        if opened.has_windows:
            return Picture(form, opened.header, lambda window: opened.read(window, room, indices=indices), True, half)
    elif name == "npy":
        header = codecs.probe(file, form.axes)
        check_sides(header)
        # Its header is short, and read again for each window.
        no_limit = max(form.max_pixels, math.prod((header.height, header.width, header.channels)))

        def read_array(window: Window) -> Raster:
            return codecs.decode(file, form.axes, no_limit, indices=indices, window=window)

        return Picture(form, header, read_array, True, half)
    else:
        check_length(len(file), form.max_pixels)
    contents = file[:]
    header = codecs.probe(contents, form.axes)
    check_room(header, form.max_pixels)
    whole = codecs.decode(contents, form.axes, form.max_pixels, indices=indices)
    return Picture(
        form, header, lambda window: dataclasses.replace(whole, values=part(whole.values, window)), False, half
    )


def _colors(raster: Raster) -> np.ndarray:
    return raster.values[..., :-1] if raster.has_alpha else raster.values


def _counts(colors: np.ndarray) -> np.ndarray:
    """Counts the numbers of each channel, from the smallest of the type on: `(C, numbers of the type)` int64."""
    span = np.iinfo(colors.dtype)
    bins = span.max - span.min + 1
    places: np.ndarray = colors.reshape(-1, colors.shape[-1]).astype(np.int64) - span.min
    return np.stack([np.bincount(places[:, i], minlength=bins) for i in range(places.shape[1])])


def _percentiles_of(counts: np.ndarray, percentiles: tuple[float, float]) -> list[np.ndarray]:
    """Returns what np.percentile gives of numbers from 0 on that occur so often in each channel."""
    sums = np.cumsum(counts, axis=1)
    found = []
    for share in percentiles:
        place = share / 100 * (sums[0, -1] - 1)
        below = math.floor(place)
        lower, upper = (
            np.array([np.searchsorted(row, rank, side="right") for row in sums], np.float64)
            for rank in (below, min(below + 1, sums[0, -1] - 1))
        )
        found.append(lower + (upper - lower) * (place - below))
    return found
