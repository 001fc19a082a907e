"""Fetches a published dataset: downloaded, checked and unpacked, and in place only when it is whole."""

import hashlib
import os
import pathlib
import shutil
import sys

from pipelines.datasets.catalogue import DatasetSpec
from pipelines.storage.image_files import SUFFIXES
from pipelines.system.archive import ArchiveError, unpack
from pipelines.system.download import download
from pipelines.system.terminal import InputError


def contents_digest(folder: pathlib.Path, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    r"""Returns the sha256, in hex, over the lines "<sha256 of file>  <relative path>\n", sorted by path.

    It depends on names and contents only, so archives packed differently have the same digest.

    Args:
        folder: where to look, at any depth.
        suffixes: which files count, in lower case; names are compared without regard to case.
    """
    digest = hashlib.sha256()
    for path in _files(folder, suffixes):
        file_digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        # As the file system has it: a name in an archive need not be UTF-8.
        digest.update(f"{file_digest}  {path}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files(folder: pathlib.Path, suffixes: tuple[str, ...]) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    # Sorted as strings, as `sha256sum` piped through `sort` would be: as Path, "a/x" comes before "a-b/x".
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def fetch(name: str, spec: DatasetSpec, data_dir: pathlib.Path) -> pathlib.Path:
    """Returns data_dir/name, which is downloaded, checked and unpacked unless it is there already.

    data_dir/name.tar.gz, where it is there, stands in for the download and is checked like it. An interrupted
    download leaves name.tar.gz.part (and .validator beside it), which the next call resumes. Two calls at once
    for one dataset and one data_dir are not foreseen.

    Args:
        name: the dataset's name, which is also the archive's top folder.
        spec: where the archive lies, and what is known of it.
        data_dir: the folder of all datasets; made where it is not there.

    Raises:
        InputError: the archive cannot be had, or is not what spec says. A bad archive does not stay.
        OSError: the disk is full or not writable.
    """
    target = data_dir / name
    if target.is_dir():
        return target
    data_dir.mkdir(parents=True, exist_ok=True)
    archive = data_dir / f"{name}.tar.gz"
    if not archive.exists():
        download(spec.url, archive, spec.max_bytes)
    unpacking = data_dir / f"{name}.unpacking"
    # It can be there only if an earlier run was killed while it unpacked.
    shutil.rmtree(unpacking, ignore_errors=True)
    print(f"unpacking {archive}", file=sys.stderr)
    try:
        unpack(archive, unpacking, name, spec.unpacked_bytes)
        _check(unpacking / name, spec)
        os.replace(unpacking / name, target)
    except ArchiveError as error:
        archive.unlink()
        remedy = f"the archive was removed: try again, or unpack a trusted copy to {target}"
        raise InputError(f"{spec.url}: {error}; {remedy}") from error
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)
    archive.unlink()
    return target


def _check(folder: pathlib.Path, spec: DatasetSpec) -> None:
    files = _files(folder, SUFFIXES)
    splits = {path.split("/")[0] for path in files}
    if "train" not in splits or splits.isdisjoint(("val", "test")):
        raise ArchiveError("no images in train/, or none in val/ and test/")
    if spec.files is not None and len(files) != spec.files:
        raise ArchiveError(f"{len(files)} images instead of {spec.files}")
    if spec.digest is None:
        print(f"no digest is known for {spec.url}: what it holds was not checked", file=sys.stderr)
    elif (digest := contents_digest(folder)) != spec.digest:
        raise ArchiveError(f"contents digest {digest} instead of {spec.digest}")
