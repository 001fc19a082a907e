"""Fetches a published data set: downloads, checks and unpacks it; the folder appears only when it is whole."""

import hashlib
import pathlib
import sys

from pipelines.datasets.catalogue import DatasetSpec
from pipelines.system.archive import ArchiveError, unpack
from pipelines.system.disk import whole_folder
from pipelines.system.download import download
from pipelines.system.terminal import InputError

# Of the published images.
SUFFIXES = (".jpg", ".jpeg", ".png")


def contents_digest(folder: pathlib.Path, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    r"""Returns the sha256, in hex, over the lines "<sha256 of file>  <relative path>\n", sorted by path.

    It depends on names and contents alone: archives that are packed differently have the same digest.

    Args:
        folder: the folder; files at any depth count.
        suffixes: of the files that count, in lower case; upper case in a name counts as well.
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
    """Returns data_dir/name; downloads, checks and unpacks it first if it does not exist.

    If data_dir/name.tar.gz exists, it is used instead of a download, and checked in the same way. An interrupted
    download leaves name.tar.gz.part (and .validator beside it), which the next call resumes. Two calls must not fetch
    the same data set into the same data_dir at once.

    Args:
        name: the data set's name, and its archive's top folder.
        spec: the archive's address, and what is known of its contents.
        data_dir: the folder of all data sets; made if it does not exist.

    Raises:
        InputError: the download fails, or the archive is not what spec says. A bad archive is removed.
        OSError: the disk is full or not writable.
    """
    target = data_dir / name
    if target.is_dir():
        return target
    data_dir.mkdir(parents=True, exist_ok=True)
    archive = data_dir / f"{name}.tar.gz"
    if not archive.exists():
        download(spec.url, archive, spec.max_bytes)
    print(f"unpacking {archive}", file=sys.stderr)
    try:
        with whole_folder(target) as temporary:
            unpack(archive, temporary, name, spec.unpacked_bytes)
            _check(temporary, spec)
    except ArchiveError as error:
        archive.unlink()
        remedy = f"the archive was removed: try again, or unpack a trusted copy to {target}"
        raise InputError(f"{spec.url}: {error}; {remedy}") from error
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
        print(f"no digest is known for {spec.url}: its contents were not checked", file=sys.stderr)
    elif (digest := contents_digest(folder)) != spec.digest:
        raise ArchiveError(f"contents digest {digest} instead of {spec.digest}")
