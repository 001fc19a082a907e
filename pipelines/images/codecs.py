"""Reads and writes image files of every format that is taken, told by their first bytes, not by their names.

Without TensorFlow's operations but for headers: Pillow, libpng, tifffile with imagecodecs, and NumPy without pickle.
`encode` and `geo_tags` lie in `formats`.
"""

from pipelines.images import header
from pipelines.images.choices import check_axes
from pipelines.images.color import Color
from pipelines.images.formats import arrays, photo, raster, tiff
from pipelines.images.formats.encoders import encode
from pipelines.images.formats.raster import Header, Raster, Window
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.formats.tiff import geo_tags
from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS

__all__ = ["SUFFIXES", "Header", "Raster", "check", "check_axes", "decode", "encode", "format_of", "geo_tags", "probe"]

# The names of files that are taken for images.
SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
    ".bmp",
    ".npy",
    ".npz",
)

# Formats of which a window is read without the rest.
WITH_WINDOWS = ("tiff", "npy")

# The first bytes of what people have besides, and from which place on; HEIF's brands are those of phones.
OTHER_FORMATS = (
    (0, b"GIF8", "a GIF"),
    (0, b"8BPS", "a Photoshop document"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftyphev", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
    (4, b"ftypmsf1", "a HEIC"),
    (4, b"ftyp", "a video"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"%PDF", "a PDF"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (0, b"#?RADIANCE", "a Radiance HDR"),
    (0, b"SIMPLE  =", "a FITS"),
    (0, b"\x89HDF", "an HDF5"),
    (0, b"MATLAB 5.0", "a MATLAB file"),
    (0, b"CDF\x01", "a NetCDF"),
    (128, b"DICM", "a DICOM"),
    (344, b"n+1\0", "a NIfTI"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"<svg", "an SVG"),
    (0, b"\x1f\x8b", "compressed by gzip"),
)


def format_of(contents: bytes | StoredFile) -> str:
    """Tells the format by a file's first bytes: "jpeg", "png", "tiff", "webp", "bmp", "npy" or "npz".

    Raises:
      BadImageError: it is empty, or of a format that is not taken; names the format.
    """
    if not contents:
        raise BadImageError("it is empty")
    if contents.startswith(header.JPEG_SIGNATURE):
        return "jpeg"
    if contents.startswith(header.PNG_SIGNATURE):
        return "png"
    if contents.startswith(tiff.SIGNATURES):
        return "tiff"
    if contents.startswith(b"RIFF") and contents[8:12] == b"WEBP":
        return "webp"
    if contents.startswith(b"BM"):
        return "bmp"
    if contents.startswith(arrays.NPY_SIGNATURE):
        return "npy"
    if contents.startswith(arrays.NPZ_SIGNATURE):
        return "npz"
    for place, signature, name in OTHER_FORMATS:
        if contents[place : place + len(signature)] == signature:
            raise BadImageError(f"it is {name}, which is not taken; convert it to PNG or TIFF")
    raise BadImageError("it is no JPEG, PNG, TIFF, WebP, BMP or NPY, whatever its name says")


def probe(contents: bytes | StoredFile, axes: str = "") -> Header:
    """Reads the header of a file, without decoding it.

    Args:
      contents: the file's bytes.
      axes: a letter for each axis of an array, or of the pages of a TIFF, such as "CYX": Y and X once each, what else
        there is becomes channels.

    Raises:
      BadImageError: it is damaged, or nothing that is taken.
    """
    name = format_of(contents)
    if name == "tiff":
        return tiff.probe(contents, axes)
    if name in ("npy", "npz"):
        return arrays.probe(contents, axes)
    return photo.probe(contents[:], name)


def palette(contents: bytes) -> list[Color] | None:
    """Returns the colors of a file's palette, in the order of its indices; None if it has none, or is no PNG or BMP.

    Raises:
      BadImageError: it is damaged, or nothing that is taken.
    """
    name = format_of(contents)
    return photo.palette(contents, name) if name in ("png", "bmp") else None


def check(contents: bytes, max_pixels: int = MAX_PIXELS, axes: str = "") -> None:
    """Raises BadImageError for a file whose header shows that it should not be decoded.

    Reasons: those of `header.check_header` for JPEG and PNG; for others, it is damaged, nothing that is taken, or has
    more than max_pixels pixels, or takes more memory than so many in RGBA of 16 bits.
    """
    if format_of(contents) in ("jpeg", "png"):
        header.check_header(contents, max_pixels)
    else:
        raster.check_room(probe(contents, axes), max_pixels)


def decode(
    contents: bytes | StoredFile,
    axes: str = "",
    max_pixels: int = MAX_PIXELS,
    *,
    indices: bool = False,
    window: Window | None = None,
) -> Raster:
    """Reads a file as a viewer shows it: upright, colors in sRGB, black 0, in the file's own numbers.

    Args:
      contents: the file's bytes.
      axes: as in `probe`.
      max_pixels: a file with more pixels, by its header, is not decoded.
      indices: whether a palette's indices and values of 1, 2 and 4 bits are given as they are, and colors are not
        converted. Else palettes become colors, and fewer than 8 bits are scaled to 0..255.
      window: (top, left, height, width) of the part to return, in the upright image. TIFF and NPY read no more.

    Raises:
      BadImageError: it is damaged, refused, or holds NaN or infinities.
    """
    name = format_of(contents)
    if name == "tiff":
        return tiff.decode(contents, axes, max_pixels, indices=indices, window=window)
    if name in ("npy", "npz"):
        return arrays.decode(contents, axes, max_pixels, indices=indices, window=window)
    return photo.decode(contents[:], name, max_pixels, indices=indices, window=window)
