"""Reads TIFF with tifffile and imagecodecs: pages, planes, tiles, OME-TIFF and ImageJ, in any type of numbers."""

import math

import numpy as np
import numpy.typing as npt
import tifffile
from tifffile import EXTRASAMPLE, PHOTOMETRIC

from pipelines.images.formats import color_profile, raster, tiff_page, tiff_stack
from pipelines.images.formats.arrays import read_block, with_axes
from pipelines.images.formats.pixel_size import PixelSize, from_ome
from pipelines.images.formats.raster import Header, Raster, Window
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.formats.tiff_stack import Stack
from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError
from pipelines.images.size import MAX_PIXELS

# How often a part of a file may be used.
MAX_SHARING = 4

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Tags that tell where on earth a picture lies (OGC GeoTIFF 1.1, Annex B), and their types' numbers.
# OGC GeoTIFF 1.1, annex A; the last one has the coefficients of a satellite's camera.
GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 50844)
ICC_TAG, ORIENTATION_TAG = 34675, 274


def probe(contents: bytes | StoredFile, axes: str = "") -> Header:
    """Reads the tags.

    Args:
      contents: the file's bytes.
      axes: a letter for each axis of the array that several pages make, such as "CYX".

    Raises:
      BadImageError: it is damaged, or cannot be read as one image.
    """
    with tiff_stack.opened(contents) as tif:
        return _header(tiff_stack.find(tif, axes))


def decode(
    contents: bytes | StoredFile,
    axes: str = "",
    max_pixels: int = MAX_PIXELS,
    *,
    indices: bool = False,
    window: Window | None = None,
) -> Raster:
    """Reads an image; of a window, only the strips and tiles that it touches.

    Args:
      contents: the file's bytes.
      axes: a letter for each axis of the array that several pages make, such as "CYX".
      max_pixels: a file with more pixels, by its tags, is not decoded.
      indices: whether a palette's indices and values of few bits are given as they are, and colors not converted.
      window: the part to read.

    Raises:
      BadImageError: it is refused, or damaged.
    """
    with tiff_stack.naming_damage():
        file = OpenTiff(contents, axes)
        raster.check_room(file.header, max_pixels)
        return file.read(window, max_pixels * BYTES_PER_PIXEL, indices=indices)


class OpenTiff:
    """A TIFF that stays open, of which windows are read one after the other.

    Args:
      contents: the file's bytes, or the file, which has to stay open.
      axes: as `decode` has them.
      kept_bytes: of the strips and tiles that were decoded last and are kept for the next window.
      stack: the pages of the image, if they were found before.

    Attributes:
      header: as `probe` returns it.

    Raises:
      BadImageError: it is damaged, or cannot be read as one image.
    """

    def __init__(self, contents: bytes | StoredFile, axes: str = "", kept_bytes: int = 0, stack: Stack | None = None):
        with tiff_stack.naming_damage():
            self._contents = contents
            self._stack = stack or tiff_stack.find(tiff_stack.open_file(contents), axes)
            self.header = _header(self._stack)
            self._turned = _orientation(self._stack.page)
            self._kept = tiff_page.DecodedParts(kept_bytes) if kept_bytes else None
            # Parts that all lie at one place would be read again and again.
            if sum(sum(one.databytecounts) for one in self._stack.pages) > MAX_SHARING * len(contents):
                raise BadImageError(DAMAGED)

    @property
    def has_windows(self) -> bool:
        """Whether a window is read without the rest of the file."""
        return self._stack.start is not None or _has_sides_inside(self._stack)

    def read(self, window: Window | None, room: int, *, indices: bool = False) -> Raster:
        """Reads a window of the upright image, or everything.

        Args:
          window: as `decode` has it.
          room: bytes that a strip or tile may take in memory.
          indices: as `decode` has it.

        Raises:
          BadImageError: a part that the window touches is damaged, or larger than `room`.
        """
        header, stack = self.header, self._stack
        with tiff_stack.naming_damage():
            if window:
                height, width = header.height, header.width
                if raster.swaps_sides(self._turned):
                    height, width = width, height
                window = raster.stored_window(window, self._turned, height, width)
            values = _values(stack, self._contents, window, room, self._kept)
            raster.check_finite(values)
            values = _unscaled(values, stack.page) if indices else _shown(values, stack)
        values = np.ascontiguousarray(raster.upright(values, self._turned))
        return Raster(values, header.has_alpha and values.shape[-1] == header.channels, header.bits)


def geo_tags(contents: bytes | StoredFile) -> list[tuple[int, int, int, object]]:
    """Returns the tags that tell where on earth a TIFF's picture lies, as `encode` takes them; none for other files.

    Nor for a picture that lies on its side: the tags are those of the pixels as stored. What GDAL adds is left out: its
    statistics, and the number that stands for 'no data', are of the file's values.
    """
    if not contents.startswith(SIGNATURES):
        return []
    with tiff_stack.opened(contents) as tif:
        if _orientation(tif.pages.first) != 1:
            return []
        tags = [tag for tag in tif.pages.first.tags if tag.code in GEO_TAGS]
        return [(tag.code, tag.dtype, tag.count, tag.value) for tag in tags]


def pixel_size(contents: bytes | StoredFile) -> PixelSize | None:
    """Returns the size of a pixel as OME-XML tells it; None for a picture that lies on its side, and other files."""
    if not contents.startswith(SIGNATURES):
        return None
    with tiff_stack.opened(contents) as tif:
        if not tif.is_ome or _orientation(tif.pages.first) != 1:
            return None
        return from_ome(tif.ome_metadata)


