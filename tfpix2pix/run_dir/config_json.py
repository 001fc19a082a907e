"""Reads and writes config.json, a run directory's record of its options."""

import dataclasses
import pathlib

from pipelines.system.disk import refuse_links, write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

CONFIG_FILE = "config.json"


def save(config: Config, run_dir: pathlib.Path) -> None:
    """Writes config.json, whole or not at all."""
    write_whole(run_dir / CONFIG_FILE, config.to_json())


def load(run_dir: str | pathlib.Path) -> Config:
    """Reads a run directory's config.json. An option that did not exist when it was written has its default.

    Raises:
      InputError: config.json is missing or holds something else, or the run directory contains links.
    """
    path = pathlib.Path(run_dir) / CONFIG_FILE
    if not path.parent.is_dir():
        raise InputError(f"run_dir={run_dir} is not a folder; give a run directory that train wrote")
    refuse_links(path.parent, "run_dir")
    if not path.exists():
        raise InputError(f"run_dir={run_dir} has no {CONFIG_FILE}; give a run directory that train wrote")
    try:
        values = parse_json(path.read_text())
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(Config)})
        if unknown:
            raise ValueError(f"unknown option {unknown[0]:.100}")
        return Config(**values).resolved()
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it, or give another run_dir") from None
