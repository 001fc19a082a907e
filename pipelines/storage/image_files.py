"""Lists and reads images that are files of their own."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pipelines.storage.file_set import FileSet, fingerprint_of, unless_changed
from pipelines.system.paths import AnyPath, file_size


class Files(FileSet[AnyPath]):
    """An ImageSet of single files.

    Args:
      folder: their names are paths below it.
      paths: of the files.
      sizes: `(n,)` in bytes, as the files were first read.
      digests: `(n, 8)` uint8, likewise.
      left_out: what else there is below the folder.
    """

    def __init__(
        self,
        folder: AnyPath,
        paths: Sequence[AnyPath],
        sizes: np.ndarray | None = None,
        digests: np.ndarray | None = None,
        left_out: Mapping[AnyPath, str] | None = None,
    ):
        super().__init__(paths, sizes, digests)
        self.folder = folder
        self.left_out = left_out or {}

    def name(self, index: int) -> str:
        """Returns the path below the folder."""
        return self._files[index].relative_to(self.folder).as_posix()

    def _with(self, rows: Sequence[int], sizes: np.ndarray | None, digests: np.ndarray | None) -> "Files":
        return Files(self.folder, [self._files[row] for row in rows], sizes, digests)

    def containers(self) -> list[AnyPath]:
        """Returns the folder."""
        return [self.folder]

    def fingerprint(self) -> str:
        """Returns a digest of the files' names (without their folders) and sizes, in order."""
        sizes = map(file_size, self._files) if self._sizes is None else self._sizes
        return fingerprint_of((path.name for path in self._files), sizes)

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data."""
        # The file system's own bytes: a name need not be UTF-8.
        paths = tf.constant([os.fsencode(str(path)) for path in self._files])
        digests = None if self._digests is None else tf.constant(self._digests)

        def read(index: tf.Tensor) -> tf.Tensor:
            encoded = tf.io.read_file(paths[index])
            return encoded if digests is None else unless_changed(encoded, digests[index])

        return read

    def with_missing(self, names: Iterable[str]) -> "Files":
        """Returns the set with these files in their places, even if they no longer exist."""
        paths = sorted({*self._files, *(self.folder / name for name in names)})
        return Files(self.folder, paths).made_of(self)

    def index_of(self, name: str, index: int) -> int:
        """Returns the index of the file with this name."""
        return self._files.index(self.folder / name)

    def count_missing(self) -> int:
        """Counts the files that no longer exist."""
        return sum(not path.exists() for path in self._files)
