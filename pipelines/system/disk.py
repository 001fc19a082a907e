"""Files and folders that are on the disk whole or not at all, and what is said where there is no room for them."""

import contextlib
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator

import tensorflow as tf

from pipelines.system.terminal import DISK_FULL_EXIT_CODE, NO_ROOM, InputError

MIB = 2**20


class DiskFullError(InputError):
    """There is no room."""

    exit_code = DISK_FULL_EXIT_CODE


def write_whole(path: pathlib.Path, contents: str | bytes) -> None:
    """Writes a file, or puts another in its place; whoever reads it meanwhile sees the old one."""
    temporary = path.with_name(f".{path.name}")
    try:
        # A leftover, or what a stranger put in its place; a file that is made anew follows no link.
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            file.write(contents.encode() if isinstance(contents, str) else contents)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def check_room(folder: pathlib.Path, what: str, needed: int) -> None:
    """Raises DiskFullError unless a folder's disk has room for so many bytes; nothing is written.

    Args:
      folder: has to be there.
      what: is to be written, as the message says it.
      needed: bytes.
    """
    usage = shutil.disk_usage(folder)
    # Some file systems over a network do not say how large they are.
    if usage.total and usage.free < needed:
        raise DiskFullError(_no_room(folder, what, needed))


@contextlib.contextmanager
def naming_full_disk(folder: pathlib.Path, what: str, needed: int = 0) -> Iterator[None]:
    """Turns the system's or TensorFlow's word of a full disk, which has no numbers, into a DiskFullError that has.

    Args:
      folder: that is written into.
      what: is being written, as the message says it.
      needed: bytes, where that is known.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(_no_room(folder, what, needed)) from None
    except (tf.errors.OpError, RuntimeError) as error:
        # Beam's is a RuntimeError, with TensorFlow's words in it.
        if not any(os.strerror(number) in str(error) for number in NO_ROOM):
            raise
        raise DiskFullError(_no_room(folder, what, needed)) from None


def _no_room(folder: pathlib.Path, what: str, needed: int) -> str:
    disk = folder.resolve()
    while not disk.is_mount():
        disk = disk.parent
    free = shutil.disk_usage(disk).free
    has = f"the disk at {disk} has {free / MIB:.1f} MiB free"
    if needed > free:
        state = f"it needs {needed / MIB:.1f} MiB and {has}, so {(needed - free) / MIB:.1f} MiB are missing"
    else:
        state = f"{has}; if that is not little, a quota or the number of files is exhausted"
    return f"no room for {what} in {folder}: {state}. Make room, and give the same command to go on"


def refuse_links(folder: pathlib.Path, option: str) -> None:
    """Raises InputError where something below a folder is neither a file nor a folder.

    Through a link one would write outside, and a pipe or a device has no end. The folder itself may be a link.

    Args:
      folder: need not be there.
      option: what the user calls it.
    """
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = pathlib.Path(parent, name)
            try:
                mode = path.lstat().st_mode  # asked once: a running training may replace it between two questions
            except FileNotFoundError:
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise InputError(
                    f"{option}={folder} has {path.relative_to(folder)}, which is neither a file nor a folder; remove "
                    f"it, or put what it leads to in its place ({option} itself may be a link)"
                )


def sync_files(folder: pathlib.Path) -> None:
    """Has all files below a folder on the disk, so that after a power cut none of them is hollow."""
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
    sync_folder(folder)


def sync_file(path: pathlib.Path) -> None:
    """Has a file's contents on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: pathlib.Path) -> None:
    """Has the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(folder: pathlib.Path, option: str) -> None:
    """Tries to write into a folder, and leaves nothing behind.

    Args:
      folder: need not be there.
      option: what the user calls it.

    Raises:
      InputError: it cannot be made, or not be written into.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.unlink(missing_ok=True)
        probe.open("x").close()
        probe.unlink()
        if is_new:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{option}={folder} cannot be written ({error.strerror}); give another --{option}") from None
