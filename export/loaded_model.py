"""A SavedModel in this process: which version it is, its signatures, and what its export says of it."""

import functools
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from export.serving.versions import find_version
from export.trained import EXPORT_FILE
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json


class LoadedModel:
    """A version of a model.

    Args:
      path: of the version, models/facades/1, or of the model, whose newest version is taken; on a disk or in an object
        store.

    Attributes:
      folder: of the version.
      name: of the model.
      version: its number.
      signatures: by name.
      description: its export.json; empty if it has none.

    Raises:
      InputError: there is no model, or it cannot be loaded.
    """

    def __init__(self, path: str) -> None:
        self.folder, self.name, self.version = find_version(path)
        try:
            # It is kept, since signatures alone do not keep their variables alive.
            self._model = tf.saved_model.load(str(self.folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"model={path} cannot be loaded ({reason}); export it again") from None
        self.signatures: Mapping[str, Any] = self._model.signatures
        file = self.folder / EXPORT_FILE
        self.description: dict[str, Any] = parse_json(file.read_text()) if file.is_file() else {}

    @functools.cached_property
    def config(self) -> Config | None:
        """The config of the run; None if the export does not tell, or is of another version of this project."""
        try:
            return config_json.from_values(self.description["config"])
        except (KeyError, ValueError):
            return None
