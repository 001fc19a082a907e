"""Paths on a disk or in an object store, such as gs://bucket/set, which TensorFlow reads and writes."""

import hashlib
import os
import pathlib
import posixpath
import uuid
from collections.abc import Iterator

from pipelines.system.terminal import InputError

# Read at a time where a whole file need not be in memory.
CHUNK_BYTES = 1 << 22


class RemotePath(pathlib.PurePosixPath):
    """A path with a scheme that TensorFlow knows, such as gs://bucket/set, with the methods of pathlib.Path.

    Reading and writing raise OSError, as those of pathlib.Path do.
    """

    __slots__ = ()

    def __str__(self) -> str:
        # pathlib takes the two slashes behind the scheme for one.
        return super().__str__().replace(":/", "://", 1)

    def is_dir(self) -> bool:
        """Tells whether this is a folder."""
        import tensorflow as tf

        return tf.io.gfile.isdir(str(self))

    def is_file(self) -> bool:
        """Tells whether this is a file."""
        import tensorflow as tf

        return tf.io.gfile.exists(str(self)) and not self.is_dir()

    def exists(self) -> bool:
        """Tells whether this is a file or a folder."""
        import tensorflow as tf

        return tf.io.gfile.exists(str(self))

    def iterdir(self) -> Iterator["RemotePath"]:
        """Yields what lies in this folder."""
        import tensorflow as tf

        return (self / name.rstrip("/") for name in tf.io.gfile.listdir(str(self)))

    def files(self) -> Iterator["RemotePath"]:
        """Yields all files below this folder, at any depth, in no particular order."""
        import tensorflow as tf

        for folder, _, names in tf.io.gfile.walk(str(self)):
            yield from (type(self)(posixpath.join(folder, name)) for name in names)

    def read_bytes(self) -> bytes:
        """Reads the whole file."""
        import tensorflow as tf

        try:
            with tf.io.gfile.GFile(str(self), "rb") as file:
                return file.read()
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None

    def write_bytes(self, contents: bytes) -> int:
        """Writes the whole file; returns its size in bytes."""
        import tensorflow as tf

        try:
            with tf.io.gfile.GFile(str(self), "wb") as file:
                file.write(contents)
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None
        return len(contents)

    def read_text(self) -> str:
        """Reads the whole file as UTF-8."""
        return self.read_bytes().decode()


AnyPath = pathlib.Path | RemotePath


def parse_path(text: str | os.PathLike) -> AnyPath:
    """Turns text into a path: with a scheme (gs://bucket/set) in an object store, without one on a disk."""
    return RemotePath(text) if "://" in str(text) else pathlib.Path(text)


def is_below(name: str) -> bool:
    """Tells whether a file that gets this name in a folder lies below that folder. The name may be anyone's."""
    parts = pathlib.PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name


def file_size(path: AnyPath) -> int:
    """Returns the size of a file in bytes.

    Raises:
      OSError: the file does not exist.
    """
    import tensorflow as tf

    if isinstance(path, pathlib.Path):
        return path.stat().st_size
    try:
        return tf.io.gfile.stat(str(path)).length
    except tf.errors.OpError as error:
        raise OSError(error.error_code, error.message, str(path)) from None


def file_sha256(path: AnyPath) -> str:
    """Returns the sha256 digest of a file, in hex."""
    import tensorflow as tf

    digest = hashlib.sha256()
    with tf.io.gfile.GFile(str(path), "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_inside(path: AnyPath, folder: AnyPath) -> bool:
    """Tells whether a path is a folder or lies in it. Local paths may be written in different ways, or be links."""
    inner, outer = (each.resolve() if isinstance(each, pathlib.Path) else each for each in (path, folder))
    return outer in (inner, *inner.parents)


def make_folder(folder: AnyPath, option: str) -> None:
    """Makes a folder, and tries to write into it.

    Args:
      folder: may exist.
      option: its option's name, for the message.

    Raises:
      InputError: the folder cannot be made or written into.
    """
    import tensorflow as tf

    probe = folder / f".writable.{uuid.uuid4().hex}"
    try:
        tf.io.gfile.makedirs(str(folder))
        with tf.io.gfile.GFile(str(probe), "wb") as file:
            file.write(b"")
        tf.io.gfile.remove(str(probe))
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", error)
        raise InputError(f"{option}={folder} cannot be written ({reason}); give another --{option}") from None
