"""Finds the run directories that a command line names: themselves, or in a folder of runs."""

import pathlib
from collections.abc import Iterator, Sequence

from pipelines.system.terminal import InputError
from tfpix2pix.run_dir.config_json import holds_run

# Folders of folders of runs are looked through so deep.
DEPTH = 3


def find_runs(folders: Sequence[str]) -> dict[str, pathlib.Path]:
    """Returns the run directories by name, those of a folder in the order of their names.

    A name is a path, as it was given; of a single folder of runs, where they lie in it.

    Raises:
      InputError: there is no such folder, or none of a folder's folders holds a run.
    """
    found: dict[pathlib.Path, None] = {}
    for name in folders:
        folder = pathlib.Path(name)
        if not folder.is_dir():
            raise InputError(f"{name} is not a folder; give a run directory, or a folder of them")
        runs = list(_below(folder, DEPTH))
        if not runs:
            raise InputError(f"{name} holds no run (no config.json); give a run directory, or a folder of them")
        found |= dict.fromkeys(runs)
    if len(folders) == 1 and (only := pathlib.Path(folders[0])) not in found:
        return {str(run.relative_to(only)): run for run in found}
    return {str(run): run for run in found}


def _below(folder: pathlib.Path, depth: int) -> Iterator[pathlib.Path]:
    if holds_run(folder):
        yield folder
    elif depth:
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        except OSError:
            # Somebody else's.
            return
        for path in inner:
            yield from _below(path, depth - 1)
