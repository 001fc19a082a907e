"""The header and the pixels of an image, as every decoder returns them, and the checks that all decoders share."""

import dataclasses

import numpy as np
import numpy.typing as npt

from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError
from pipelines.images.size import MAX_PIXELS

# More channels are a mistake about the axes, not an image.
MAX_CHANNELS = 4096

# A part of an upright image: top, left, height, width.
Window = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Header:
    """The facts about an image that its header tells.

    Attributes:
      format: "jpeg", "png", "tiff", "webp", "bmp", "npy", "npz", or "zarr" of a folder.
      height: in pixels, of the upright image.
      width: in pixels, of the upright image.
      channels: channels that `decode` gives, alpha among them.
      dtype: the type of their numbers.
      has_alpha: whether the last of 2 or 4 channels is alpha.
      pages: pages of a TIFF, without thumbnails; 1 for others.
      bits: bits of a number that the file uses: 12 for a TIFF of 12 bits in uint16; else those of dtype.
    """

    format: str
    height: int
    width: int
    channels: int
    dtype: np.dtype
    has_alpha: bool = False
    pages: int = 1
    bits: int = 0

    def __post_init__(self) -> None:
        if not self.bits:
            object.__setattr__(self, "bits", 8 * self.dtype.itemsize)


@dataclasses.dataclass(frozen=True)
class Raster:
    """An image in memory, upright.

    Attributes:
      values: `(H, W, C)` in the file's own numbers and type.
      has_alpha: whether the last of 2 or 4 channels is alpha.
      bits: bits of a number that the file uses, as in Header.
    """

    values: npt.NDArray
    has_alpha: bool = False
    bits: int = 0

    def __post_init__(self) -> None:
        if not self.bits:
            object.__setattr__(self, "bits", 8 * self.values.dtype.itemsize)


def check_room(header: Header, max_pixels: int = MAX_PIXELS) -> None:
    """Raises BadImageError for no pixels, or more memory than an image of max_pixels in RGBA of 16 bits takes."""
    check_sides(header)
    height, width, channels = header.height, header.width, header.channels
    pixels = height * width
    if pixels > max_pixels:
        raise BadImageError(
            f"it has {height}x{width} pixels, and at most {max_pixels} are taken; --max_pixels={pixels} if you trust it"
        )
    size = pixels * channels * header.dtype.itemsize
    if size > max_pixels * BYTES_PER_PIXEL:
        raise BadImageError(
            f"its {height}x{width} pixels of {channels} channels take {size} bytes, and at most {BYTES_PER_PIXEL} for "
            f"each of {max_pixels} pixels are taken; --max_pixels={-(-size // BYTES_PER_PIXEL)} if you trust it"
        )


def check_sides(header: Header) -> None:
    """Raises BadImageError for no pixels, or more channels than images have; any number of pixels will do."""
    height, width, channels = header.height, header.width, header.channels
    if height <= 0 or width <= 0 or channels <= 0:
        raise BadImageError("it has no pixels" if min(height, width, channels) == 0 else DAMAGED)
    if channels > MAX_CHANNELS:
        raise BadImageError(f"it has {height}x{width} pixels of {channels} channels; say by --axes which axis is which")


def check_type(dtype: np.dtype) -> None:
    """Raises BadImageError for what is not a number: objects, texts, records, dates, complex numbers."""
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise BadImageError(f"its values are of type {dtype}; integers and floats of up to 64 bits are taken")


def check_finite(values: npt.NDArray) -> None:
    """Raises BadImageError if an image `(H, W, C)` holds NaN or infinities; names the first."""
    # The sum is quick and almost always tells: one value that is not finite makes it so.
    with np.errstate(all="ignore"):
        if values.dtype.kind != "f" or np.isfinite(np.sum(values, dtype=np.float64)):
            return
    bad = ~np.isfinite(values)
    if bad.any():
        row, column, channel = np.argwhere(bad)[0]
        first = values[row, column, channel]
        raise BadImageError(
            f"it has {int(bad.sum())} values that are NaN or infinite, the first {first} at row {row}, column {column}"
        )


def native(values: npt.NDArray) -> npt.NDArray:
    """Converts to the machine's byte order."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def swaps_sides(orientation: int) -> bool:
    """Tells whether an orientation (Exif 2.32, tag 0x0112) turns rows into columns."""
    return 5 <= orientation <= 8


def upright(values: npt.NDArray, orientation: int) -> npt.NDArray:
    """Turns `(H, W, C)`, as stored, by its orientation."""
    if swaps_sides(orientation):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def stored_window(window: Window, orientation: int, height: int, width: int) -> Window:
    """Returns where a part of the upright image lies in an image of height and width as stored."""
    top, left, rows, columns = window
    if swaps_sides(orientation):
        top, left, rows, columns = left, top, columns, rows
    if orientation in (3, 4, 6, 7):
        top = height - top - rows
    if orientation in (2, 3, 7, 8):
        left = width - left - columns
    return top, left, rows, columns


def part(values: npt.NDArray, window: Window | None) -> npt.NDArray:
    """Cuts a window out of `(H, W, ...)`; None is everything."""
    if window is None:
        return values
    top, left, height, width = window
    return values[top : top + height, left : left + width]
