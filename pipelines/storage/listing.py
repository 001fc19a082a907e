"""Lists the images below a folder, and says of everything else there why it was left out."""

import collections
import dataclasses
import os
import pathlib
import stat
from collections.abc import Iterable, Iterator, Mapping

from pipelines.images.codecs import SUFFIXES
from pipelines.storage.manifest import SHARD_SUFFIX, is_sharded
from pipelines.system.paths import AnyPath, RemotePath
from pipelines.system.terminal import InputError

# The suffix of folders that hold one image each.
ZARR_SUFFIX = ".zarr"
HIDDEN = "hidden"
BROKEN = "broken link"
CIRCLE = "link to a folder around it"
SPECIAL = "no regular file"
NO_SUFFIX = "without extension"
# What systems and programs put beside pictures; names that begin with a dot are hidden as well.
HIDDEN_NAMES = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "#recycle"})
# Texts, and the side-cars of pictures: nobody takes them for pictures that are missing.
TEXTS = frozenset(
    {
        ".txt",
        ".md",
        ".rst",
        ".json",
        ".jsonl",
        ".csv",
        ".tsv",
        ".xml",
        ".html",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".log",
    }
    | {".py", ".ipynb", ".sh", ".flags", ".sha256", ".md5", ".pgw", ".tfw", ".jgw", ".wld", ".prj", ".ovr"}
)


@dataclasses.dataclass(frozen=True)
class Listing:
    """What lies below a folder.

    Attributes:
      folder: at any depth below it.
      files: the images, by their names' endings, sorted.
      left_out: everything else, with a reason that follows its count, such as `.gif` or `hidden`; of a hidden folder
        the folder alone.
    """

    folder: AnyPath
    files: list[AnyPath]
    left_out: Mapping[AnyPath, str]


def list_folder(folder: AnyPath, with_zarr: bool = False) -> Listing:
    """Lists a folder, which may have no image. Links are followed; hidden files and folders are not data.

    Args:
      folder: at any depth of it.
      with_zarr: whether a folder whose name ends in `.zarr` is an image. What is in it is listed in no case.

    Raises:
      InputError: the folder does not exist, or cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of images")
    suffixes = (*SUFFIXES, ZARR_SUFFIX) if with_zarr else SUFFIXES
    files: list[AnyPath] = []
    left_out: dict[AnyPath, str] = {}
    for path, reason in _walk_store(folder) if isinstance(folder, RemotePath) else _walk_disk(folder):
        suffix = path.suffix.lower()
        if not reason and suffix in suffixes:
            files.append(path)
        else:
            left_out[path] = reason or suffix or NO_SUFFIX
    return Listing(folder, sorted(files), dict(sorted(left_out.items())))


def list_files(folder: AnyPath, with_zarr: bool = False) -> list[AnyPath]:
    """Returns all image files below the folder, sorted; `with_zarr` as in list_folder.

    Raises:
      InputError: the folder does not exist, cannot be read, or has no image.
    """
    return with_images(list_folder(folder, with_zarr)).files


def with_images(listing: Listing) -> Listing:
    """Returns the listing; raises InputError, which says what is there instead, if it has no image."""
    if listing.files:
        return listing
    folder, reasons = listing.folder, listing.left_out.values()
    if is_sharded(folder):
        raise InputError(f"{folder} has shards instead of image files; give the folder from which they were made")
    if SHARD_SUFFIX in reasons:
        raise InputError(
            f"{folder} has shards without manifest.json, so they are incomplete; give the command that makes them "
            "again, and it will resume"
        )
    there = f"only {count_words(reasons)}" if listing.left_out else "nothing at all"
    raise InputError(f"{folder} has no images, but {there}; {', '.join(SUFFIXES)} files are read")


def count_words(reasons: Iterable[str]) -> str:
    """Counts what was left out, such as `3 .gif, 2 hidden`; the most frequent reason first."""
    counts = collections.Counter(reasons)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each)))


def left_out_words(left_out: Mapping[AnyPath, str]) -> str:
    """Returns what a command adds to the number of files that it takes: nothing if all were taken."""
    words = count_words(left_out.values())
    return f"; left out: {words}" if words else ""


def faults(left_out: Mapping[AnyPath, str]) -> dict[AnyPath, str]:
    """Returns what was left out and may be data: neither hidden nor a text."""
    return {path: reason for path, reason in left_out.items() if reason != HIDDEN and reason not in TEXTS}


def is_hidden(name: str) -> bool:
    """Tells whether a file or folder of this name is not data, such as .ipynb_checkpoints, ._1.png or Thumbs.db."""
    return name.startswith(".") or name.lower() in HIDDEN_NAMES


def _walk_disk(folder: pathlib.Path) -> Iterator[tuple[AnyPath, str]]:
    """Yields what lies below a folder, with the reason why it cannot be an image, or an empty one."""
    waiting = [(folder, frozenset({_place(os.stat(folder))}))]
    while waiting:
        place, around = waiting.pop()
        try:
            with os.scandir(place) as found:
                entries = list(found)
        except OSError as error:
            raise InputError(f"{place} cannot be read ({error.strerror}); change its permissions") from None
        for entry in entries:
            path = pathlib.Path(entry.path)
            if is_hidden(entry.name):
                yield path, HIDDEN
                continue
            try:
                # Asked of the folder's entry, this takes no call for a file.
                is_folder, is_file = entry.is_dir(), entry.is_file()
                state = entry.stat() if is_folder or not is_file else None
            except OSError:
                yield path, BROKEN
                continue
            if state is None:
                yield path, ""
            elif not stat.S_ISDIR(state.st_mode):
                yield path, SPECIAL
            elif path.suffix.lower() == ZARR_SUFFIX:
                yield path, ""
            elif _place(state) in around:
                yield path, CIRCLE
            else:
                waiting.append((path, around | {_place(state)}))


def _place(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _walk_store(folder: RemotePath) -> Iterator[tuple[AnyPath, str]]:
    """Yields the same of an object store."""
    hidden = set()
    for path in folder.files():
        parts = path.relative_to(folder).parts
        depth = next((depth for depth, part in enumerate(parts) if is_hidden(part)), None)
        if depth is None:
            yield path, ""
        elif (place := folder.joinpath(*parts[: depth + 1])) not in hidden:
            hidden.add(place)
            yield place, HIDDEN
