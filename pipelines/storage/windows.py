"""Reads windows of large pairs: of TIFF and NPY files only what a crop touches."""

import contextlib
import os
from collections.abc import Iterator

import numpy as np

from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.packed_pair import files_of, pack
from pipelines.images.pair_format import PairFormat
from pipelines.images.pair_window import Contents, read_window, window_shape
from pipelines.images.size import Size
from pipelines.storage.file_pair import FilePair
from pipelines.storage.image_set import ImageSet, Readable
from pipelines.system.paths import RemotePath

# When a file was last written, and its length.
Stamp = tuple[tuple[int, int], ...]


class Windows:
    """Reads windows of the pairs of a set, in several threads.

    A file is read whole once, to compare its digest with that of the training's start. From then on its length and the
    time of its last change tell whether it is still the same.

    Args:
      files: the encoded pairs.
      form: how they are read.
    """

    def __init__(self, files: ImageSet, form: PairFormat):
        self.files = files
        self.form = form
        self._shapes: dict[int, Size] = {}
        self._stamps: dict[int, Stamp] = {}

    def shape(self, index: int) -> np.ndarray:
        """Returns the (height, width) of each side of a pair, int32; (0, 0) if it has to be read whole.

        Raises:
          BadImageError: it cannot be read, or has changed.
        """
        if index not in self._shapes:
            with self._opened(index) as contents:
                self._shapes[index] = window_shape(self.form, contents) or (0, 0)
        return np.array(self._shapes[index], np.int32)

    def read(self, index: int, window: np.ndarray) -> list[np.ndarray]:
        """Reads a window (top, left, height, width) of source and target, each `(h, w, C)` float32 in [0, 1].

        Raises:
          BadImageError: it cannot be read, or has changed.
        """
        top, left, height, width = window.tolist()
        with self._opened(index) as contents:
            return read_window(self.form, contents, (top, left, height, width))

    @contextlib.contextmanager
    def _opened(self, index: int) -> Iterator[tuple[Contents, ...]]:
        """Opens the file of a pair, or both of two."""
        readable = self.files[int(index)]
        try:
            with contextlib.ExitStack() as stack:
                paths = _local_paths(readable)
                if not paths:
                    contents = readable.read_bytes()
                    self._check(index, contents)
                    yield files_of(contents)
                    return
                opened = [stack.enter_context(StoredFile(path)) for path in paths]
                stamp = tuple(file.stamp() for file in opened)
                if self._stamps.get(index) != stamp and self.files.identity(int(index)).digest:
                    parts = [file[:] for file in opened]
                    self._check(index, pack(*parts) if len(parts) > 1 else parts[0])
                    self._stamps[index] = stamp
                yield tuple(opened)
        except OSError as error:
            raise BadImageError(f"it cannot be read ({error.strerror})") from None

    def _check(self, index: int, contents: bytes) -> None:
        if not self.files.is_unchanged(int(index), contents):
            raise BadImageError("it has changed since the training began")


def _local_paths(readable: Readable) -> list[os.PathLike[str]]:
    """Returns the files of a pair that are on this machine's disk; none of records and of object stores."""
    if isinstance(readable, FilePair):
        return [path for each in (readable.a, readable.b) for path in _local_paths(each)]
    return [readable] if isinstance(readable, os.PathLike) and not isinstance(readable, RemotePath) else []
