"""Makes options: each is a field of a dataclass, a flag, and a value that is checked however it comes."""

import dataclasses
import inspect
import math
import numbers
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

from absl import flags

from pipelines.images.size import MAX_SIDE, Size, define_size
from pipelines.system.command_help import put_under
from pipelines.system.terminal import InputError

# What a run may do with an option after it was begun:
#   machine  describes the machine, such as where files lie; it may differ at every start, and between workers
#   freely   leaves the weights as they are; any start may give another value
#   asked    changes how the training goes on from there; another value needs --change
#   never    says what the networks are, or which pictures they take and give; another value needs another run, which
#            may begin from this one's weights
MayChange = Literal["machine", "freely", "asked", "never"]

# TensorFlow's integers are below this.
MAX_INT = 2**63

# A flag that define_flags makes belongs to the command that calls it, and is shown in its --help.
flags.disclaim_key_flags()


def option(
    default: Any,
    help: str,
    *,
    change: MayChange,
    choices: Sequence[str] | None = None,
    minimum: float | None = None,
    below: float | None = None,
    parse: Callable[[str], Any] | None = None,
) -> Any:
    """Makes a field of Config.

    Args:
      default: its value, which also gives its type.
      help: one line that says what it is, with unit or range.
      change: whether a run may resume with another value, as MayChange has it.
      choices: the words that it accepts.
      minimum: the smallest number that it accepts.
      below: the number that it must stay under.
      parse: reads a text that is not empty; raises ValueError, with the remedy, for one that it cannot read.
    """
    metadata = {
        "help": help,
        "change": change,
        "choices": choices,
        "minimum": minimum,
        "below": below,
        "parse": parse,
    }
    return dataclasses.field(default=default, metadata=metadata)


def is_given(options: Any, name: str) -> bool:
    """Says whether an option of a Config differs from its default."""
    return bool(getattr(options, name) != getattr(type(options), name))


def checked_value(field: dataclasses.Field, value: Any) -> Any:
    """Returns the value with the field's type, or raises InputError with the option, its value and the remedy."""
    is_word = isinstance(field.default, str) and isinstance(value, str)
    shown = f"{field.name}={value if is_word else repr(value):.100}"
    if isinstance(field.default, tuple):
        return _checked_size(shown, value)
    if isinstance(field.default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{shown} is not a bool; give True or False")
        return value
    if isinstance(field.default, str):
        return _checked_word(shown, value, field.metadata["choices"], field.metadata["parse"])
    return _checked_number(shown, value, field)


def _checked_size(shown: str, value: Any) -> Size:
    sides = value if isinstance(value, tuple | list) else ()
    if len(sides) != 2 or not all(_is_int(side) and 0 <= side <= MAX_SIDE for side in sides):
        raise InputError(f"{shown} is not a size; give (height, width) in pixels, such as (256, 512)")
    if 0 in sides and any(sides):
        raise InputError(f"{shown} has one side of 0; give both sides, or 0 for both")
    return int(sides[0]), int(sides[1])


def _checked_word(shown: str, value: Any, choices: Sequence[str] | None, parse: Callable[[str], Any] | None) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or "\0" in text:
        raise InputError(f"{shown} is not a name; give a text")
    if choices and text not in choices:
        raise InputError(f"{shown} is unknown; give one of {', '.join(choices)}")
    if parse and text:
        try:
            parse(text)
        except ValueError as error:
            raise InputError(f"{shown} {error}") from None
    return text


def _checked_number(shown: str, value: Any, field: dataclasses.Field) -> float:
    default: Any = field.default
    kind, minimum, below = type(default), field.metadata["minimum"], field.metadata["below"]
    if not (_is_int(value) or (kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool))):
        raise InputError(f"{shown} is not {'an integer' if kind is int else 'a number'}; give one")
    if _is_int(value) and abs(value) >= MAX_INT:
        raise InputError(f"{shown} needs more than 64 bits; give a smaller one")
    if not math.isfinite(value):
        raise InputError(f"{shown} is not a finite number; give one that is")
    if (minimum is not None and value < minimum) or (below is not None and value >= below):
        raise InputError(f"{shown} is out of range; give {_bounds(field)}")
    return kind(value)


def _bounds(field: dataclasses.Field) -> str:
    """Says which numbers an option takes: '1 or more', '0 or 1', 'a number from 0.0 to below 1.0'."""
    minimum, below = field.metadata["minimum"], field.metadata["below"]
    if below is None:
        return f"{minimum} or more"
    if isinstance(field.default, float):
        return f"a number from {minimum} to below {below}"
    return f"{minimum} or {below - 1}" if below - minimum == 2 else f"an integer from {minimum} to {below - 1}"


def _is_int(value: Any) -> bool:
    """Whether it counts something; NumPy's integers do too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def define_flags(options: type) -> None:
    """Makes an absl flag of every field of a dataclass, and shows them in the caller's --help by group."""
    for field in dataclasses.fields(options):
        put_under(_heading(options, field.name), field.name)
        default: Any = field.default
        meta = field.metadata
        if isinstance(default, tuple):
            define_size(field.name, default, meta["help"])
        elif isinstance(default, bool):
            flags.DEFINE_bool(field.name, default, meta["help"])
        elif meta["choices"]:
            flags.DEFINE_enum(field.name, default, meta["choices"], meta["help"])
        elif isinstance(default, str):
            flags.DEFINE_string(field.name, default, meta["help"])
        else:
            define = flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_float
            define(field.name, default, meta["help"], lower_bound=meta["minimum"])
            if meta["below"] is not None:
                flags.register_validator(
                    field.name,
                    lambda value, below=meta["below"]: value < below,
                    message=f"is out of range; give {_bounds(field)}",
                )


def _heading(options: type, name: str) -> str:
    """Returns the heading of an option: the class that defines it, and what it says of itself."""
    group = next(each for each in options.__mro__ if name in inspect.get_annotations(each))
    return f"{group.__name__.lower()}: {(group.__doc__ or '').splitlines()[0].removeprefix('Options of ').rstrip('.')}"
