"""Finds the pages of a TIFF that make an image, and names their axes; opens no file but the one."""

import contextlib
import dataclasses
import io
import logging
import math
import re
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC

from pipelines.images.formats import raster
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import DAMAGED, BadImageError

# Pages are found one after the other; a file that has more is a video, or was made to take time.
MAX_PAGES = 4096

# Decoders that make no more memory than they are told to.
COMPRESSIONS = {
    COMPRESSION.NONE,
    COMPRESSION.CCITTRLE,
    COMPRESSION.CCITT_T4,
    COMPRESSION.CCITT_T6,
    COMPRESSION.LZW,
    COMPRESSION.JPEG,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
}
# What the colors of a TIFF may be, but for palettes.
PHOTOMETRICS = {PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.SEPARATED}

# TIFF 6.0, section 8: a reduced copy, and a mask, are not the image itself.
REDUCED, MASK = 1, 4
# Axes of pages that nobody has named.
UNNAMED = "?IQ"

# tifffile logs what it found wrong with a file and goes on; what is wrong is told by our errors.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)


@dataclasses.dataclass(frozen=True)
class Stack:
    """The pages that make an image.

    Attributes:
      pages: of one shape.
      shape: of the array that they make together.
      letters: the axes of that array; all but Y and X become channels.
      start: where the array lies in the file as a whole, if the pages are not told one by one.
    """

    pages: Sequence[tifffile.TiffPage]
    shape: tuple[int, ...]
    letters: str
    start: int | None = None

    @property
    def page(self) -> tifffile.TiffPage:
        """The first page: it tells what all are like."""
        return self.pages[0]


@contextlib.contextmanager
def opened(contents: bytes | StoredFile) -> Iterator[tifffile.TiffFile]:
    """Opens a file; whatever fails with it becomes a BadImageError."""
    with naming_damage(), open_file(contents) as tif:
        yield tif


def open_file(contents: bytes | StoredFile, max_pages: int = MAX_PAGES) -> tifffile.TiffFile:
    """Opens a file, which stays open as long as its contents; to be called inside `naming_damage`."""
    _check_pages(contents, max_pages)
    # The picture is one file: those that an OME-TIFF names beside it are not opened.
    return tifffile.TiffFile(_file_of(contents), _multifile=False)


