"""Finds the slices of a TIFF that is a stack: the pages of each place along Z or T, as metadata or the user say."""

import dataclasses
import math

import tifffile

from pipelines.images.choices import SLICED
from pipelines.images.formats import tiff_stack
from pipelines.images.formats.tiff_stack import Stack
from pipelines.images.header import BadImageError

# A list of pages may be followed so far in a stack; more is damage.
MAX_PAGES = 2**16


class StackError(BadImageError):
    """A file that is a stack, or may be one, and cannot be read as one."""


@dataclasses.dataclass(frozen=True)
class Slices:
    """The slices of a stack.

    Attributes:
      letter: the axis along which they lie, Z or T.
      pages: all pages of the file, with that axis.
    """

    letter: str
    pages: Stack

    @property
    def depth(self) -> int:
        """The number of slices."""
        return self.pages.shape[self._axis]

    @property
    def letters(self) -> str:
        """The axes of one slice."""
        return self.pages.letters.replace(self.letter, "")

    def of(self, index: int) -> Stack:
        """Returns the pages of one slice, which make a picture."""
        whole, axis = self.pages, self._axis
        shape = (*whole.shape[:axis], *whole.shape[axis + 1 :])
        if whole.start is not None:
            return Stack(whole.pages, shape, self.letters, whole.start + index * math.prod(shape) * self._number_bytes)
        # The pages are counted as an array is that has the axes outside of a page.
        inner = math.prod(whole.shape[axis + 1 : self._outer])
        outer = math.prod(whole.shape[:axis])
        step = self.depth * inner
        pages = [whole.pages[i * step + index * inner + j] for i in range(outer) for j in range(inner)]
        page = pages[0].keyframe
        return Stack(pages, shape, page.axes if shape == page.shape else self.letters)

    @property
    def _axis(self) -> int:
        return self.pages.letters.index(self.letter)

    @property
    def _outer(self) -> int:
        return len(self.pages.shape) - len(self.pages.page.keyframe.shape)

    @property
    def _number_bytes(self) -> int:
        return self.pages.page.keyframe.dtype.itemsize


def find(tif: tifffile.TiffFile, axes: str = "") -> Slices | None:
    """Finds the slices of a file; None if it is a single picture, or says nothing of its pages.

    Args:
      tif: the open file.
      axes: a letter for each axis, one of them Z or T, in place of what the file says; empty: the file says it.

    Raises:
      BadImageError: it cannot be read.
      StackError: it is a stack in a way that is not taken.
    """
    if not axes and not tiff_stack.has_axes(tif):
        return None
    whole = tiff_stack.all_pages(tif, MAX_PAGES)
    if axes:
        if len(axes) != len(whole.shape):
            raise StackError(
                f"its array of shape {whole.shape} has {len(whole.shape)} axes; --axes={axes} names {len(axes)}"
            )
        whole = dataclasses.replace(whole, letters=axes)
    sides = list(zip(whole.letters, whole.shape, strict=True))
    found = [(letter, n) for letter, n in sides if letter in SLICED and (n > 1 or axes)]
    if not found:
        return None
    unknown = [f"{n} along {letter}" for letter, n in sides if letter not in "YXCS" + SLICED and n > 1]
    if len(found) > 1 or unknown:
        words = " and ".join([f"{n} along {letter}" for letter, n in found] + unknown)
        raise StackError(f"it has pictures {words}, and slices lie along one axis; save each stack alone")
    if len(tif.series) > 1 and not axes:
        raise StackError(f"it has {len(tif.series)} images; save the stack that counts alone")
    slices = Slices(found[0][0], whole)
    _check(slices)
    return slices


def _check(slices: Slices) -> None:
    """Raises StackError for slices that are not whole pages."""
    whole, axis = slices.pages, slices.pages.letters.index(slices.letter)
    if whole.start is not None:
        if math.prod(whole.shape[:axis]) > 1:
            raise StackError(f"its {slices.letter} is not the first of its axes {whole.letters}; save it as the first")
        return
    page = whole.page.keyframe
    if axis >= len(whole.shape) - len(page.shape):
        raise StackError(f"its {slices.letter} lies inside of its pages; save it with a page for each slice")
    if slices.letters[-len(page.shape) :].replace("C", "S") != page.axes.replace("C", "S"):
        raise StackError(f"its pages have axes {page.axes}, and {whole.letters} was said; save slices as pages")
