"""Defines what sets of files have in common: after the first read they know each image by size and digest."""

import abc
import hashlib
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
import tensorflow as tf

from pipelines.storage.image_set import Identity, ImageSet, Readable

File = TypeVar("File", bound=Readable)
Self = TypeVar("Self", bound="FileSet")


class FileSet(ImageSet, Generic[File]):
    """An ImageSet of files.

    Args:
      files: what `[]` returns.
      sizes: `(n,)` in bytes, as the files were first read.
      digests: `(n, 8)` uint8, likewise.
    """

    was_read = False

    def __init__(self, files: Sequence[File], sizes: np.ndarray | None = None, digests: np.ndarray | None = None):
        self._files = list(files)
        self._sizes = sizes
        self._digests = digests

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> File:
        return self._files[index]

    @abc.abstractmethod
    def name(self, index: int) -> str:
        """Returns the name of an image: its path below the folder."""

    @abc.abstractmethod
    def _with(self: Self, rows: Sequence[int], sizes: np.ndarray | None, digests: np.ndarray | None) -> Self:
        """Returns the set of these images, of these sizes and digests."""

    def made_of(self: Self, other: ImageSet) -> Self:
        """Returns the set, which now knows what was left out of the one that it was made from."""
        self.left_out, self.skipped = other.left_out, other.skipped
        return self

    def names(self) -> list[str]:
        """Returns the paths below the folder."""
        return [self.name(index) for index in range(len(self))]

    def select(self: Self, indices: Sequence[int]) -> Self:
        """Returns a set of some of the images, in this order."""
        rows = np.asarray(indices, np.int64)
        sizes, digests = (None if each is None else each[rows] for each in (self._sizes, self._digests))
        return self._with(rows.tolist(), sizes, digests).made_of(self)

    def as_read(self: Self, sizes: np.ndarray, digests: np.ndarray) -> Self:
        """Returns the set, which now knows its files' sizes `(n,)` in bytes and digests `(n, 8)` uint8."""
        return self._with(range(len(self)), sizes, digests).made_of(self)

    def identity(self, index: int) -> Identity:
        """Returns the image's name, and size and digest if they are known."""
        if self._sizes is None or self._digests is None:
            return Identity(self.name(index))
        return Identity(self.name(index), int(self._sizes[index]), self._digests[index].tobytes().hex())

    def identities(self) -> list[Identity]:
        """Returns the identity of every image."""
        return [self.identity(index) for index in range(len(self))]

    def is_unchanged(self, index: int, contents: bytes) -> bool:
        """Tells whether these are the bytes that the image had when it was first read."""
        return self._digests is None or np.array_equal(digest_of(contents), self._digests[index])

    def contents_fingerprint(self) -> str | None:
        """Returns a digest of the files' contents; None before `as_read`."""
        return None if self._digests is None else hashlib.sha256(self._digests.tobytes()).hexdigest()


def fingerprint_of(names: Iterable[str], sizes: Iterable[int]) -> str:
    """Returns a digest of the names and sizes of files, in order."""
    lines = "".join(f"{name} {size}\n" for name, size in zip(names, sizes, strict=True))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def unless_changed(encoded: tf.Tensor, digest: tf.Tensor) -> tf.Tensor:
    """Returns the bytes if they have this digest, `(8,)` uint8, else an empty string, in a graph or eagerly."""
    return tf.where(tf.reduce_all(tf.equal(digest_of(encoded), digest)), encoded, "")


def digest_of(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """Returns the FarmHash digest of a file's bytes, a scalar string: `(8,)` uint8."""
    return tf.fingerprint(tf.reshape(encoded, (1,)))[0]
