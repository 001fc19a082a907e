"""Numbered versions of a model, as TensorFlow Serving watches them: each appears whole or not at all."""

import contextlib
import pathlib
from collections.abc import Iterator

from pipelines.system.disk import whole_folder
from pipelines.system.terminal import NO_ROOM, InputError


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
