"""Shows what a command does and all of its options, in groups, as --help."""

import contextlib
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from absl import app, flags

# Where the words on an option begin.
COLUMN = 30
MIN_WIDTH = 60
OWN = "the command itself"
LAST_LINE = "Behind each = stands the default. --helpfull shows absl's options, too."

# The heading of each option that has one. Those without are the command's own.
_headings: dict[str, str] = {}


class HelpFlag(flags.BooleanFlag):
    """Takes the place of absl's --help, which lists all options of a command by the alphabet.

    Args:
      recipes: the names that --flagfile takes besides those of files.
    """

    def __init__(self, recipes: Sequence[str] = ()):
        super().__init__("help", False, "show this help", short_name="?", allow_override=True)
        self.recipes = recipes

    def parse(self, argument: Any) -> None:
        """Prints the help of the command that runs, and exits with code 0."""
        super().parse(argument)
        if self.value:
            own = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
            text = help_text(sys.modules["__main__"].__doc__ or "", own, self.recipes, flags.get_help_width())
            # Someone who has read enough closes the pipe.
            with contextlib.suppress(BrokenPipeError):
                print(text, flush=True)
            sys.exit(0)


def replace_help(recipes: Sequence[str] = ()) -> None:
    """Has --help show a command's options in groups; the argument is HelpFlag's."""
    app.define_help_flags()
    flags.FLAGS["help"] = HelpFlag(recipes)


def put_under(heading: str, name: str) -> None:
    """Has --help show an option under a heading. Headings come in the order of their first options."""
    _headings[name] = heading


def help_text(document: str, options: Iterable[flags.Flag], recipes: Sequence[str], width: int) -> str:
    """Returns what --help shows.

    Args:
      document: what the command does.
      options: of the command, in the order in which they are shown.
      recipes: the names that --flagfile takes besides those of files; none if it takes files alone.
      width: columns.
    """
    groups: dict[str, list[str]] = {OWN: []}
    for option in options:
        group = groups.setdefault(_headings.get(option.name, OWN), [])
        group.append(_entry(_with_default(option), _words(option), width))
    file = f"options from a file, or of a recipe: {', '.join(recipes)}" if recipes else "options from a file"
    groups[OWN].append(_entry("--flagfile=FILE", file, width))
    if len(groups) == 1:
        groups = {"options": groups[OWN]}
    listed = [f"{heading}\n{''.join(entries)}" for heading, entries in groups.items()]
    return "\n".join([f"{document.strip()}\n", *listed, LAST_LINE])


def _with_default(option: flags.Flag) -> str:
    """Returns an option with its default, as one would give it: --epochs=200."""
    default = option.default
    if option.boolean:
        return f"--[no]{option.name}"
    if default is None or isinstance(option, flags.MultiFlag):
        return f"--{option.name}=..."
    if isinstance(default, float):
        return f"--{option.name}={default:g}"
    # absl writes it in quotes.
    written = str(option.default_as_str)[1:-1]
    return f"--{option.name}={written}" if written else f'--{option.name}=""'


def _words(option: flags.Flag) -> str:
    """Returns what an option is, and which words it takes."""
    if option.boolean:
        return f"{option.help} ({'on' if option.default else 'off'})"
    choices = getattr(option.parser, "enum_values", [])
    # absl puts the words before the help, with nothing at which a line could break, and its own remark behind it.
    words = option.help.removeprefix(f"<{'|'.join(choices)}>: ").split(";\n")[0]
    if isinstance(option, flags.MultiFlag):
        are_all = choices and option.default == choices
        words += f"; default: {'all' if are_all else ', '.join(option.default or ['none'])}"
    are_told = all(re.search(rf"\b{choice}\b", words) for choice in choices)
    return words if are_told else f"{words} ({', '.join(filter(None, choices))})"


def _entry(option: str, words: str, width: int) -> str:
    """Returns the lines of one option: its words begin beside it, or below if it is long."""
    beside = f"  {option}".ljust(COLUMN)
    first = beside if len(beside) == COLUMN and beside.endswith("  ") else ""
    lines = textwrap.fill(
        words,
        max(width, MIN_WIDTH),
        initial_indent=first or " " * COLUMN,
        subsequent_indent=" " * COLUMN,
        break_on_hyphens=False,
    )
    return f"{lines}\n" if first else f"  {option}\n{lines}\n"
