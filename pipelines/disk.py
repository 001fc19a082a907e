"""Files and folders that are on the disk whole or not at all."""

import os
import pathlib

from pipelines.command import InputError


def write_whole(path: pathlib.Path, contents: str | bytes) -> None:
    """Writes a file, or puts another in its place; whoever reads it meanwhile sees the old one."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    os.replace(temporary, path)


def sync_files(folder: pathlib.Path) -> None:
    """Has all files below a folder on the disk, so that after a power cut none of them is hollow."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


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
        probe.touch()
        probe.unlink()
        if is_new:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{option}={folder} cannot be written ({error.strerror}); give another --{option}") from None
