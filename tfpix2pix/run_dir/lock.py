"""Lets one training at a time write into a run directory."""

import errno
import os
import pathlib
import socket
from collections.abc import Callable

from filelock import FileLock, Timeout

from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError

LOCK_FILE = "lock"
# Who holds the lock. A file of its own: Windows lets nobody else read a file that is locked.
HOLDER_FILE = "lock.holder"
# What a file system without locks answers.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class Lock:
    """Is held by the training that writes into a run directory, until that releases it or its process ends.

    The system frees the lock when the process ends, also by kill -9. Commands that only read a run directory do not ask
    for it.

    Args:
      run_dir: need not exist yet.
    """

    def __init__(self, run_dir: pathlib.Path):
        self.run_dir = run_dir
        self.path = run_dir / LOCK_FILE
        self._lock = FileLock(self.path, timeout=0, thread_local=False, fallback_to_soft=False)
        self._is_taken = False

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def take(self, warn: Callable[[str], object] = print) -> None:
        """Takes the lock, unless this object has it already. The run directory must exist.

        Args:
          warn: gets a note if the file system has no locks; the training then runs without one.

        Raises:
          InputError: another training holds it.
        """
        if self._is_taken:
            return
        holder = self.run_dir / HOLDER_FILE
        try:
            self._lock.acquire()
        except Timeout:
            name = holder.read_text().strip() if holder.exists() else "another process"
            raise InputError(
                f"run_dir={self.run_dir} is being written by another training ({name}); wait for its end, stop it, or "
                "give another --run_dir"
            ) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warn(
                f"note: the file system of {self.path} has no locks ({error.strerror}); make sure that no other "
                "training writes there"
            )
        else:
            write_whole(holder, f"process {os.getpid()} on {socket.gethostname()}\n")
        self._is_taken = True
