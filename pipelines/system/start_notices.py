"""Imports TensorFlow without the notices of its start, and with everything else that the import prints."""

import contextlib
import ctypes
import functools
import gc
import os
import re
import signal
import sys
import tempfile
import typing
from collections.abc import Callable, Iterator

# What TensorFlow's C++ prints before it reads TF_CPP_MIN_LOG_LEVEL, such as that oneDNN is on: messages of level I, and
# the warning that they come early.
NOTICES = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|I\d{4} [\d:.]+ +\d+ \S+:\d+\]"
    rb"|\d{4}-\d\d-\d\d [\d:.]+: I \S+:\d+\]"
)
# How the system ends a process whose C++ code aborts or crashes. Windows has not all of them.
CRASHES = [
    getattr(signal, name) for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV") if hasattr(signal, name)
]


def import_tensorflow() -> None:
    """Imports TensorFlow. It logs errors only, unless TF_CPP_MIN_LOG_LEVEL is set; 0 shows the notices as well."""
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _importing_quickly(), contextlib.nullcontext() if level == "0" else holding_back_notices():
        import tensorflow  # noqa: F401 (only for its first import)


@contextlib.contextmanager
def _importing_quickly() -> Iterator[None]:
    """Imports two thousand modules in 2 seconds, not 3: half of the gain is the garbage that is not looked for.

    The other half are packages that Keras imports if they are there, for pictures that no command draws by Keras.
    What the import has made stays for the life of the process, so the garbage collector need never look at it: a look
    at all of it takes 0.2 s, and there would be several before the first step.
    """
    hidden = dict.fromkeys({"matplotlib", "IPython"} - sys.modules.keys())
    # An import of a name that is None fails, as if the package were not there.
    sys.modules.update(hidden)  # type: ignore[arg-type]
    gc.disable()
    # Twenty thousand annotations of TensorFlow's functions are some dozens of names, and typing would compile each.
    typing.compile = functools.lru_cache(maxsize=None)(compile)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del typing.compile  # type: ignore[attr-defined]
        gc.freeze()
        gc.enable()
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def holding_back_notices() -> Iterator[None]:
    """Holds back what is written to descriptor 2, then writes all of it but NOTICES; also if the process crashes."""
    with contextlib.ExitStack() as stack:
        try:
            terminal = os.dup(2)
            stack.callback(os.close, terminal)
            held = stack.enter_context(tempfile.TemporaryFile())
        except OSError:
            # There is no descriptor 2, or no room for a file: nothing is held back.
            yield
            return

        def release() -> None:
            os.dup2(terminal, 2)
            held.seek(0)
            lines = [line for line in held if not NOTICES.match(line)]
            held.truncate(0)
            with open(terminal, "wb", buffering=0, closefd=False) as file:
                file.write(b"".join(lines))

        _flush()
        os.dup2(held.fileno(), 2)
        stack.callback(release)
        stack.callback(_flush)
        stack.enter_context(_on_crash(release))
        yield


def _flush() -> None:
    if sys.stderr:
        sys.stderr.flush()


@contextlib.contextmanager
def _on_crash(show: Callable[[], None]) -> Iterator[None]:
    """Calls `show` if C++ code ends the process, which neither Python's signal handlers nor `finally` would see.

    Not on Windows, whose C library cannot be had in this way.
    """
    if os.name != "posix":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p

    @ctypes.CFUNCTYPE(None, ctypes.c_int)
    def handle(number: int) -> None:
        show()
        # None is the system's own handler: the process ends as it would have.
        libc.signal(number, None)
        os.kill(os.getpid(), number)

    address = ctypes.cast(handle, ctypes.c_void_p)
    former = {number: libc.signal(number, address) for number in CRASHES}
    try:
        yield
    finally:
        for number, handler in former.items():
            libc.signal(number, handler)
