"""config.json: a run directory's record of its options."""

import dataclasses
import pathlib
from typing import Any

from pipelines.images.size import MAX_SIDE
from pipelines.system.disk import refuse_links, write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

CONFIG_FILE = "config.json"
# What TensorFlow's integers are below.
MOST = 1 << 63


def save(config: Config, run_dir: pathlib.Path) -> None:
    """Writes config.json, whole or not at all."""
    write_whole(run_dir / CONFIG_FILE, config.to_json())


def load(run_dir: pathlib.Path) -> Config:
    """Reads a run directory's config.json.

    Raises:
      InputError: there is none, it is not one of ours, or the run directory has links in it.
    """
    path = pathlib.Path(run_dir) / CONFIG_FILE
    if not path.parent.is_dir():
        raise InputError(
            f"run_dir={run_dir} is no folder, so it is not the run directory of a training; give one that train wrote"
        )
    refuse_links(path.parent, "run_dir")
    if not path.exists():
        raise InputError(f"run_dir={run_dir} has no {CONFIG_FILE}: it is not the run directory of a training")
    try:
        values = parse_json(path.read_text())
        known = {field.name: field for field in dataclasses.fields(Config)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown option {unknown[0]}")
        return Config(**{name: _from_json(known[name], value) for name, value in values.items()}).resolved()
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it, or train into another run_dir") from None


def _from_json(field: dataclasses.Field, value: Any) -> Any:
    kind = type(field.default)
    if kind is tuple and isinstance(value, list):
        value = tuple(value)
    if kind is float and type(value) is int and abs(value) < MOST:
        value = float(value)
    shown = f"{field.name}={value!r:.100}"
    if type(value) is not kind:
        raise ValueError(f"{shown} is not a {kind.__name__}")
    choices, least, below = (field.metadata[name] for name in ("choices", "least", "below"))
    if choices and value not in choices:
        raise ValueError(f"{shown} is not one of {', '.join(choices)}")
    if kind is tuple and (len(value) != 2 or not all(type(side) is int and 0 <= side <= MAX_SIDE for side in value)):
        raise ValueError(f"{shown} is not a height and a width")
    if kind is int and abs(value) >= MOST:
        raise ValueError(f"{shown} is more than 64 bits have")
    if kind is str and "\0" in value:
        raise ValueError(f"{shown} is no name")
    if (least is not None and value < least) or (below is not None and value >= below):
        raise ValueError(f"{shown} is out of its range")
    return value
