"""Files and folders that are on the disk whole or not at all, and errors that say how much room is missing."""

import contextlib
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import TypeVar

from pipelines.system.leftovers import remove_leftovers, remove_leftovers_once, temporary_name
from pipelines.system.paths import RemotePath
from pipelines.system.terminal import DISK_FULL_EXIT_CODE, NO_ROOM, InputError

MIB = 2**20
AnyPathT = TypeVar("AnyPathT", pathlib.Path, RemotePath, pathlib.Path | RemotePath)


class DiskFullError(InputError):
    """The disk has no room for what is written."""

    exit_code = DISK_FULL_EXIT_CODE


@contextlib.contextmanager
def whole_file(path: AnyPathT, *, sync: bool = False, unfinished_in: AnyPathT | None = None) -> Iterator[AnyPathT]:
    """Yields a temporary name to write a file under; gives the file its own name at the end, or removes it on an error.

    Readers see the old file until then. A link at `path` is replaced, not followed. No other process or thread gets the
    same temporary name. What a killed process left in the folder is removed.

        with whole_file(path) as temporary:
            temporary.write_bytes(contents)

    Args:
      path: the file, in a folder that exists; on a disk or in an object store.
      sync: whether the file has to survive a power cut once this returns. Ignored in an object store.
      unfinished_in: the folder for the temporary name, in the same file system; by default that of `path`.

    Raises:
      OSError: the file cannot get its name; also what the caller's writing raises.
    """
    temporary = temporary_name(path if unfinished_in is None else unfinished_in / path.name)
    with (
        _rename_object(str(temporary), str(path))
        if isinstance(path, RemotePath) or isinstance(temporary, RemotePath)
        else _rename_file(temporary, path, sync)
    ):
        yield temporary


@contextlib.contextmanager
def _rename_file(temporary: pathlib.Path, path: pathlib.Path, sync: bool) -> Iterator[None]:
    remove_leftovers_once(temporary.parent)
    try:
        yield
        if sync:
            sync_file(temporary)
        os.replace(temporary, path)
        if sync:
            sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _rename_object(temporary: str, path: str) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
        tf.io.gfile.rename(temporary, path, overwrite=True)
    finally:
        with contextlib.suppress(tf.errors.OpError):
            if tf.io.gfile.exists(temporary):
                tf.io.gfile.remove(temporary)


def write_whole(path: AnyPathT, contents: str | bytes, *, sync: bool = False) -> None:
    """Writes a file by `whole_file`; text as UTF-8."""
    with whole_file(path, sync=sync) as temporary:
        temporary.write_bytes(contents.encode() if isinstance(contents, str) else contents)


@contextlib.contextmanager
def whole_folder(path: pathlib.Path, *, sync: bool = False) -> Iterator[pathlib.Path]:
    """Yields an empty folder to write into; gives it its own name at the end, or removes it on an error.

    No other process or thread gets the same folder. What a killed process left beside `path` is removed.

        with whole_folder(path) as temporary:
            (temporary / "a.png").write_bytes(contents)

    Args:
      path: the folder, which must not exist; its parent must.
      sync: whether all of it has to survive a power cut once this returns.

    Raises:
      FileExistsError: there is something at `path`, made before or meanwhile.
      OSError: the folder cannot be made, or not get its name.
    """
    remove_leftovers(path.parent)
    temporary = temporary_name(path)
    temporary.mkdir()
    try:
        yield temporary
        if sync:
            sync_files(temporary)
        # Renaming puts a folder in the place of an empty one on some systems.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        try:
            os.rename(temporary, path)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        if sync:
            sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_room(folder: pathlib.Path, what: str, needed: int) -> None:
    """Raises DiskFullError unless a folder's disk has enough free bytes. Writes nothing.

    Args:
      folder: must exist.
      what: what will be written, as the message says it.
      needed: bytes.
    """
    usage = shutil.disk_usage(folder)
    # Some file systems over a network do not say how large they are.
    if usage.total and usage.free < needed:
        raise DiskFullError(_no_room(folder, what, needed))


@contextlib.contextmanager
def naming_full_disk(folder: pathlib.Path, what: str, needed: int = 0) -> Iterator[None]:
    """Turns Python's, TensorFlow's or Beam's error for a full disk into a DiskFullError that says how much is missing.

    Args:
      folder: the folder that is written into.
      what: what is written, as the message says it.
      needed: bytes, where they are known.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(_no_room(folder, what, needed)) from None
    except Exception as error:
        # TensorFlow's error, and Beam's around it, have the system's words in their text.
        if not any(os.strerror(number) in str(error) for number in NO_ROOM):
            raise
        raise DiskFullError(_no_room(folder, what, needed)) from None


def _no_room(folder: pathlib.Path, what: str, needed: int) -> str:
    disk = folder.resolve()
    while not os.path.ismount(disk):
        disk = disk.parent
    free = shutil.disk_usage(disk).free
    has = f"the disk at {disk} has {free / MIB:.1f} MiB free"
    if needed > free:
        state = f"it needs {needed / MIB:.1f} MiB and {has}, so {(needed - free) / MIB:.1f} MiB are missing"
    else:
        state = f"{has}; if that should be enough, a quota or the number of files is exhausted"
    return f"no room for {what} in {folder}: {state}. Make room, then give the same command to resume"


def sync_files(folder: pathlib.Path) -> None:
    """Writes all files and names below a folder through to the disk, so that a power cut leaves none of them empty.

    The folder must be the caller's own: a file that another process removes meanwhile raises FileNotFoundError.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
        elif path.is_dir():
            sync_folder(path)
    sync_folder(folder)


def sync_file(path: pathlib.Path) -> None:
    """Writes a file's contents through to the disk."""
    # Windows syncs only what is open for writing.
    with path.open("r+b" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: pathlib.Path) -> None:
    """Writes the names in a folder through to the disk. Does nothing on Windows, which cannot open a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(folder: pathlib.Path, option: str) -> None:
    """Tries to write into a folder, and leaves nothing behind.

    Args:
      folder: need not exist.
      option: its option's name, for the message.

    Raises:
      InputError: the folder cannot be made or written into.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_name(folder / "writable")
        probe.open("x").close()
        probe.unlink()
        with contextlib.suppress(OSError):  # another process may have begun to write there
            for path in made:
                path.rmdir()
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise InputError(f"{option}={folder} cannot be written ({error.strerror}); give another --{option}") from None
