"""Lists and reads images that are files of their own."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.storage.image_set import Identity, ImageSet
from pipelines.storage.manifest import SHARD_SUFFIX, is_sharded
from pipelines.system.paths import AnyPath, RemotePath, file_size
from pipelines.system.terminal import InputError

SUFFIXES = (".jpg", ".jpeg", ".png")
# The folders of a data set.
SPLITS = ("train", "val", "test")


class Files(ImageSet):
    """An ImageSet of files.

    Args:
      folder: their names are paths below it.
      paths: of the files.
      sizes: `(n,)` in bytes, as the files were first read.
      digests: `(n, 8)` uint8, likewise.
    """

    was_read = False

    def __init__(
        self,
        folder: AnyPath,
        paths: Sequence[AnyPath],
        sizes: np.ndarray | None = None,
        digests: np.ndarray | None = None,
    ):
        self.folder = folder
        self._paths = list(paths)
        self._sizes = sizes
        self._digests = digests

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> AnyPath:
        return self._paths[index]

    def select(self, indices: Sequence[int]) -> "Files":
        """Returns a set of some of the images, in this order."""
        rows = np.asarray(indices, np.int64)
        sizes, digests = (None if each is None else each[rows] for each in (self._sizes, self._digests))
        return Files(self.folder, [self._paths[row] for row in rows], sizes, digests)

    def names(self) -> list[str]:
        """Returns the paths below the folder."""
        return [self._name(path) for path in self._paths]

    def containers(self) -> list[AnyPath]:
        """Returns the folder."""
        return [self.folder]

    def fingerprint(self) -> str:
        """Returns a digest of the files' names (without their folders) and sizes, in order."""
        sizes = map(file_size, self._paths) if self._sizes is None else self._sizes
        lines = "".join(f"{path.name} {size}\n" for path, size in zip(self._paths, sizes, strict=True))
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data."""
        # The file system's own bytes: a name need not be UTF-8.
        paths = tf.constant([os.fsencode(str(path)) for path in self._paths])
        digests = None if self._digests is None else tf.constant(self._digests)

        def read(index: tf.Tensor) -> tf.Tensor:
            encoded = tf.io.read_file(paths[index])
            if digests is None:
                return encoded
            return tf.where(tf.reduce_all(tf.equal(digest_of(encoded), digests[index])), encoded, "")

        return read

    def with_missing(self, names: Iterable[str]) -> "Files":
        """Returns the set with these files in their places, even if they no longer exist."""
        return Files(self.folder, sorted({*self._paths, *(self.folder / name for name in names)}))

    def as_read(self, sizes: np.ndarray, digests: np.ndarray) -> "Files":
        """Returns the set, which now knows its files' sizes `(n,)` in bytes and digests `(n, 8)` uint8."""
        return Files(self.folder, self._paths, sizes, digests)

    def index_of(self, name: str, index: int) -> int:
        """Returns the index of the file with this name."""
        return self._paths.index(self.folder / name)

    def identity(self, index: int) -> Identity:
        """Returns the file's name, and size and digest if they are known."""
        name = self._name(self._paths[index])
        if self._sizes is None or self._digests is None:
            return Identity(name)
        return Identity(name, int(self._sizes[index]), self._digests[index].tobytes().hex())

    def identities(self) -> list[Identity]:
        """Returns the identity of every file."""
        return [self.identity(index) for index in range(len(self))]

    def is_unchanged(self, index: int, contents: bytes) -> bool:
        """Tells whether these are the bytes that the file had when it was first read."""
        return self._digests is None or np.array_equal(digest_of(contents), self._digests[index])

    def contents_fingerprint(self) -> str | None:
        """Returns a digest of the files' contents; None before `as_read`."""
        return None if self._digests is None else hashlib.sha256(self._digests.tobytes()).hexdigest()

    def count_missing(self) -> int:
        """Counts the files that no longer exist."""
        return sum(not path.exists() for path in self._paths)

    def _name(self, path: AnyPath) -> str:
        return path.relative_to(self.folder).as_posix()


def digest_of(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """Returns the FarmHash digest of a file's bytes, a scalar string: `(8,)` uint8."""
    return tf.fingerprint(tf.reshape(encoded, (1,)))[0]


def split_folders(folder: AnyPath) -> list[AnyPath]:
    """Returns those of SPLITS that a data set has."""
    return [folder / split for split in SPLITS if (folder / split).is_dir()]


def list_files(folder: AnyPath) -> list[AnyPath]:
    """Returns all JPEG and PNG files below the folder, sorted.

    Raises:
      InputError: the folder does not exist, or has no image.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder; a data set is a folder with train/ and val/, of side-by-side images"
        )
    below: list[AnyPath]
    if isinstance(folder, RemotePath):
        below = list(folder.files())
    else:
        below = [path for path in folder.rglob("*") if path.is_file()]
    files = sorted(path for path in below if path.suffix.lower() in SUFFIXES)
    if not files and is_sharded(folder):
        raise InputError(f"{folder} has shards instead of image files; give the folder from which they were made")
    if not files and any(path.suffix == SHARD_SUFFIX for path in below):
        raise InputError(
            f"{folder} has shards without manifest.json, so they are incomplete; give the command that makes them "
            "again, and it will resume"
        )
    if not files:
        raise InputError(f"{folder} has no images; it should have {', '.join(SUFFIXES)} files")
    return files
