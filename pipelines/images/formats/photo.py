"""Reads JPEG, PNG, WebP and BMP with Pillow and libpng, for where TensorFlow's kernels do not do."""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from pipelines.images.color import Color
from pipelines.images.formats import color_profile, raster
from pipelines.images.formats.raster import Header, Raster, Window
from pipelines.images.header import (
    DAMAGED,
    PNG_CHANNELS,
    PNG_COLOR_BYTE,
    PNG_DEPTH_BYTE,
    PNG_SIZE,
    BadImageError,
    check_header,
)
from pipelines.images.size import MAX_PIXELS

ORIENTATION_TAG = 0x0112
SHORT = 3

# What these print of damaged metadata is not why a picture cannot be read; that is told by our errors.
logging.getLogger("imagecodecs").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# Image.open would compare the size with its own limit, whatever --max_pixels says, and might take the file for another
# format than its first bytes say.
OPENERS = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
MODE_CHANNELS = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 3}


def probe(contents: bytes, format_name: str) -> Header:
    """Reads the header of a file of a format.

    Raises:
      BadImageError: it is damaged, or moves.
    """
    if format_name == "png":
        return _probe_png(contents)
    if format_name == "webp":
        height, width, has_alpha = _webp_header(contents)
        channels = 4 if has_alpha else 3
    else:
        image = _opened(contents, format_name)
        width, height = image.size
        mode = _palette_mode(image) if image.mode == "P" else image.mode
        channels = MODE_CHANNELS.get(mode, 0)
        if not channels:
            raise BadImageError(f"its pixels are of the kind {mode}, which is not taken; save it as PNG")
    if raster.swaps_sides(orientation(contents, format_name)):
        height, width = width, height
    return Header(format_name, height, width, channels, np.dtype(np.uint8), channels in (2, 4))


def decode(
    contents: bytes,
    format_name: str,
    max_pixels: int = MAX_PIXELS,
    *,
    indices: bool = False,
    window: Window | None = None,
) -> Raster:
    """Reads a file as a viewer shows it: upright, in sRGB, a palette's colors for its indices.

    Args:
      contents: the file's bytes.
      format_name: "jpeg", "png", "webp" or "bmp".
      max_pixels: a file with more pixels, by its header, is not decoded.
      indices: whether a palette's indices and gray values of 1, 2 and 4 bits are given as they are.
      window: the part to return; the whole is decoded, since these formats allow no less.

    Raises:
      BadImageError: it is refused, or damaged.
    """
    if format_name in ("jpeg", "png"):
        check_header(contents, max_pixels)
    raster.check_room(probe(contents, format_name), max_pixels)
    try:
        values = _indices(contents, format_name) if indices else None
        if values is None:
            values = _values(contents, format_name)
            if not indices:
                values = _shown(values, contents, format_name)
    except BadImageError:
        raise
    except Exception as error:  # Decoders raise what they like for files that are damaged.
        raise BadImageError(DAMAGED) from error
    if values.ndim == 2:
        values = values[..., None]
    values = raster.part(raster.upright(values, orientation(contents, format_name)), window)
    return Raster(np.ascontiguousarray(values), values.shape[-1] in (2, 4))


def palette(contents: bytes, format_name: str) -> list[Color] | None:
    """Returns the colors of a palette, in the order of its indices; None if the file has none, which is decoded."""
    image = _opened(contents, format_name)
    try:
        levels = image.getpalette("RGB") if image.mode == "P" else None
    except Exception as error:  # As in decode.
        raise BadImageError(DAMAGED) from error
    return None if levels is None else [*zip(levels[::3], levels[1::3], levels[2::3], strict=True)]


def orientation(contents: bytes, format_name: str) -> int:
    """Returns the orientation that the EXIF data tell, 1 to 8; 1 if they tell none, or are damaged."""
    try:
        if format_name == "png":
            exif = next((body for name, body in _png_chunks(contents) if name == b"eXIf"), b"")
        elif format_name == "webp":
            exif = _webp_chunk(contents, b"EXIF")
        elif format_name == "jpeg":
            exif = _opened(contents, format_name).info.get("exif", b"")
        else:
            return 1
        told = _orientation_in(exif)
    except Exception:  # Viewers show a picture whose EXIF data cannot be read.
        return 1
    return told if 1 <= told <= 8 else 1


