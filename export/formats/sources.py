"""Writes some sources beside a model, from which people begin to draw."""

import pathlib

from export.compared_pairs import brought_to
from export.trained import Trained
from pipelines.images import transforms
from pipelines.system.disk import write_whole


def write_sources(folder: pathlib.Path, run: Trained, limit: int) -> list[str]:
    """Writes source-1.png, source-2.png and so on, of the size of the export; removes those of an earlier export.

    Args:
      folder: exists.
      run: people can draw for it.
      limit: how many to write at most.

    Returns:
      Their names.
    """
    pictures = [brought_to(source, run.form.size) for source, _ in run.pairs[:limit]]
    names = [f"source-{number}.png" for number, _ in enumerate(pictures, 1)]
    for name, picture in zip(names, pictures, strict=True):
        write_whole(folder / name, transforms.encode(picture, ".png").numpy())
    for old in folder.glob("source-*.png"):
        if old.name not in names:
            old.unlink()
    return names
