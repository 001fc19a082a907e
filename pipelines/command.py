"""What every command line shares: a user's mistake ends in one line, never in a traceback."""

import logging
import sys
from collections.abc import Callable, Iterable

import absl.logging
from absl import app, flags
from tqdm import tqdm

USAGE_EXIT_CODE = 2


class InputError(ValueError):
    """Something that only the user can mend. The message names the thing, its value and the remedy."""

    exit_code = USAGE_EXIT_CODE


def run(main: Callable[[list[str]], int | None]) -> None:
    """Parses absl flags, calls main(argv) and exits with what it returns (None is 0).

    An InputError, or a file that the system refuses, is printed as one line with exit code 2.
    """
    # TensorFlow's notes on devices and on the writing of checkpoints are not for users.
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)

    def guarded(argv: list[str]) -> int | None:
        try:
            return main(argv)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except OSError as error:
            print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return USAGE_EXIT_CODE

    app.run(guarded, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        # absl prefixes the flag where a validator refuses it, and has a value for one that is missing.
        print(f"error: {str(error).splitlines()[0]}; see --help", file=sys.stderr)
        sys.exit(USAGE_EXIT_CODE)


def progress_bar(items: Iterable, title: str, total: int) -> Iterable:
    """Passes items on, with a bar on standard error where that is a terminal; silent elsewhere."""
    return tqdm(items, title, total, disable=None, leave=False, dynamic_ncols=True)


def no_arguments(argv: list[str]) -> None:
    """Raises InputError where something stands on the command line that is not a flag, such as `--data maps`' maps."""
    if len(argv) > 1:
        raise InputError(f"{argv[1]!r} is not a flag; write --name=value")
