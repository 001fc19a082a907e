"""Opens a stack, of which one slice is read at a time, however many there are."""

import dataclasses
import math
import pathlib
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipelines.images.choices import names_slices
from pipelines.images.codecs import format_of
from pipelines.images.formats import arrays, tiff, tiff_slices, tiff_stack
from pipelines.images.formats.raster import Header, Raster, check_room
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.formats.tiff_slices import StackError
from pipelines.images.header import BYTES_PER_PIXEL, DAMAGED, BadImageError
from pipelines.images.size import MAX_PIXELS
from pipelines.stacks.metadata import StackInfo, of_tiff
from pipelines.stacks.npy_axes import letters_of

# Files that may be stacks, by their names: others are not opened to find out.
SUFFIXES = (".tif", ".tiff", ".npy", ".npz")


@dataclasses.dataclass(frozen=True)
class StackForm:
    """How the stacks of one side are read.

    Attributes:
      axes: a letter for each axis, one of them Z or T; empty: the files say it. Axes without Z and T are those of
        single pictures, and then nothing is a stack.
      channels: of a slice.
      context: slices on either side of one that become channels of it.
      max_pixels: a slice with more pixels is not read.
    """

    axes: str = ""
    channels: int = 3
    context: int = 0
    max_pixels: int = MAX_PIXELS


class NotAStackError(BadImageError):
    """A file that is a single picture."""


class Stack:
    """An open stack; several threads may read from it in turns.

    Args:
      path: of a local file, which stays open as long as the stack.
      form: how it is read.

    Attributes:
      depth: the number of slices.
      header: of each slice.
      letters: the axes of the file.
      info: metadata that results get, too.
      by_rule: whether nothing but the rule for arrays says that it is a stack.

    Raises:
      NotAStackError: it is a single picture.
      StackError: it is a stack, or may be one, that cannot be read.
      BadImageError: it cannot be read at all.
    """

    depth: int
    header: Header
    letters: str
    info: StackInfo
    _decode: Callable[[int], Raster]

    def __init__(self, path: pathlib.Path, form: StackForm):
        self.path, self._form, self._lock = path, form, threading.Lock()
        try:
            self._file = StoredFile(path)
            name = format_of(self._file)
        except OSError as error:
            raise BadImageError(f"it cannot be read ({error.strerror})") from None
        self.by_rule = name == "npy" and not form.axes
        if name == "tiff":
            self._open_tiff()
        elif name == "npy":
            self._open_npy()
        else:
            raise NotAStackError(f"it is {name.upper()}, and stacks are TIFF or NPY files; save it as one of these")
        try:
            check_room(self.header, form.max_pixels)
        except BadImageError as error:
            raise StackError(f"of its slices: {error.reason}") from None
        if self.header.has_alpha or self.header.bits != 8 * self.header.dtype.itemsize:
            what = "alpha" if self.header.has_alpha else f"numbers of {self.header.bits} bits"
            raise StackError(f"its slices have {what}, which are not read from stacks; save it without")

    def read(self, index: int) -> npt.NDArray:
        """Reads a slice, `(H, W, C)` in the file's own numbers.

        Raises:
          BadImageError: it is damaged, or holds NaN or infinities.
        """
        with self._lock:
            try:
                return self._decode(index).values
            except OSError as error:
                raise BadImageError(f"slice {index} cannot be read ({error.strerror})") from None
            except BadImageError as error:
                raise BadImageError(f"slice {index}: {error.reason}") from None

    def _open_tiff(self) -> None:
        with tiff_stack.naming_damage():
            tif = tiff_stack.open_file(self._file, tiff_slices.MAX_PAGES)
            slices = tiff_slices.find(tif, self._form.axes)
            if slices is None:
                raise NotAStackError("it is a single picture")
            self.depth, self.letters, self.info = slices.depth, slices.pages.letters, of_tiff(tif, slices)
            self.header = tiff.OpenTiff(self._file, stack=slices.of(0)).header
        room = self._form.max_pixels * BYTES_PER_PIXEL
        # The pages keep the TIFF.
        self._decode = lambda index: tiff.OpenTiff(self._file, stack=slices.of(index)).read(None, room)

    def _open_npy(self) -> None:
        shape, is_fortran, dtype, start = arrays.read_header(self._file)
        letters = letters_of(shape, self._form.axes, self._form.channels)
        if letters is None:
            raise NotAStackError("it is a single picture")
        if is_fortran:
            raise StackError("its slices are not one after the other (Fortran order); save numpy.ascontiguousarray")
        self.depth, self.letters, self.info = shape[0], letters, StackInfo(letters[0])
        # Each slice is what an NPY file of its own would be.
        head = arrays.npy_header(shape[1:], dtype)
        length = math.prod(shape[1:]) * dtype.itemsize
        if not self.depth or start + self.depth * length > len(self._file):
            raise StackError(DAMAGED if self.depth else "it has no slices")
        axes = "" if letters[1:] in ("YX", "YXC") else letters[1:]
        self.header = arrays.probe(head, axes)

        def decode(index: int) -> Raster:
            place = start + index * length
            return arrays.decode(head + self._file[place : place + length], axes, self._form.max_pixels)

        self._decode = decode


def open_stack(path: pathlib.Path, form: StackForm) -> Stack | None:
    """Opens a file if it is a stack; None if it is a single picture, or cannot be read: to read it tells why.

    Raises:
      StackError: it is a stack, or may be one, that cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES or (form.axes and not names_slices(form.axes)):
        return None
    try:
        return Stack(path, form)
    except StackError:
        raise
    except BadImageError as error:
        if form.axes and not isinstance(error, NotAStackError):
            raise StackError(error.reason) from None
        if form.axes:
            raise StackError(f"{error.reason}, and --axes={form.axes} names slices") from None
        return None


def with_neighbors(count: int, index: int, context: int) -> list[int]:
    """Returns the places of a slice and its neighbors, in their order; reflected at both ends of the stack.

    The first slice's neighbor below is the second one; those of a stack of one slice are that slice itself.

    Args:
      count: slices in the stack.
      index: the place of the slice.
      context: neighbors on either side.
    """
    period = max(1, 2 * (count - 1))
    places = [abs(index + step) % period for step in range(-context, context + 1)]
    return [min(place, period - place) for place in places]


class Neighborhoods:
    """Reads slices with their neighbors as further channels; keeps what the next slices need, too.

    Args:
      stack: open.
      context: neighbors on either side.
    """

    def __init__(self, stack: Stack, context: int):
        self._stack, self._context = stack, context
        self._kept: dict[int, npt.NDArray] = {}

    def read(self, index: int) -> npt.NDArray:
        """Reads `(H, W, (2 context + 1) C)`: the channels of the first neighbor, then those of the next, and so on."""
        places = with_neighbors(self._stack.depth, index, self._context)
        self._kept = {place: values for place, values in self._kept.items() if place in places}
        for place in places:
            if place not in self._kept:
                self._kept[place] = self._stack.read(place)
        return np.concatenate([self._kept[place] for place in places], axis=-1)
