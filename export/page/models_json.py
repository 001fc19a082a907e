"""models.json: what a page knows of its models; without TensorFlow."""

import contextlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

MODELS_FILE = "models.json"


def entry(
    config: Config, about: dict[str, Any], name: str, title: str, sources: Sequence[str], **engine: Any
) -> dict[str, Any]:
    """Returns a model's entry.

    Args:
      config: of the run.
      about: the export.json of the model.
      name: of the model.
      title: for people; its name if empty.
      sources: addresses of pictures to begin from.
      **engine: `engine` and what it needs: `file` or `url`, `bytes` to load, `precision`.

    Raises:
      KeyError: an earlier version of this project wrote export.json, with less.
    """
    return {
        "name": name,
        "title": title or name,
        **engine,
        **{key: about[key] for key in ("image_size", "multiple", "step", "palette", "background")},
        "source_channels": config.input_channels,
        "target_channels": config.target_channels,
        "resize_method": config.image_format("source").resize_method,
        "sources": [*sources],
    }


def update(site: pathlib.Path, changed: dict[str, Any], is_there: bool) -> None:
    """Puts an entry into models.json of a site, in the place that it had, or takes it out.

    Raises:
      InputError: the file lists no models.
    """
    file = site / MODELS_FILE
    entries: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError):
        try:
            entries = [old for old in parse_json(file.read_bytes()) if (site / old["file"]).is_file()]
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{file} does not list models; delete it, and export all runs again") from None
    names = [old["name"] for old in entries]
    place = names.index(changed["name"]) if changed["name"] in names else len(names)
    entries[place : place + 1] = [changed] if is_there else []
    write_whole(file, json.dumps(entries, indent=2) + "\n")
