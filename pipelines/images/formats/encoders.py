"""Writes an array as an image file: PNG, JPEG, TIFF, NPY or WebP, at its own depth."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from pipelines.images.formats.pixel_size import PixelSize, ome_of
from pipelines.system.terminal import InputError

# As `transforms.encode` has it.
JPEG_QUALITY = 95

# Of imagecodecs. Paeth's filter and runs of one byte alone take a fifth to a tenth of the time of libpng's defaults,
# which try all filters and look for repetitions in 32 kB. Files of generated pictures become 6 % larger.
PNG_OPTIONS = {"level": 1, "strategy": imagecodecs.PNG.STRATEGY.RLE, "filter": imagecodecs.PNG.FILTER.PAETH}

TIFF_FORMATS = ("tif", "ome.tif")

# A tag of a TIFF: code, type, count, value (TIFF 6.0, section 2).
Tag = tuple[int, int, int, object]


def encode(
    values: npt.NDArray,
    format: str,
    *,
    palette: Sequence[Sequence[int]] | None = None,
    tags: Sequence[Tag] | None = None,
    has_alpha: bool = True,
    pixel_size: PixelSize | None = None,
) -> bytes:
    """Encodes an image.

    Args:
      values: `(H, W)` or `(H, W, C)`.
      format: "png" (uint8 or uint16, 1 to 4 channels), "jpg" (uint8, 1 or 3), "tif" and "npy" (any number of channels
        of any type), "ome.tif" (likewise, with OME-XML), or "webp" (uint8, 1 to 4, without loss).
      palette: colors, each three of 0..255: the values of one channel are then indices, of a PNG.
      tags: further tags of a TIFF, such as those of `tiff.geo_tags`.
      has_alpha: whether the last of 2 or 4 channels is alpha; a TIFF tells it from other channels.
      pixel_size: how large a pixel is, for OME-XML.

    Raises:
      InputError: the format cannot hold these values.
    """
    values = values[..., None] if values.ndim == 2 else values
    _check(values, format, palette)
    if palette is not None:
        return _with_palette(values[..., 0], palette)
    if format in TIFF_FORMATS:
        description = ome_of(values.shape, values.dtype, pixel_size) if format == "ome.tif" else None
        return _tiff(values, tiff_options(values.shape[-1], tags or (), has_alpha, description))
    return ENCODERS[format](values[..., 0] if values.shape[-1] == 1 else values)


def _check(values: npt.NDArray, format: str, palette: Sequence[Sequence[int]] | None) -> None:
    """Raises InputError if a format cannot hold these values."""
    if format not in HOLDS:
        raise InputError(f"--format={format} is not one of {', '.join(HOLDS)}")
    types, counts = HOLDS[format]
    channels = values.shape[-1]
    if types and values.dtype.name not in types:
        raise InputError(f"--format={format} cannot hold {values.dtype.name}; give tif or npy")
    if counts and channels not in counts:
        raise InputError(f"--format={format} cannot hold {channels} channels; give tif or npy")
    if format in TIFF_FORMATS and values.dtype == bool:
        raise InputError(f"--format={format} cannot hold bool; give npy")
    if palette is not None and (
        format != "png" or channels != 1 or values.dtype != np.uint8 or int(values.max(initial=0)) >= len(palette)
    ):
        raise InputError(f"a palette of {len(palette)} colors needs --format=png and one channel of its indices, uint8")


def _with_palette(indices: npt.NDArray, palette: Sequence[Sequence[int]]) -> bytes:
    image = Image.fromarray(indices, "P")
    image.putpalette([part for color in palette for part in color])
    return _by_pillow(image, "PNG")


def _png(values: npt.NDArray) -> bytes:
    # Pillow writes colors of 8 bits only. A part of another array keeps that one's strides where a side is 1, also
    # through ascontiguousarray, and imagecodecs refuses them.
    return bytes(imagecodecs.png_encode(values.copy(), **PNG_OPTIONS))


def _jpeg(values: npt.NDArray) -> bytes:
    return _by_pillow(Image.fromarray(values), "JPEG", quality=JPEG_QUALITY, subsampling=0)


def _webp(values: npt.NDArray) -> bytes:
    # Without `exact`, colors that alpha hides are changed.
    return _by_pillow(Image.fromarray(values), "WEBP", lossless=True, exact=True)


def _npy(values: npt.NDArray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _tiff(values: npt.NDArray, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values[..., 0] if values.shape[-1] == 1 else values, **options)
    return file.getvalue()


def tiff_options(
    channels: int, tags: Sequence[Tag], has_alpha: bool, description: bytes | None = None
) -> dict[str, Any]:
    """Returns how tifffile writes an image: with deflate, the channels of a pixel beside each other.

    That is what most programs read.

    Args:
      channels: of the image.
      tags: further tags.
      has_alpha: whether the last of 2 or 4 channels is alpha.
      description: ASCII.
    """
    has_alpha = has_alpha and channels in (2, 4)
    is_color = channels - has_alpha == 3
    extra = channels - (3 if is_color else 1)
    return {
        "photometric": "rgb" if is_color else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": (["unassalpha"] if has_alpha else ["unspecified"] * extra) if extra else None,
        "compression": "zlib",
        "description": description,
        # No JSON of tifffile's own in the description.
        "metadata": None,
        "software": False,
        "extratags": [(*tag, True) for tag in tags],
    }


def _by_pillow(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


ENCODERS: dict[str, Callable[[npt.NDArray], bytes]] = {"png": _png, "jpg": _jpeg, "npy": _npy, "webp": _webp}
# Format -> the types of numbers and the counts of channels that it can hold; none named: any.
HOLDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "png": (("uint8", "uint16"), (1, 2, 3, 4)),
    "jpg": (("uint8",), (1, 3)),
    "tif": ((), ()),
    "npy": ((), ()),
    "webp": (("uint8",), (1, 2, 3, 4)),
    "ome.tif": ((), ()),
}
