"""Reads and writes init.json: what a run that began with given weights took of them, a tensor a line."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.weights.fit import Row

INIT_FILE = "init.json"


def save(run_dir: pathlib.Path, init_from: str, rows: Sequence[Row]) -> None:
    """Writes init.json, whole or not at all."""
    lines = ",\n".join(f"    {json.dumps(dataclasses.asdict(row))}" for row in rows)
    write_whole(run_dir / INIT_FILE, f'{{\n  "init_from": {json.dumps(init_from)},\n  "tensors": [\n{lines}\n  ]\n}}\n')


def with_begin(config: Config, run_dir: pathlib.Path) -> Config:
    """Returns the config of a run that resumes, with the weights that it began with; they are not read again.

    Raises:
      InputError: config names other weights, or init.json cannot be read.
    """
    path = run_dir / INIT_FILE
    began = ""
    if path.exists():
        try:
            began = str(parse_json(path.read_text())["init_from"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} cannot be read ({error}); restore it") from None
    if config.init_from not in ("", began):
        raise InputError(
            f"init_from={config.init_from} counts only where a run begins, and run_dir={run_dir} began "
            f"{f'with {began}' if began else 'without'}; leave it out to resume, or give another --run_dir"
        )
    return dataclasses.replace(config, init_from=began)