@contextlib.contextmanager
def naming_damage() -> Iterator[None]:
    """Turns whatever fails inside into a BadImageError."""
    try:
        yield
    except (BadImageError, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        raise BadImageError(f"it cannot be read: {error}") from error
    except Exception as error:  # A tag may hold anything, and what reads it may fail in any way.
        raise BadImageError(DAMAGED) from error


def _check_pages(contents: bytes | StoredFile, max_pages: int) -> None:
    """Raises BadImageError if the list of pages is endless, long, or leads out of the file (TIFF 6.0, section 2)."""
    order = "<" if contents.startswith(b"II") else ">"
    is_big = contents[2:4] in (b"+\0", b"\0+")
    count_form, offset_form, entry, start = ("Q", "Q", 20, 8) if is_big else ("H", "I", 12, 4)
    place = _number(contents, start, order + offset_form)
    seen: set[int] = set()
    while place:
        if place in seen or place >= len(contents):
            raise BadImageError(DAMAGED)
        seen.add(place)
        if len(seen) > max_pages:
            raise BadImageError(f"it has more than {max_pages} pages")
        count = _number(contents, place, order + count_form)
        place = _number(contents, place + struct.calcsize(count_form) + count * entry, order + offset_form)
    if not seen:
        raise BadImageError(DAMAGED)


def _file_of(contents: bytes | StoredFile) -> BinaryIO:
    if isinstance(contents, bytes):
        return io.BytesIO(contents)
    # tifffile takes the place where it finds a file for its beginning.
    contents.file.seek(0)
    return contents.file


def _number(contents: bytes | StoredFile, place: int, form: str) -> int:
    (number,) = struct.unpack(form, contents[place : place + struct.calcsize(form)])
    return number


def _check_ome(text: str, max_pages: int) -> None:
    """Raises BadImageError if OME-XML tells of more pages than a file may have: tifffile makes room for all of them."""
    sizes = [re.findall(rf"\bSize{axis}\s*=\s*[\"']([^\"']*)", text) for axis in "CTZ"]
    # A document type could tell sizes by default.
    if "<!DOCTYPE" in text or not all(n.isdecimal() for found in sizes for n in found):
        raise BadImageError(DAMAGED)
    most = math.prod(max((int(n) for n in found), default=1) for found in sizes)
    if most * len(sizes[0]) > max_pages:
        raise BadImageError(f"it tells of more than {max_pages} pages")


def find(tif: tifffile.TiffFile, axes: str) -> Stack:
    """Finds the pages that make the image, and names their axes.

    Args:
      tif: the open file.
      axes: a letter for each axis of the array that several pages make, such as "CYX".

    Raises:
      BadImageError: there is no one image that they make.
    """
    found = all_pages(tif)
    pages, shape, letters, start = found.pages, found.shape, found.letters, found.start
    page = found.page.keyframe
    if shape == page.shape or len(shape) == 2:
        letters = page.axes if shape == page.shape else letters
    elif axes and len(axes) == len(shape):
        letters = axes
    elif axes:
        raise BadImageError(f"its array of shape {shape} has {len(shape)} axes; --axes={axes} names {len(axes)}")
    others = [(letter, n) for letter, n in zip(letters, shape, strict=True) if letter not in "YXCS" and n > 1]
    if others:
        raise BadImageError(_several(others, letters, shape))
    return Stack(pages, shape, letters, start)


def all_pages(tif: tifffile.TiffFile, max_pages: int = MAX_PAGES) -> Stack:
    """Returns all pages of the first image, with the axes that the file tells; those of nobody are in UNNAMED.

    Raises:
      BadImageError: they are not of one kind, or of one that is not taken.
    """
    if tif.is_ome:
        _check_ome(tif.ome_metadata, max_pages)
    start = None
    if has_axes(tif):
        series = tif.series[0]
        pages, shape, letters = list(series.pages), series.shape, series.axes
        start = series.dataoffset
    else:
        pages = [page for page in tif.pages if not page.subfiletype & (REDUCED | MASK)] or [tif.pages.first]
        shape, letters = pages[0].shape, pages[0].axes
        if len(pages) > 1:
            shape, letters = (len(pages), *shape), "?" + letters
    if any(page is None or page.shape != pages[0].shape or page.dtype != pages[0].dtype for page in pages):
        raise BadImageError(f"its {len(pages)} pages are of different sizes or types; save the one that counts alone")
    page = pages[0].keyframe
    if page.dtype is None or not page.shape:
        raise BadImageError(f"its numbers of {page.bitspersample} bits are of no type that is taken")
    raster.check_type(page.dtype)
    _check_page(page)
    if math.prod(shape) == len(pages) * math.prod(page.shape):
        start = None
    elif start is None or page.compression != COMPRESSION.NONE:
        raise BadImageError(DAMAGED)
    return Stack(pages, shape, letters, start)


def has_axes(tif: tifffile.TiffFile) -> bool:
    """Tells whether a file says how its pages make arrays, and maybe what their axes are."""
    return not tif.is_mmstack and (tif.is_ome or tif.is_imagej or tif.is_shaped or tif.is_lsm) and bool(tif.series)


def _several(others: list[tuple[str, int]], letters: str, shape: tuple[int, ...]) -> str:
    """Says what an image has several of, and which axes would make channels of them."""
    names = [f"{n} pages" if letter in UNNAMED else f"{n} pictures along {letter}" for letter, n in others]
    proposed = "".join(letter if letter in "YX" else "C" for letter in letters)
    if len(shape) == 3 and letters[0] in UNNAMED and shape[2] < shape[0]:
        # tifffile's writer takes the first axis of an array for pages, also if it is that of rows.
        proposed = "YXC"
    is_unnamed = len(others) == 1 and letters[0] in UNNAMED and letters[1:3] == "YX"
    slices = f", --axes=Z{letters[1:].replace('S', 'C')} if they are slices of a stack" if is_unnamed else ""
    return f"it has {' and '.join(names)}; --axes={proposed} if they are channels{slices}, else save one of them alone"


def _check_page(page: tifffile.TiffPage) -> None:
    """Raises BadImageError for what is not read: volumes, strange compressions and colors."""
    if page.imagedepth != 1 or (page.is_tiled and page.tiledepth != 1):
        raise BadImageError("it is a volume; save its slices as pages")
    # imagecodecs before 2026, which Python 3.10 has, cannot read fax.
    is_known = page.compression == COMPRESSION.NONE or page.compression in tifffile.TIFF.DECOMPRESSORS
    if page.compression not in COMPRESSIONS or not is_known:
        name = getattr(page.compression, "name", page.compression)
        raise BadImageError(f"its compression {name} is not taken; save it with deflate or LZW")
    is_jpeg = page.compression == COMPRESSION.JPEG and page.photometric == PHOTOMETRIC.YCBCR
    if not is_jpeg and page.photometric not in PHOTOMETRICS | {PHOTOMETRIC.PALETTE}:
        name = getattr(page.photometric, "name", page.photometric)
        raise BadImageError(f"its colors are {name}, which is not taken; save it as RGB")
    if page.photometric == PHOTOMETRIC.SEPARATED and page.samplesperpixel < 4:
        raise BadImageError(f"its colors are {page.samplesperpixel} inks, which is not taken; save it as RGB")
    if page.photometric == PHOTOMETRIC.PALETTE and (page.colormap is None or page.samplesperpixel != 1):
        raise BadImageError(DAMAGED)
