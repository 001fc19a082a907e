"""Encoded images, each in a file of its own."""

import hashlib
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from pipelines.storage.manifest import is_sharded
from pipelines.storage.records import SHARD_SUFFIX
from pipelines.system.paths import AnyPath, RemotePath, file_size
from pipelines.system.terminal import InputError

SUFFIXES = (".jpg", ".jpeg", ".png")


class Files(Sequence[AnyPath]):
    """Images by index: what Shards are, from files.

    Args:
      folder: that names are below.
      paths: of the files.
    """

    def __init__(self, folder: AnyPath, paths: Sequence[AnyPath]):
        self.folder = folder
        self._paths = list(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> AnyPath:
        return self._paths[index]

    def select(self, indices: Sequence[int]) -> "Files":
        """Some of them, in this order."""
        return Files(self.folder, [self._paths[index] for index in indices])

    def names(self) -> list[str]:
        """The paths below the folder."""
        return [path.relative_to(self.folder).as_posix() for path in self._paths]

    def containers(self) -> list[AnyPath]:
        """What holds them, and is not one of them."""
        return [self.folder]

    def fingerprint(self, sizes: Sequence[int] | None = None) -> str:
        """Tells whether these are the same files, by the names (without their folder) and sizes, in order.

        Args:
          sizes: in bytes, where they are known, and the files may have changed since.
        """
        sizes = map(file_size, self._paths) if sizes is None else sizes
        lines = "".join(f"{path.name} {bytes_}\n" for path, bytes_ in zip(self._paths, sizes, strict=True))
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data."""
        # As the file system has it: a name need not be UTF-8.
        paths = tf.constant([os.fsencode(str(path)) for path in self._paths])
        return lambda index: tf.io.read_file(paths[index])


def list_files(folder: AnyPath) -> list[AnyPath]:
    """All JPEG and PNG files below the folder, sorted.

    Raises:
      InputError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; a data set is a folder with train/ and val/, of side-by-side images")
    below = list(folder.files() if isinstance(folder, RemotePath) else (p for p in folder.rglob("*") if p.is_file()))
    files = sorted(path for path in below if path.suffix.lower() in SUFFIXES)
    if not files and is_sharded(folder):
        raise InputError(f"{folder} holds shards, and image files are wanted here; give the folder they were made from")
    if not files and any(path.suffix == SHARD_SUFFIX for path in below):
        raise InputError(
            f"{folder} has shards and no manifest.json, which comes last; give the command that makes them again, it "
            "goes on"
        )
    if not files:
        raise InputError(f"{folder} has no images; it should hold {', '.join(SUFFIXES)} files")
    return files
