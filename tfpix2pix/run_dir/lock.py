"""One training at a time in a run directory."""

import errno
import fcntl
import os
import pathlib
import socket

from pipelines.system.terminal import InputError

LOCK_FILE = "lock"
# What a file system says where another process has the lock; anything else means that it has no locks.
HELD = (errno.EAGAIN, errno.EACCES)


class Lock:
    """Held by the process that writes into a run directory, until it lets go or ends, however it ends.

    Only trainings ask for it: whatever reads a run directory is not hindered.

    Args:
      run_dir: need not be there yet.
    """

    def __init__(self, run_dir: pathlib.Path):
        self.path = run_dir / LOCK_FILE
        self._file = None

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *exception) -> None:
        if self._file:
            self._file.close()

    def take(self, warn=print) -> None:
        """Takes it, unless this process has it already. The folder has to be there.

        Args:
          warn: is told where the file system has no locks; the training then goes on without.

        Raises:
          InputError: another process has it.
        """
        if self._file:
            return
        # Not emptied before it is ours.
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in HELD:
                warn(
                    f"note: the file system of {self.path} has no locks ({error.strerror}); see to it that no other "
                    "training writes there"
                )
                self._file = file
                return
            file.seek(0)
            holder = file.read().strip() or "another one"
            file.close()
            raise InputError(
                f"run_dir={self.path.parent} is being written by another training ({holder}); wait for its end, stop "
                "it, or give another --run_dir"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        self._file = file
