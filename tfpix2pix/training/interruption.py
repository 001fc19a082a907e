"""Lets SIGTERM and Ctrl-C stop the training after the current step; a second signal stops it at once."""

import os
import pathlib
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Records the first signal instead of ending the process, as soon as there is something to save.

    Until the first step is done nothing would be lost, so a signal ends the process at once, as a second signal always
    does. A thread handles this: the main thread may be inside TensorFlow for long, waiting for other workers or
    compiling, and sees no signal there.

    Args:
      ends_process: whether "at once" ends this process, as a command wants it; else Ctrl-C raises KeyboardInterrupt as
        soon as the main thread is back in Python, as a notebook wants it.
      resume: the command that resumes the training, to be printed.

    Attributes:
      received: the signal that came, None before. Shells and schedulers expect 128 + its number as exit code.
      before_end: is called, in the thread, if the first signal ends the process.
    """

    received: signal.Signals | None = None
    _is_worth_saving = False

    def __init__(self, ends_process: bool = True, resume: str = "the same command"):
        self._ends_process = ends_process
        self._resume = resume
        self.before_end: Callable[[], None] = lambda: None
        self._count = 0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is not threading.main_thread():
            # Python hands signals to the main thread alone.
            return self
        # Windows takes a socket here, but not a pipe.
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former = {number: signal.signal(number, self._handle) for number in SIGNALS}
        # The interpreter writes each signal's number there at once, whatever the main thread does.
        self._former_descriptor = signal.set_wakeup_fd(self._writer.fileno())
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._thread:
            return
        signal.set_wakeup_fd(self._former_descriptor)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def __bool__(self) -> bool:
        return self.received is not None

    def listen(self) -> None:
        """Installs the handlers again: TensorFlow takes SIGTERM for itself when workers connect."""
        if self._thread:
            for number in SIGNALS:
                signal.signal(number, self._handle)

    def hold(self) -> None:
        """Tells that there is something to save from now on, so that a signal lets the training end by itself."""
        self._is_worth_saving = True

    def _handle(self, number: int, frame: object) -> None:
        """Runs in the main thread. Without a handler the signal would do what it does by default."""
        self._count += 1
        if not self._ends_process and (self._count > 1 or not self._is_worth_saving):
            raise KeyboardInterrupt

    def _watch(self) -> None:
        while number := self._reader.recv(1):
            if number[0] not in SIGNALS:
                continue
            again, self.received = self.received, signal.Signals(number[0])
            if not self._ends_process and (again or not self._is_worth_saving):
                continue
            if again:
                _end(self.received, f"again, so at once; to resume from the newest checkpoint: {self._resume}")
            if not self._is_worth_saving:
                self.before_end()
                _end(self.received, "before a step was done, so nothing is lost; the same command starts over")
            print(
                f"{self.received.name}: the training stops after this step and saves; a second signal stops it at once",
                flush=True,
            )


def resume_command(run_dir: pathlib.Path) -> str:
    """Returns the command that resumes a run with its own options."""
    return f"python -m tfpix2pix.train --run_dir={shlex.quote(str(run_dir))}"


def _end(number: signal.Signals, when: str) -> NoReturn:
    print(f"stopped by {number.name} {when}", flush=True)
    sys.stderr.flush()
    # An orderly exit would wait for whatever the main thread is doing.
    os._exit(128 + number)
