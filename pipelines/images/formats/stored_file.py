"""A file on the disk in place of its bytes: reads only what is asked for, such as the tiles that a window touches."""

import os
from types import TracebackType
from typing import BinaryIO


class StoredFile:
    """Answers as the bytes of a file would, as far as the decoders ask; for one thread at a time.

    Args:
      path: of a local file.

    Raises:
      OSError: it cannot be opened; later, it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]):
        # tifffile reads from it, too; both seek before they read.
        self.file: BinaryIO = open(path, "rb")  # noqa: SIM115  # closed by __exit__
        self._length = os.fstat(self.file.fileno()).st_size

    def __enter__(self) -> "StoredFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._length)
        self.file.seek(start)
        return self.file.read(max(0, stop - start))

    def stamp(self) -> tuple[int, int]:
        """Returns its length, and the time of its last change in nanoseconds."""
        return self._length, os.fstat(self.file.fileno()).st_mtime_ns

    def startswith(self, signatures: bytes | tuple[bytes, ...]) -> bool:
        """Tells whether the file begins with one of these."""
        some = (signatures,) if isinstance(signatures, bytes) else signatures
        return self[: max(map(len, some))].startswith(some)

    def count(self, part: bytes) -> int:
        """Counts these bytes in the whole file."""
        return self[:].count(part)
