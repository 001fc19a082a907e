"""Numbered versions of a model, as TensorFlow Serving watches them: each appears whole or not at all."""

import contextlib
import pathlib
from collections.abc import Iterator

from pipelines.system.disk import whole_folder
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import NO_ROOM, InputError

MODEL_FILE = "saved_model.pb"
# Below a version, where TensorFlow leaves files alone: sources from which people begin to draw.
SOURCES_FOLDER = pathlib.Path("assets.extra", "sources")


def choose_version(output: pathlib.Path, version: int | None = None) -> int:
    """Returns the version to write: the one asked for, or one more than the greatest that exists.

    Raises:
      InputError: the version exists, or output is a file.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"output={output} is a file; give a folder")
    existing = [int(path.name) for path in output.glob("*") if path.name.isdecimal()]
    following = max(existing, default=0) + 1
    if version is None:
        return following
    if version in existing:
        raise InputError(f"version={version} exists in {output}; leave --version out for {following}, or give another")
    return version


@contextlib.contextmanager
def new_version(output: pathlib.Path, version: int) -> Iterator[pathlib.Path]:
    """Yields an empty folder to write into; it becomes output/version at the end, or vanishes on an error.

    Until then its name is not a number, so Serving does not look at it.

    Raises:
      InputError: output cannot be written, or another process has written this version meanwhile.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise InputError(f"output={output} cannot be written ({error.strerror}); give another") from None
    try:
        with whole_folder(output / str(version), sync=True) as folder:
            yield folder
    except FileExistsError as error:
        if error.filename != str(output / str(version)):
            raise
        raise InputError(f"version={version} of {output} was written by another process; give another") from None


def find_version(path: str) -> tuple[AnyPath, str, int]:
    """Finds a version by its own path or by its model's.

    Returns:
      The folder of the version, the name of the model, and the number of the version.

    Raises:
      InputError: there is none.
    """
    folder = parse_path(path)
    if isinstance(folder, pathlib.Path):
        # `.` has no name.
        folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"model={path} is no folder; give an export of export.saved_model")
    if not (folder / MODEL_FILE).is_file():
        versions = [int(child.name) for child in folder.iterdir() if child.name.isdecimal()]
        if not versions:
            raise InputError(f"model={path} has no {MODEL_FILE}, and no version; give an export of export.saved_model")
        folder = folder / str(max(versions))
    if folder.name.isdecimal():
        return folder, folder.parent.name, int(folder.name)
    return folder, folder.name, 1
