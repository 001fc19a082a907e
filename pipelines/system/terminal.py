"""What every command line shares: a user's mistake ends in one line, never in a traceback."""

import contextlib
import errno
import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

import absl.logging
from absl import app, flags
from tqdm import tqdm

USAGE_EXIT_CODE = 2
# EX_IOERR of sysexits.h, and not above 127: started again at once, it would fail again.
DISK_FULL_EXIT_CODE = 74
# Windows has no EDQUOT.
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")
# What TensorFlow's C++ prints when it is imported on newer processors, before any logging option is read.
START_NOTICES = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)|.* oneDNN custom operations are on\."
)


class InputError(ValueError):
    """Something that only the user can mend. The message names the thing, its value and the remedy."""

    exit_code = USAGE_EXIT_CODE


def run(main: Callable[[list[str]], int | None]) -> None:
    """Parses absl flags, imports TensorFlow, calls main(argv) and exits with what it returns (None is 0).

    A command's module imports nothing that imports TensorFlow; its main does. So --help and a mistake in a flag are
    answered at once, and TensorFlow's notices at its start stay off the terminal. An InputError, a file that the system
    refuses, or a lack of memory is printed as one line with exit code 2.
    """
    # TensorFlow's notes on devices and on the writing of checkpoints are not for users.
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    # A name that is no UTF-8 must not end what was going well.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout = Plain(sys.stdout)

    def guarded(argv: list[str]) -> int | None:
        try:
            _import_tensorflow()
            return main(argv)
        except InputError as error:
            print_error(str(error))
            return error.exit_code
        except OSError as error:
            if error.errno in NO_ROOM:
                print_error(f"no room on the disk for {error.filename or 'what is written'}; make room")
                return DISK_FULL_EXIT_CODE
            print_error(f"{error.filename or ''}: {error.strerror or error}")
        except Exception as error:
            # By its name: some commands do without TensorFlow.
            if type(error).__name__ not in OUT_OF_MEMORY:
                raise
            print_error(
                f"out of memory ({reason(error)}); give a smaller --batch_size or --image_size, or see --help for what "
                "else saves memory"
            )
        return USAGE_EXIT_CODE

    app.run(guarded, flags_parser=_parse)


def _import_tensorflow() -> None:
    """Imports it without its remarks on the processor, on broken images, and on its own start."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_start_notices():
        import tensorflow  # noqa: F401 (only for its first import)


@contextlib.contextmanager
def _without_start_notices() -> Iterator[None]:
    """Holds back what is written to descriptor 2, and then writes all of it but START_NOTICES."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            lines = [line for line in held if not START_NOTICES.match(line)]
            os.write(2, b"".join(lines))


class Plain:
    """A stream whose lines a terminal only shows: what names from outside may have in them is escaped."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Passes lines on, each as one_line has it."""
        return self._stream.write("\n".join(map(one_line, text.split("\n"))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except SystemExit:
        # absl has answered --help, and calls that a failure.
        sys.exit(0)
    except flags.Error as error:
        # absl prefixes the flag where a validator refuses it, and has a value for one that is missing.
        print_error(f"{str(error).splitlines()[0]}; see --help")
    except ValueError as error:
        # It is no text, or names another that no file can be called.
        print_error(f"the flagfile cannot be read ({error}); give another --flagfile")
    except RecursionError:
        # absl looks for a flag of a similar name, letter by letter.
        print_error("a flag's name is longer than any flag's; see --help")
    sys.exit(USAGE_EXIT_CODE)


def print_error(text: str) -> None:
    """Prints a line on standard error that begins with `error:`."""
    print(one_line(f"error: {text}"), file=sys.stderr)


def reason(error: Exception) -> str:
    """What TensorFlow says is wrong, without the frame around it: `{{node}} ... [Op:RestoreV2]`."""
    text = str(error) or type(error).__name__
    return re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", text.splitlines()[0])[:200]


def one_line(text: str) -> str:
    r"""A text with names from outside in it, as a terminal can be given it.

    A file's name, or a server's answer, may have line breaks, a terminal's commands, marks that reverse what follows,
    and what is no Unicode. They become \n, \x1b, \u202e, \udcff.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def progress_bar(items: Iterable, title: str, total: int) -> Iterable:
    """Passes items on, with a bar on standard error where that is a terminal; silent elsewhere."""
    return tqdm(items, title, total, disable=None, leave=False, dynamic_ncols=True)


def no_arguments(argv: list[str]) -> None:
    """Raises InputError where something stands on the command line that is not a flag, such as `--data maps`' maps."""
    if len(argv) > 1:
        raise InputError(f"{argv[1]!r} is not a flag; write --name=value")
