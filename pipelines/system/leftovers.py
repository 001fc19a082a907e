"""Temporary names that say which process made them, so that what a killed process left can be told and removed."""

import contextlib
import functools
import hashlib
import os
import pathlib
import shutil
import socket
import uuid
from typing import TypeVar

import psutil

from pipelines.system.paths import RemotePath

AnyPathT = TypeVar("AnyPathT", pathlib.Path, RemotePath, pathlib.Path | RemotePath)
# How a temporary name ends. It is no image's suffix, so that no leftover is taken for an image.
UNFINISHED = ".unfinished"
# Of a name's characters, those that its temporary name keeps: of four bytes each, where file systems allow 255 in all.
KEPT_CHARACTERS = 32


def temporary_name(path: AnyPathT) -> AnyPathT:
    """Returns a hidden name beside a path that no one else uses; it says which process made it."""
    maker = f"{_machine()}-{os.getpid()}-{_process_key(os.getpid())}-{uuid.uuid4().hex[:8]}"
    return path.with_name(f".{path.name[:KEPT_CHARACTERS]}.{maker}{UNFINISHED}")


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes the temporary files and folders in a folder whose process, on this machine, has ended."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.endswith(UNFINISHED) and _has_ended(path.name.removesuffix(UNFINISHED).rpartition(".")[2]):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


# Once for each folder, since a folder of many files takes long to list.
remove_leftovers_once = functools.lru_cache(maxsize=1024)(remove_leftovers)


@functools.cache
def _machine() -> str:
    """Returns 8 characters that stand for this machine; containers that number their processes anew count as others."""
    identity = socket.gethostname()
    with contextlib.suppress(OSError):
        identity += f" {os.stat('/proc/self/ns/pid').st_ino}"
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


@functools.cache
def _process_key(pid: int) -> str:
    """Returns 8 random characters for this process; a fork, which has another pid, gets others."""
    return uuid.uuid4().hex[:8]


def _has_ended(maker: str) -> bool:
    """Tells whether the process in a temporary name, MACHINE-PID-KEY-RANDOM, ran on this machine and has ended."""
    machine, pid, key, _ = (*maker.split("-"), "", "", "", "")[:4]
    if machine != _machine() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid():
        return key != _process_key(os.getpid())
    return not psutil.pid_exists(int(pid))
