"""Encoded images, each in a file of its own."""

import hashlib
import pathlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from pipelines.command import InputError
from pipelines.manifest import is_sharded
from pipelines.place import Place

SUFFIXES = (".jpg", ".jpeg", ".png")


class Files(Sequence[pathlib.Path]):
    """Images by index: what Shards are, from files.

    Args:
      folder: that names are below.
      paths: of the files.
    """

    def __init__(self, folder: pathlib.Path, paths: Sequence[pathlib.Path]):
        self.folder = folder
        self._paths = list(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> pathlib.Path:
        return self._paths[index]

    def select(self, indices: Sequence[int]) -> "Files":
        """Some of them, in this order."""
        return Files(self.folder, [self._paths[index] for index in indices])

    def names(self) -> list[str]:
        """The paths below the folder."""
        return [path.relative_to(self.folder).as_posix() for path in self._paths]

    def fingerprint(self) -> str:
        """Tells whether these are the same files, by the names (without their folder) and sizes, in order."""
        lines = "".join(f"{path.name} {path.stat().st_size}\n" for path in self._paths)
        return hashlib.sha256(lines.encode()).hexdigest()

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data."""
        paths = tf.constant([str(path) for path in self._paths])
        return lambda index: tf.io.read_file(paths[index])


def list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """All JPEG and PNG files below the folder, sorted.

    Raises:
      InputError: there is no such folder, or no image in it.
    """
    if isinstance(folder, Place):
        files = sorted(file for file in folder.files() if file.suffix.lower() in SUFFIXES) if folder.is_dir() else []
        if not files:
            raise InputError(f"{folder} has no images; it should hold {', '.join(SUFFIXES)} files")
        return files
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; a data set is a folder with train/ and val/, of side-by-side images")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files and is_sharded(folder):
        raise InputError(f"{folder} holds shards, and image files are wanted here; give the folder they were made from")
    if not files:
        raise InputError(f"{folder} has no images; it should hold {', '.join(SUFFIXES)} files")
    return files
