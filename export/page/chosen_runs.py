"""Checks which runs a page is to show; without TensorFlow, so that a mistake is answered at once."""

import os
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from export.drawable import why_not_drawable
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json


class ChosenRun(NamedTuple):
    """A run that a page is to show.

    Attributes:
      folder: of the run.
      config: of the run.
      name: of its model.
      title: for people; empty if none was given.
    """

    folder: pathlib.Path
    config: Config
    name: str
    title: str


def choose_runs(run_dirs: Sequence[str | os.PathLike[str]], titles: Sequence[str]) -> list[ChosenRun]:
    """Returns the runs in their order.

    Args:
      run_dirs: of the runs.
      titles: one a run, or none.

    Raises:
      InputError: a folder is no run, two have one name, a page cannot show one, or the titles are not as many.
    """
    if titles and len(titles) != len(run_dirs):
        raise InputError(f"title is given {len(titles)} times for {len(run_dirs)} runs; give one a run, or none")
    chosen: list[ChosenRun] = []
    for folder, title in zip(map(pathlib.Path, run_dirs), titles or [""] * len(run_dirs), strict=True):
        one = ChosenRun(folder, config_json.load(folder), model_name(folder), title)
        if why := why_not_drawable(one.config):
            raise InputError(f"{folder} has {why}; export it in another way, such as by export.saved_model")
        if one.name in [other.name for other in chosen]:
            raise InputError(f"run_dir={folder} has the name of another run, {one.name}; rename one of the folders")
        chosen.append(one)
    return chosen


def model_name(run_dir: pathlib.Path) -> str:
    """Returns the name of a run's folder, in the characters that are the same in a URL."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", run_dir.resolve().name).strip("-") or "model"
