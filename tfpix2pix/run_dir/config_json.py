"""Reads and writes config.json, a run directory's record of its options."""

import dataclasses
import pathlib
from typing import Any

from pipelines.system.disk import write_whole
from pipelines.system.links import refuse_pipes
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

CONFIG_FILE = "config.json"
# What commands read of a run directory.
READ = ("*", "checkpoints/*", "checkpoints/*/*", "kept_pairs/*", "lost/*")

# What runs did before there was an option for it, where that is not the option's default: so they resume bit for bit.
BEFORE_OPTIONS = {"resize_precision": "exact"}


def holds_run(run_dir: pathlib.Path) -> bool:
    """Tells whether a folder is that of a run that has begun."""
    return (run_dir / CONFIG_FILE).exists()


def save(config: Config, run_dir: pathlib.Path) -> None:
    """Writes config.json, whole or not at all."""
    write_whole(run_dir / CONFIG_FILE, config.to_json())


def load(run_dir: str | pathlib.Path) -> Config:
    """Reads a run directory's config.json.

    An option that did not exist when it was written has its default, or is as the run then went.

    What is read may lie behind links; a training refuses these, since it would write through them.

    Raises:
      InputError: config.json is missing or holds something else, or a pipe or a device is in its place.
    """
    path = pathlib.Path(run_dir) / CONFIG_FILE
    if not path.parent.is_dir():
        raise InputError(f"run_dir={run_dir} is not a folder; give a run directory that train wrote")
    refuse_pipes(path.parent, "run_dir", READ)
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path} is a link to {path.readlink()}, which is not there; restore that")
    if not path.exists():
        raise InputError(f"run_dir={run_dir} has no {CONFIG_FILE}; give a run directory that train wrote")
    try:
        return from_values(parse_json(path.read_text()))
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); restore it, or give another run_dir") from None


def from_values(values: Any) -> Config:
    """Makes a config of the values of its options by name; others have their defaults.

    Raises:
      ValueError: there is an unknown option, or a value that is not allowed.
    """
    try:
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(Config)})
        if unknown:
            raise ValueError(f"unknown option {unknown[0]:.100}")
        return Config(**(BEFORE_OPTIONS | values)).resolved()
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