def _orientation_in(exif: bytes) -> int:
    """Looks up the tag in the first directory of EXIF data (Exif 2.32, 4.5.2 and 4.6.2). Pillow warns of others."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]]
    (place,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, place)
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
        if tag == ORIENTATION_TAG:
            return value if kind == SHORT else 1
    return 1


def _opened(contents: bytes, format_name: str) -> Image.Image:
    try:
        return OPENERS[format_name](io.BytesIO(contents))
    except Exception as error:  # As in decode.
        raise BadImageError(DAMAGED) from error


def _values(contents: bytes, format_name: str) -> npt.NDArray:
    """Decodes to what is stored, but for palettes."""
    if format_name == "png":
        # Pillow reads colors of 16 bits as 8.
        return imagecodecs.png_decode(contents)
    image = _opened(contents, format_name)
    if image.mode == "P":
        return np.asarray(image.convert(_palette_mode(image)))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if format_name == "webp" and image.mode == "RGBX":
        return np.asarray(image.convert("RGB"))
    return np.asarray(image)


def _palette_mode(image: Image.Image) -> str:
    return "RGBA" if "transparency" in image.info else "RGB"


def _indices(contents: bytes, format_name: str) -> npt.NDArray | None:
    """Returns the indices of a palette, gray values of 1, 2 and 4 bits as stored, or None where there are no such."""
    if format_name not in ("png", "bmp"):
        return None
    image = _opened(contents, format_name)
    if image.mode == "P":
        return np.asarray(image)
    if format_name == "bmp":
        return np.asarray(image).astype(np.uint8) if image.mode == "1" else None
    depth, color = contents[PNG_DEPTH_BYTE], contents[PNG_COLOR_BYTE]
    if color == 0 and depth < 8:
        gray = imagecodecs.png_decode(contents).reshape(image.height, image.width, -1)[..., 0]
        return gray // (255 // (2**depth - 1))
    return None


def _shown(values: npt.NDArray, contents: bytes, format_name: str) -> npt.NDArray:
    """Converts to sRGB."""
    if values.ndim == 2:
        values = values[..., None]
    is_cmyk = format_name == "jpeg" and values.shape[-1] == 4
    return color_profile.shown(values, _profile(contents, format_name), is_cmyk)


def _profile(contents: bytes, format_name: str) -> bytes:
    """Returns the ICC profile, empty if there is none."""
    if format_name == "png":
        chunk = next((body for name, body in _png_chunks(contents) if name == b"iCCP"), b"")
        packed = chunk.partition(b"\0")[2][1:]
        try:
            return zlib.decompressobj().decompress(packed, color_profile.MAX_PROFILE_BYTES)
        except zlib.error:
            return b""
    if format_name == "webp":
        return _webp_chunk(contents, b"ICCP")
    return _opened(contents, format_name).info.get("icc_profile") or b""


def _probe_png(contents: bytes) -> Header:
    start, length = PNG_SIZE
    if len(contents) <= PNG_COLOR_BYTE or contents[PNG_COLOR_BYTE] not in PNG_CHANNELS:
        raise BadImageError(DAMAGED)
    width, height = struct.unpack(">ii", contents[start : start + length])
    if raster.swaps_sides(orientation(contents, "png")):
        height, width = width, height
    channels = PNG_CHANNELS[contents[PNG_COLOR_BYTE]]
    if channels in (1, 3) and any(name == b"tRNS" for name, _ in _png_chunks(contents)):
        channels += 1
    dtype = np.dtype(np.uint16 if contents[PNG_DEPTH_BYTE] == 16 else np.uint8)
    return Header("png", height, width, channels, dtype, channels in (2, 4))


def _png_chunks(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields name and body of each chunk but the pixels'; ends at the first that is cut short."""
    place = 8
    while place + 12 <= len(contents):
        (length,) = struct.unpack_from(">I", contents, place)
        name = contents[place + 4 : place + 8]
        if name != b"IDAT":
            yield name, contents[place + 8 : place + 8 + length]
        place += 12 + length


def _webp_chunk(contents: bytes, name: bytes) -> bytes:
    """Returns the body of the first chunk of a name (WebP Container Specification), empty if there is none."""
    return next((body for found, body in _webp_chunks(contents) if found == name), b"")


def _webp_chunks(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(contents):
        (length,) = struct.unpack_from("<I", contents, place + 4)
        yield contents[place : place + 4], contents[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _webp_header(contents: bytes) -> tuple[int, int, bool]:
    """Returns height, width and whether it has alpha. Pillow would make room for all its pixels first."""
    name, body = next(_webp_chunks(contents), (b"", b""))
    if name == b"VP8X" and len(body) >= 10:
        if body[0] & 0b10:
            raise BadImageError("it is an animation; save one of its frames as PNG")
        width, height = (int.from_bytes(body[i : i + 3], "little") + 1 for i in (4, 7))
        return height, width, bool(body[0] & 0b10000)
    if name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if name == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return height & 0x3FFF, width & 0x3FFF, False
    raise BadImageError(DAMAGED)
