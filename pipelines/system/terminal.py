"""Runs a command: parses its flags, and turns a user's mistake into one line, never a traceback."""

import errno
import io
import logging
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import absl.logging
from absl import app, flags
from tqdm import tqdm

from pipelines.system.command_help import replace_help
from pipelines.system.start_notices import import_tensorflow

USAGE_EXIT_CODE = 2
# EX_IOERR of sysexits.h, and not above 127: started again at once, it would fail again.
DISK_FULL_EXIT_CODE = 74
# Windows has no EDQUOT.
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# Of a terminal that does not say how wide it is.
USUAL_COLUMNS = 80
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")


class InputError(ValueError):
    """A mistake that only the user can fix. The message names the thing, its value and the remedy."""

    exit_code = USAGE_EXIT_CODE


def run(
    main: Callable[[list[str]], int | None], recipes: pathlib.Path | None = None, needs_tensorflow: bool = True
) -> None:
    """Parses absl flags, imports TensorFlow, calls main(argv) and exits with what it returns (None is 0).

    A command's module imports nothing that imports TensorFlow; its main does. So --help and a mistake in a flag are
    answered at once, and TensorFlow's notices at its start stay off the terminal. An InputError, a file that the system
    refuses, or a lack of memory is printed as one line with exit code 2; a full disk has exit code 74.

    Args:
      main: the command.
      recipes: a folder of NAME.flags; --flagfile=NAME then stands for that file.
      needs_tensorflow: whether it is imported; a command that does without starts at once.
    """
    # TensorFlow's notes on devices and on the writing of checkpoints are not for users.
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    # A name that is not UTF-8 must not end what was going well. A line is seen when it is printed, also through a pipe:
    # it says what the following minute is spent on.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    sys.stdout = EscapingStream(sys.stdout)

    def guarded(argv: list[str]) -> int | None:
        try:
            if needs_tensorflow:
                import_tensorflow()
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
            # By its name, since this module does not import TensorFlow.
            if type(error).__name__ not in OUT_OF_MEMORY:
                raise
            print_error(
                f"out of memory ({reason(error)}); give a smaller --batch_size or --image_size, or see --help for what "
                "else saves memory"
            )
        return USAGE_EXIT_CODE

    replace_help([] if recipes is None else _names(recipes))
    app.run(guarded, flags_parser=lambda argv: parse_flags(argv, recipes))


class EscapingStream:
    """A text stream that escapes what a terminal would act on, in names from outside."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text, each line of it by one_line."""
        return self._stream.write("\n".join(map(one_line, text.split("\n"))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def parse_flags(argv: list[str], recipes: pathlib.Path | None = None) -> list[str]:
    """Parses a command line into absl's FLAGS; a mistake is printed as one line, and exits with code 2.

    Args:
      argv: the command's name and its arguments.
      recipes: a folder of NAME.flags; --flagfile=NAME then stands for that file.

    Returns:
      The name, and the arguments that are not flags.
    """
    try:
        return flags.FLAGS(argv if recipes is None else _with_recipes(argv, recipes))
    except SystemExit:
        # absl has answered --help, and calls that a failure.
        sys.exit(0)
    except flags.Error as error:
        # absl prefixes the flag where a validator refuses it, and has a value for one that is missing.
        missing = re.search(r"Flag --(\w+) must have a value other than None", str(error))
        words = f"{missing[1]} is missing; give --{missing[1]}=..." if missing else str(error).splitlines()[0]
        print_error(f"{words}; see --help")
    except InputError as error:
        print_error(str(error))
    except ValueError as error:
        # The file is not text, or it names another by what cannot be a file's name.
        print_error(f"the flagfile cannot be read ({error}); give another --flagfile")
    except RecursionError:
        # absl looks for a flag of a similar name, letter by letter.
        print_error("a flag's name is longer than any flag's; see --help")
    sys.exit(USAGE_EXIT_CODE)


def _with_recipes(argv: list[str], recipes: pathlib.Path) -> list[str]:
    """Replaces the value of --flagfile, if it is no file but the bare name of a recipe, by the recipe's path.

    Raises:
      InputError: a bare name is that of neither.
    """
    argv = list(argv)
    for i, word in enumerate(argv):
        if word == "--":
            break
        flag, equals, name = word.partition("=")
        if flag not in ("-flagfile", "--flagfile"):
            continue
        if not equals:
            name = argv[i + 1] if i + 1 < len(argv) else ""
        if not re.fullmatch(r"\w+(\.flags)?", name) or os.path.isfile(name):
            continue
        recipe = recipes / f"{name.removesuffix('.flags')}.flags"
        if not recipe.is_file():
            raise InputError(
                f"flagfile={name} is neither a file nor a recipe; the recipes are {', '.join(_names(recipes))}"
            )
        argv[i if equals else i + 1] = f"{flag}={recipe}" if equals else str(recipe)
    return argv


def _names(recipes: pathlib.Path) -> list[str]:
    return sorted(path.stem for path in recipes.glob("*.flags"))


def print_error(text: str) -> None:
    """Prints a line on standard error that begins with `error:`."""
    print(one_line(f"error: {text}"), file=sys.stderr)


def print_warning(text: str) -> None:
    """Prints a line that begins with `warning:`, on standard output as all notes of a command."""
    print(one_line(f"warning: {text}"), flush=True)


def reason(error: Exception) -> str:
    """Returns what TensorFlow says is wrong, without its frame: `{{node}} ... [Op:RestoreV2]`."""
    text = str(error) or type(error).__name__
    return re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", text.splitlines()[0])[:200]


def one_line(text: str) -> str:
    r"""Escapes what a terminal would act on, in a text with names from outside.

    A file's name, or a server's answer, may have line breaks, a terminal's commands, marks that reverse what follows,
    and bytes that are not Unicode. They become \n, \x1b, \u202e, \udcff.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def progress_bar(items: Iterable, title: str, total: int) -> Iterable:
    """Yields the items, and shows a progress bar if standard error is a terminal."""
    return tqdm(items, title, total, disable=None, leave=False, **bar_width())


def bar_width() -> dict[str, Any]:
    """Returns tqdm's options for the width of a bar: the terminal's, at any time, or if it does not say it the usual.

    Terminals of containers often say 0 columns, into which tqdm would draw nothing.
    """
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return {"dynamic_ncols": True} if columns else {"ncols": USUAL_COLUMNS}


def check_value(name: str, value: Any, *, choices: Sequence[str] = (), least: int | None = None) -> None:
    """Raises InputError unless an option's value is one of the choices, or a whole number of at least `least`."""
    if choices and value not in choices:
        raise InputError(f"{name}={value} is not allowed; give one of {', '.join(choices)}")
    if least is not None and (not isinstance(value, int) or value < least):
        raise InputError(f"{name}={value!r} is not allowed; give a whole number from {least} on")


def no_arguments(argv: list[str]) -> None:
    """Raises InputError if a word of the command line is not a flag, such as `maps` in `--data maps`."""
    if len(argv) > 1:
        raise InputError(f"{argv[1]!r} is not a flag; write --name=value")
