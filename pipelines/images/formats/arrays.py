"""Reads NumPy's .npy and .npz files, without pickle."""

import io
import math
import zipfile

import numpy as np
import numpy.typing as npt

from pipelines.images.formats import raster
from pipelines.images.formats.raster import Header, Raster, Window
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError
from pipelines.images.size import MAX_PIXELS

NPY_SIGNATURE = b"\x93NUMPY"
NPZ_SIGNATURE = b"PK\x03\x04"

# NumPy's headers take 128 bytes.
MAX_HEADER_BYTES = 10_000
# Each member of a .npz begins so in its list; the list is read into memory before anything can be checked.
MEMBER_SIGNATURE = b"PK\x01\x02"
MAX_MEMBERS = 100


def npy_header(shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> bytes:
    """Returns how an NPY file begins that numpy.save wrote of an array of this shape."""
    file = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def probe(contents: bytes | StoredFile, axes: str = "") -> Header:
    """Reads the header.

    Raises:
      BadImageError: it is no array of numbers of two or three axes, or several arrays.
    """
    is_npz = contents.startswith(NPZ_SIGNATURE)
    start = _member(contents, MAX_HEADER_BYTES + 100) if is_npz else contents
    shape, _, dtype, _ = read_header(start)
    height, width, channels = _sides(shape, axes)
    # Booleans become the whole range of uint8, as those of a PNG do.
    return Header("npz" if is_npz else "npy", height, width, channels, _stored_type(dtype))


def decode(
    contents: bytes | StoredFile,
    axes: str = "",
    max_pixels: int = MAX_PIXELS,
    *,
    indices: bool = False,
    window: Window | None = None,
) -> Raster:
    """Reads an array `(H, W)` or `(H, W, C)`, or one whose axes are said.

    Args:
      contents: the file's bytes.
      axes: a letter for each axis, such as "CYX".
      max_pixels: an array with more pixels is not read.
      indices: whether booleans stay 0 and 1.
      window: the part to read.

    Raises:
      BadImageError: it is refused.
    """
    raster.check_room(probe(contents, axes), max_pixels)
    if contents.startswith(NPZ_SIGNATURE):
        contents = _member(contents, max_pixels * BYTES_PER_PIXEL + MAX_HEADER_BYTES)
    shape, is_fortran, dtype, offset = read_header(contents)
    if len(contents) < offset + math.prod(shape) * dtype.itemsize:
        raise BadImageError(DAMAGED)
    letters = _letters(shape, axes)
    if is_fortran:
        # The same numbers in the order of the file, the last axis the slowest.
        values, window = read_block(contents, offset, dtype, shape[::-1], letters[::-1], window)
        values = values.T
    else:
        values, window = read_block(contents, offset, dtype, shape, letters, window)
    values = raster.native(raster.part(with_axes(values, letters), window))
    raster.check_finite(values)
    if dtype.kind == "b":
        values = values.astype(np.uint8) * (1 if indices else 255)
    return Raster(values)


def read_block(
    contents: bytes | StoredFile,
    offset: int,
    dtype: np.dtype,
    shape: tuple[int, ...],
    letters: str,
    window: Window | None,
) -> tuple[npt.NDArray, Window | None]:
    """Reads of an array the part that a window needs along the slower one of its axes Y and X.

    Args:
      contents: the file's bytes, or the file.
      offset: where the array begins.
      dtype: of its numbers.
      shape: of the array, the last axis the fastest.
      letters: of its axes, among them Y and X.
      window: (top, left, height, width); None is everything.

    Returns:
      The part, with all axes, and where the window lies in it.
    """
    if window is None:
        return np.frombuffer(contents[:], dtype, math.prod(shape), offset).reshape(shape), None
    top, left, height, width = window
    axis = min(letters.index("Y"), letters.index("X"))
    start, count = (top, height) if letters[axis] == "Y" else (left, width)
    start = min(start, shape[axis])
    count = min(count, shape[axis] - start)
    inside = (0, left, height, width) if letters[axis] == "Y" else (top, 0, height, width)
    inner = math.prod(shape[axis + 1 :])
    blocks = []
    for block in range(math.prod(shape[:axis])):
        begin = offset + (block * shape[axis] + start) * inner * dtype.itemsize
        blocks.append(np.frombuffer(contents[begin : begin + count * inner * dtype.itemsize], dtype))
    return np.concatenate(blocks).reshape(*shape[:axis], count, *shape[axis + 1 :]), inside


def with_axes(values: npt.NDArray, letters: str) -> npt.NDArray:
    """Brings an array to `(H, W, C)` by its axes: all but Y and X become channels, the first of them the slowest."""
    rows, columns = letters.index("Y"), letters.index("X")
    rest = [i for i in range(values.ndim) if i not in (rows, columns)]
    values = values.transpose(rows, columns, *rest)
    return values.reshape(*values.shape[:2], math.prod(values.shape[2:]))


def _letters(shape: tuple[int, ...], axes: str) -> str:
    """Names the axes of an array."""
    if len(shape) == 2:
        return "YX"
    if not axes and len(shape) == 3:
        return "YXC"
    if len(axes) == len(shape):
        return axes
    said = f"--axes={axes} names {len(axes)}" if axes else "say by --axes which is which, such as --axes=CYX"
    raise BadImageError(f"its array of shape {shape} has {len(shape)} axes; {said}")


def _sides(shape: tuple[int, ...], axes: str) -> tuple[int, int, int]:
    """Returns height, width and channels."""
    letters = _letters(shape, axes)
    height, width = shape[letters.index("Y")], shape[letters.index("X")]
    return height, width, math.prod(n for n, letter in zip(shape, letters, strict=True) if letter not in "YX")


def read_header(contents: bytes | StoredFile) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Reads the header of an NPY file: shape, whether the first axis is the fastest, type, where the numbers begin.

    Raises:
      BadImageError: it is damaged, or no array of numbers.
    """
    file = io.BytesIO(contents[: MAX_HEADER_BYTES + 100])
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file, MAX_HEADER_BYTES)
        elif version == (2, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(file, MAX_HEADER_BYTES)
        else:
            # Version 3 is that of records with names beyond Latin-1.
            raise BadImageError(f"its .npy version {version[0]}.{version[1]} is not that of an array of numbers")
    except BadImageError:
        raise
    except Exception as error:  # The header is a Python literal, and whatever stands there may fail in any way.
        raise BadImageError(DAMAGED) from error
    if dtype.hasobject:
        raise BadImageError("its array holds Python objects, which are not read; save an array of numbers")
    raster.check_type(dtype)
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise BadImageError(DAMAGED)
    return shape, is_fortran, dtype, file.tell()


def _stored_type(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def _member(contents: bytes | StoredFile, most: int) -> bytes:
    """Unpacks up to `most` bytes of the one array of a .npz file."""
    if contents.count(MEMBER_SIGNATURE) > MAX_MEMBERS:
        raise BadImageError(f"it has more than {MAX_MEMBERS} members; save one array alone")
    try:
        with zipfile.ZipFile(io.BytesIO(contents[:])) as archive:
            members = archive.infolist()
            if len(members) != 1 or not members[0].filename.endswith(".npy"):
                names = ", ".join(member.filename for member in members[:3])
                raise BadImageError(f"it holds {len(members)} members ({names}); save one array alone")
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BadImageError("it is not compressed as NumPy does; save it with numpy.savez_compressed")
            with archive.open(members[0]) as file:
                return file.read(most)
    except BadImageError:
        raise
    except Exception as error:  # Archives from strangers fail in many ways.
        raise BadImageError(DAMAGED) from error
