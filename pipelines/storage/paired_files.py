"""Reads pairs whose halves are files of their own, in two folders."""

import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.packed_pair import pack_in_graph
from pipelines.storage.file_pair import FilePair
from pipelines.storage.file_set import FileSet, fingerprint_of, unless_changed
from pipelines.system.paths import AnyPath


class PairedFiles(FileSet[FilePair]):
    """An ImageSet of pairs of files; each image is a packed pair.

    Args:
      folders: of A and of B.
      names: of the pairs: the path of A's file below its folder, without suffix.
      pairs: as many.
      sizes: `(n,)` of the packed pairs in bytes, as they were first read.
      digests: `(n, 8)` uint8, likewise.
      left_out: what else there is below the folders.
      skipped: the files without a partner, with the likely reason.
      other_capitals: how many pairs have names that differ in capitals.
    """

    kind = "pairs"
    is_packed = True

    def __init__(
        self,
        folders: tuple[AnyPath, AnyPath],
        names: Sequence[str],
        pairs: Sequence[FilePair],
        sizes: np.ndarray | None = None,
        digests: np.ndarray | None = None,
        *,
        left_out: Mapping[AnyPath, str] | None = None,
        skipped: Mapping[str, str] | None = None,
        other_capitals: int = 0,
    ):
        super().__init__(pairs, sizes, digests)
        self.left_out, self.skipped, self.other_capitals = left_out or {}, skipped or {}, other_capitals
        self.folder = folders[0]
        self.folders = folders
        self._names = list(names)

    def __str__(self) -> str:
        return f"{self.folders[0]} with {self.folders[1]}"

    def name(self, index: int) -> str:
        """Returns the path of A's file below its folder, without suffix."""
        return self._names[index]

    def _with(self, rows: Sequence[int], sizes: np.ndarray | None, digests: np.ndarray | None) -> "PairedFiles":
        names, pairs = [self._names[row] for row in rows], [self._files[row] for row in rows]
        return PairedFiles(self.folders, names, pairs, sizes, digests)

    def containers(self) -> list[AnyPath]:
        """Returns the folders of A and of B."""
        return list(self.folders)

    def fingerprint(self) -> str:
        """Returns a digest of the pairs' names and sizes, in order."""
        sizes = [pair.size() for pair in self._files] if self._sizes is None else self._sizes
        return fingerprint_of(self._names, sizes)

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the packed bytes, to be used inside tf.data."""
        # The file system's own bytes: a name need not be UTF-8.
        paths = tf.constant([[os.fsencode(str(file)) for file in (pair.a, pair.b)] for pair in self._files])
        digests = None if self._digests is None else tf.constant(self._digests)

        def read(index: tf.Tensor) -> tf.Tensor:
            packed = pack_in_graph(tf.io.read_file(paths[index, 0]), tf.io.read_file(paths[index, 1]))
            return packed if digests is None else unless_changed(packed, digests[index])

        return read

    def with_missing(self, names: Iterable[str]) -> "PairedFiles":
        """Returns the set with these pairs in their places, even if their files no longer exist."""
        pairs = dict(zip(self._names, self._files, strict=True))
        for name in names:
            pairs.setdefault(name, FilePair(*(folder / name for folder in self.folders)))
        ordered = sorted(pairs, key=name_order)
        return PairedFiles(self.folders, ordered, [pairs[name] for name in ordered]).made_of(self)

    def index_of(self, name: str, index: int) -> int:
        """Returns the index of the pair with this name."""
        return self._names.index(name)

    def count_missing(self) -> int:
        """Counts the pairs of which a file no longer exists."""
        return sum(not pair.exists() for pair in self._files)


def name_order(name: str) -> tuple[str, ...]:
    """Returns what pairs are sorted by: the names are ordered as paths are."""
    return pathlib.PurePosixPath(name).parts
