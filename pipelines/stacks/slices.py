"""Slices of two stacks, with their neighbors as channels; each reads as a file of its own: NPY, `(H, W, C)`."""

import dataclasses
import functools
import math
import pathlib

from pipelines.images.formats.arrays import npy_header
from pipelines.images.header import BadImageError
from pipelines.images.packed_pair import HEADER_BYTES, naming_side, pack
from pipelines.stacks.stack import Neighborhoods, Stack, StackForm, open_stack
from pipelines.storage.file_pair import PartPair

# Stacks that stay open while slices of them are read.
MAX_OPEN = 64


@dataclasses.dataclass(frozen=True)
class StackFile:
    """A file that is a stack.

    Attributes:
      path: of the file.
      form: how it is read.
      depth: its slices, when it was first opened; 0 if it was not there.
      slice_bytes: how long the NPY file of a slice is.
    """

    path: pathlib.Path
    form: StackForm
    depth: int = 0
    slice_bytes: int = 0

    @classmethod
    def of(cls, stack: Stack, form: StackForm) -> "StackFile":
        """Describes an open stack."""
        header = stack.header
        shape = (header.height, header.width, header.channels * (2 * form.context + 1))
        length = len(npy_header(shape, header.dtype)) + math.prod(shape) * header.dtype.itemsize
        return cls(stack.path, form, stack.depth, length)

    def read_bytes(self, index: int) -> bytes:
        """Returns the NPY file of a slice with its neighbors.

        Raises:
          BadImageError: it cannot be read.
          OSError: the file is gone.
        """
        stack = _opened(self.path, self.form, self.path.stat().st_mtime_ns)
        if stack is None or index >= stack.depth:
            raise BadImageError("it is no stack any more, or has fewer slices")
        return as_npy(Neighborhoods(stack, self.form.context), index)


@dataclasses.dataclass(frozen=True)
class SlicePair(PartPair):
    """Slices of one place in two stacks, of A and of B.

    Attributes:
      a: the stack of A.
      b: the stack of B.
      index: the place, from 0.
    """

    a: StackFile
    b: StackFile
    index: int

    def __str__(self) -> str:
        return f"slice {self.index} of {self.a.path} with {self.b.path}"

    def read_bytes(self) -> bytes:
        """Returns the NPY files of both slices, packed; raises OSError if a stack is gone, or BadImageError."""
        parts = []
        for side, stack in zip("AB", (self.a, self.b), strict=True):
            with naming_side(side):
                parts.append(stack.read_bytes(self.index))
        return pack(*parts)

    def size(self) -> int:
        """Returns the length of the packed bytes."""
        return HEADER_BYTES + self.a.slice_bytes + self.b.slice_bytes


def as_npy(slices: Neighborhoods, index: int) -> bytes:
    """Returns the NPY file of a slice with its neighbors; raises BadImageError if it cannot be read."""
    values = slices.read(index)
    return npy_header(values.shape, values.dtype) + values.tobytes()


@functools.lru_cache(MAX_OPEN)
def _opened(path: pathlib.Path, form: StackForm, written: int) -> Stack | None:
    """Opens a stack, and keeps it open as long as its file has not been written again."""
    return open_stack(path, form)
