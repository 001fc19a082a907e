"""Numbered versions of a model, as TensorFlow Serving watches them: each is there whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from pipelines.system.disk import sync_files, sync_folder
from pipelines.system.terminal import InputError


def choose_version(export_dir: pathlib.Path, version: int | None = None) -> int:
    """Returns the version to write: the one asked for, or one more than the greatest that is there.

    Raises:
      InputError: the version exists, or export_dir is no folder.
    """
    if export_dir.exists() and not export_dir.is_dir():
        raise InputError(f"export_dir={export_dir} is a file; give a folder")
    there = [int(path.name) for path in export_dir.glob("*") if path.name.isdecimal()]
    if version is None:
        return max(there, default=0) + 1
    if version in there:
        raise InputError(
            f"version={version} is in {export_dir} already; leave --version out for {max(there) + 1}, or give another"
        )
    return version


@contextlib.contextmanager
def new_version(export_dir: pathlib.Path, version: int) -> Iterator[pathlib.Path]:
    """Gives an empty folder to write into, which becomes export_dir/version at the end, and vanishes on an error.

    Until then its name is no number, so Serving does not look at it.

    Raises:
      InputError: export_dir cannot be written, or someone else has written this version meanwhile.
    """
    try:
        export_dir.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".unfinished-{version}-", dir=export_dir))
    except OSError as error:
        raise InputError(f"export_dir={export_dir} cannot be written ({error.strerror}); give another") from None
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp's folders are for their owner alone, and Serving is often another user
        sync_files(temporary)
        try:
            os.rename(temporary, export_dir / str(version))
            sync_folder(export_dir)
        except OSError as error:
            raise InputError(f"{export_dir / str(version)} cannot be made ({error.strerror})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
