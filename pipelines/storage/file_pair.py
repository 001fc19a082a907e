"""One pair whose halves are two files, or parts of two files; reads like one file."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from pipelines.images.packed_pair import HEADER_BYTES, pack
from pipelines.system.paths import AnyPath, file_size

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class FilePair:
    """Two files, of A and of B.

    Attributes:
      a: the file of A.
      b: the file of B.
    """

    a: AnyPath
    b: AnyPath

    def __str__(self) -> str:
        return f"{self.a} with {self.b}"

    def read_bytes(self) -> bytes:
        """Returns the bytes of both files, packed.

        Raises:
          OSError: one of them cannot be read.
        """
        return pack(*(_of(file, type(file).read_bytes) for file in (self.a, self.b)))

    def size(self) -> int:
        """Returns the length of the packed bytes.

        Raises:
          OSError: a file is gone.
        """
        return HEADER_BYTES + sum(_of(file, file_size) for file in (self.a, self.b))

    def exists(self) -> bool:
        """Tells whether both files exist."""
        return self.a.exists() and self.b.exists()


class PartPair(abc.ABC):
    """Parts of two files, of A and of B, such as slices of stacks. It can be printed, and compared."""

    @abc.abstractmethod
    def read_bytes(self) -> bytes:
        """Returns the bytes of both parts, packed, each as a file of its own; raises OSError if they are gone."""

    @abc.abstractmethod
    def size(self) -> int:
        """Returns the length of the packed bytes."""


def _of(file: AnyPath, ask: Callable[[Any], Result]) -> Result:
    """Asks a file for something; the error names the file, since the caller names both."""
    try:
        return ask(file)
    except OSError as error:
        raise OSError(error.errno, f"{file}: {error.strerror}", str(file)) from None