def _header(stack: Stack) -> Header:
    page = stack.page.keyframe
    by_letter = list(zip(stack.letters, stack.shape, strict=True))
    height, width = (next(n for letter, n in by_letter if letter == side) for side in "YX")
    channels = math.prod(n for letter, n in by_letter if letter not in "YX")
    if type(height) is not int or type(width) is not int:  # The tag holds several numbers.
        raise BadImageError(DAMAGED)
    dtype, bits = page.dtype.newbyteorder("="), page.bitspersample
    bits = bits if isinstance(bits, int) and dtype.kind == "u" and 8 <= bits <= 64 else 0
    if dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    has_alpha = _has_alpha(stack)
    if _is_one_page(stack):
        if page.photometric == PHOTOMETRIC.PALETTE:
            channels, dtype, bits = 3, np.dtype(np.uint8), 0
        elif _is_cmyk(page):
            channels = 3
    if raster.swaps_sides(_orientation(stack.page)):
        height, width = width, height
    return Header("tiff", height, width, channels, dtype, has_alpha, len(stack.pages), bits)


def _is_one_page(stack: Stack) -> bool:
    return len(stack.pages) == 1 and stack.shape == stack.page.shape


def _is_cmyk(page: tifffile.TiffPage) -> bool:
    return (
        page.photometric == PHOTOMETRIC.SEPARATED and page.samplesperpixel == 4 and page.dtype in (np.uint8, np.uint16)
    )


def _has_alpha(stack: Stack) -> bool:
    """Tells whether the last of 2 or 4 samples is alpha."""
    page = stack.page.keyframe
    if not _is_one_page(stack) or page.samplesperpixel not in (2, 4) or not page.extrasamples:
        return False
    return page.extrasamples[-1] in (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)


def _orientation(page: tifffile.TiffPage) -> int:
    told = page.keyframe.tags.valueof(ORIENTATION_TAG, 1)
    return int(told) if isinstance(told, int) and 1 <= told <= 8 else 1


def _has_sides_inside(stack: Stack) -> bool:
    """Tells whether rows and columns are those of a page, so that a window is one of each page."""
    page = stack.page.keyframe
    return stack.letters[-len(page.shape) :].replace("C", "S") == page.axes.replace("C", "S")


def _values(
    stack: Stack,
    contents: bytes | StoredFile,
    window: Window | None,
    room: int,
    kept: tiff_page.DecodedParts | None = None,
) -> npt.NDArray:
    """Reads `(H, W, C)` as stored."""
    page = stack.page.keyframe
    if stack.start is not None:
        dtype = page.dtype.newbyteorder(page.parent.byteorder)
        if stack.start + math.prod(stack.shape) * dtype.itemsize > len(contents):
            raise BadImageError(DAMAGED)
        values, window = read_block(contents, stack.start, dtype, stack.shape, stack.letters, window)
        return raster.native(raster.part(with_axes(values, stack.letters), window))
    # Where the user's axes say that rows are pages, a window is cut afterwards.
    tail = len(page.shape)
    inside = window if _has_sides_inside(stack) else None
    pages = [tiff_page.read(one, len(contents), inside, room, kept) for one in stack.pages]
    # A page is (S, H, W, s): separate samples, and those that lie beside each other; one of both is 1.
    height, width = pages[0].shape[1:3]
    sides = tuple({"Y": height, "X": width}.get(letter, n) for letter, n in zip(page.axes, page.shape, strict=True))
    shape = (*stack.shape[:-tail], *sides) if len(stack.shape) > tail else sides
    values = with_axes(np.stack(pages).reshape(shape), stack.letters)
    return values if inside else raster.part(values, window)


def _unscaled(values: npt.NDArray, page: tifffile.TiffPage) -> npt.NDArray:
    return values.astype(np.uint8) if values.dtype == bool else values


def _shown(values: npt.NDArray, stack: Stack) -> npt.NDArray:
    """Converts stored values to those that a viewer shows: black is 0, colors are sRGB, alpha is not multiplied in."""
    page = stack.page.keyframe
    if page.photometric == PHOTOMETRIC.PALETTE:
        if not _is_one_page(stack):
            return values
        colors = (page.colormap >> 8 if page.colormap.max() > 255 else page.colormap).astype(np.uint8).T
        return colors[np.minimum(values[..., 0], len(colors) - 1)]
    bits = page.bitspersample
    if values.dtype == bool or (values.dtype == np.uint8 and isinstance(bits, int) and bits < 8):
        most = 2**bits - 1 if isinstance(bits, int) else 1
        values = (values.astype(np.uint16) * 255 // most).astype(np.uint8)
        bits = 8
    if page.photometric == PHOTOMETRIC.MINISWHITE and values.dtype.kind == "u":
        values = values.dtype.type(2**bits - 1) - values
    if not _is_one_page(stack):
        return values
    is_cmyk = _is_cmyk(page)
    if values.dtype in (np.uint8, np.uint16) and (is_cmyk or values.shape[-1] <= 4):
        has_alpha = _has_alpha(stack)
        if has_alpha and page.extrasamples[-1] == EXTRASAMPLE.ASSOCALPHA:
            values = _divided_by_alpha(values)
        profile = page.tags.valueof(ICC_TAG, b"")
        is_data = values.shape[-1] in (2, 4) and not has_alpha and not is_cmyk
        if is_cmyk or (profile and not is_data):
            values = color_profile.shown(values, bytes(profile or b""), is_cmyk)
    return values


def _divided_by_alpha(values: npt.NDArray) -> npt.NDArray:
    """Undoes the multiplication of colors by alpha (TIFF 6.0, section 18, associated alpha)."""
    alpha = values[..., -1:]
    colors = values[..., :-1] * (np.iinfo(values.dtype).max / np.maximum(alpha, 1).astype(np.float64))
    colors = np.minimum(np.round(colors), np.iinfo(values.dtype).max).astype(values.dtype)
    return np.concatenate([colors, alpha], axis=-1)
