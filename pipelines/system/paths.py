"""Files and folders that are not on a disk: what pathlib.Path does there, through tf.io.gfile."""

import hashlib
import os
import pathlib
import posixpath
import uuid
from collections.abc import Iterator

from pipelines.system.terminal import InputError

# Read at a time where a whole file need not be in memory.
CHUNK_BYTES = 1 << 22


class Place(pathlib.PurePosixPath):
    """A path with a scheme that TensorFlow knows, such as gs://bucket/set.

    As with pathlib.Path, an OSError says what cannot be read.
    """

    __slots__ = ()

    def __str__(self) -> str:
        # pathlib takes the two slashes behind the scheme for one.
        return super().__str__().replace(":/", "://", 1)

    def is_dir(self) -> bool:
        """Whether there is such a folder."""
        import tensorflow as tf

        return tf.io.gfile.isdir(str(self))

    def is_file(self) -> bool:
        """Whether there is such a file."""
        import tensorflow as tf

        return tf.io.gfile.exists(str(self)) and not self.is_dir()

    def exists(self) -> bool:
        """Whether there is either."""
        import tensorflow as tf

        return tf.io.gfile.exists(str(self))

    def iterdir(self) -> Iterator["Place"]:
        """What lies in this folder."""
        import tensorflow as tf

        return (self / name.rstrip("/") for name in tf.io.gfile.listdir(str(self)))

    def files(self) -> Iterator["Place"]:
        """All files below this folder, at any depth, in no order."""
        import tensorflow as tf

        for folder, _, names in tf.io.gfile.walk(str(self)):
            yield from (type(self)(posixpath.join(folder, name)) for name in names)

    def read_bytes(self) -> bytes:
        """The whole file."""
        import tensorflow as tf

        try:
            with tf.io.gfile.GFile(str(self), "rb") as file:
                return file.read()
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None

    def write_bytes(self, contents: bytes) -> int:
        """Writes the whole file; returns how many bytes."""
        import tensorflow as tf

        try:
            with tf.io.gfile.GFile(str(self), "wb") as file:
                file.write(contents)
        except tf.errors.OpError as error:
            raise OSError(error.error_code, error.message, str(self)) from None
        return len(contents)

    def read_text(self) -> str:
        """The whole file, as UTF-8."""
        return self.read_bytes().decode()


AnyPath = pathlib.Path | Place


def place(text: str | os.PathLike) -> AnyPath:
    """A path as the user wrote it: with a scheme in an object store, without on a disk."""
    return Place(text) if "://" in str(text) else pathlib.Path(text)


def is_below(name: str) -> bool:
    """Whether a name from outside, put behind a folder, stays below it."""
    parts = pathlib.PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name


def size(path: AnyPath) -> int:
    """Of a file, in bytes.

    Raises:
      OSError: it is not there.
    """
    import tensorflow as tf

    if isinstance(path, pathlib.Path):
        return path.stat().st_size
    try:
        return tf.io.gfile.stat(str(path)).length
    except tf.errors.OpError as error:
        raise OSError(error.error_code, error.message, str(path)) from None


def sha256(path: AnyPath) -> str:
    """Of a file, in hex."""
    import tensorflow as tf

    digest = hashlib.sha256()
    with tf.io.gfile.GFile(str(path), "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def unfinished(path: AnyPath) -> AnyPath:
    """A name beside a file, hidden and never used twice, to write under until it is whole."""
    # Its beginning only: the name may be as long as names can be.
    return path.with_name(f".{path.name[:50]}.{uuid.uuid4().hex}")


def put(path: AnyPath, contents: bytes, unfinished_in: AnyPath | None = None) -> None:
    """Writes a file whole or not at all, though several processes write it at once.

    Args:
      path: in a folder that is there.
      contents: all of it.
      unfinished_in: where it lies until it is whole, and stays if this is killed; by default beside the file.

    Raises:
      tf.errors.OpError: it cannot be written.
    """
    import tensorflow as tf

    temporary = unfinished(unfinished_in / path.name if unfinished_in else path)
    with tf.io.gfile.GFile(str(temporary), "wb") as file:
        file.write(contents)
    tf.io.gfile.rename(str(temporary), str(path), overwrite=True)


def make_folder(folder: AnyPath, option: str) -> None:
    """Makes a folder, and tries to write into it.

    Args:
      folder: may be there already.
      option: what the user calls it.

    Raises:
      InputError: it cannot be made, or not be written into.
    """
    import tensorflow as tf

    probe = unfinished(folder / "writable")
    try:
        tf.io.gfile.makedirs(str(folder))
        with tf.io.gfile.GFile(str(probe), "wb") as file:
            file.write(b"")
        tf.io.gfile.remove(str(probe))
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", error)
        raise InputError(f"{option}={folder} cannot be written ({reason}); give another --{option}") from None
