"""Recognizes by the names of folders where the splits of a data set lie, and on which sides; guesses at nothing."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping

from pipelines.storage.listing import SUFFIXES, TEXTS, is_hidden
from pipelines.storage.manifest import is_sharded
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError

# The names of folders by the split that they hold; capitals do not matter.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SIDES = ("a", "b")
# Both in one name, such as trainA.
JOINED = re.compile(rf"({'|'.join(SPLIT_NAMES)})[ _-]?([ab])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the pairs of one split lie.

    Attributes:
      a: the folder of A's files, or of side-by-side files, or of shards.
      b: the folder of B's files; None if there is one folder.
    """

    a: AnyPath
    b: AnyPath | None = None

    def __str__(self) -> str:
        return f"{self.a} with {self.b}" if self.b else str(self.a)


def find_places(folder: AnyPath) -> tuple[dict[str, Place], list[AnyPath]]:
    """Returns the places by split, and the folders and images beside them.

    The place of a data set without splits has the name "".

    Raises:
      InputError: the names can be read in two ways, or a side or a split has no counterpart.
    """
    if is_sharded(folder):
        return {"": Place(folder)}, []
    folders, files = _entries(folder)
    splits = _by_split(folder, folders)
    sides = _by_side(folder, folders, files)
    joined = _by_both(folder, folders)
    used = [*splits.values(), *sides.values(), *joined.values()]
    if bool(splits) + bool(sides) + bool(joined) > 1:
        names = ", ".join(f"{path.name}/" for path in used)
        raise InputError(f"{folder} has {names}, which can be read in two ways; move one of them elsewhere")
    beside = [path for path in folders if path not in used] + _not_texts(files)
    if splits:
        places = {split: split_place(path) for split, path in splits.items()}
    elif sides:
        places, inside = side_places(sides["a"], sides["b"])
        beside += inside
    elif joined:
        places = {}
        for split in dict.fromkeys(split for split, _ in joined):
            places[split] = _both(folder, {side: path for (other, side), path in joined.items() if other == split})
    else:
        return {"": Place(folder)}, []
    return _in_order(places), beside


def split_place(folder: AnyPath) -> Place:
    """Returns the place of one split's folder, which may have A/ and B/.

    Raises:
      InputError: it has one of them.
    """
    if is_sharded(folder):
        return Place(folder)
    folders, files = _entries(folder)
    sides = _by_side(folder, folders, files)
    return Place(sides["a"], sides["b"]) if sides else Place(folder)


def side_places(a: AnyPath, b: AnyPath) -> tuple[dict[str, Place], list[AnyPath]]:
    """Returns the places by split of two folders, one a side, and what lies beside the splits in them.

    The place of folders without splits has the name "".

    Raises:
      InputError: a split is on one side only.
    """
    entries = [_entries(side) for side in (a, b)]
    found = [_by_split(side, folders) for side, (folders, _) in zip((a, b), entries, strict=True)]
    for (mine, other), place in zip((found, found[::-1]), (b, a), strict=True):
        for split in mine:
            if split not in other:
                raise InputError(f"{mine[split]} has no counterpart in {place}; both sides need the same splits")
    if not found[0]:
        return {"": Place(a, b)}, []
    used = {path for splits in found for path in splits.values()}
    beside = [path for folders, files in entries for path in (*folders, *_not_texts(files)) if path not in used]
    return _in_order({split: Place(path, found[1][split]) for split, path in found[0].items()}), beside


def _entries(folder: AnyPath) -> tuple[list[AnyPath], list[AnyPath]]:
    """Returns the folders in a folder, and its files."""
    entries: list[tuple[AnyPath, bool]]
    if isinstance(folder, pathlib.Path):
        with os.scandir(folder) as found:
            # Asked of the folder's entry, this takes no call for a file.
            entries = [(folder / entry.name, entry.is_dir()) for entry in found if not is_hidden(entry.name)]
    else:
        entries = [(path, path.is_dir()) for path in folder.iterdir() if not is_hidden(path.name)]
    folders, files = (sorted(path for path, is_dir in entries if is_dir is wanted) for wanted in (True, False))
    return folders, files


def _by_split(folder: AnyPath, folders: list[AnyPath]) -> dict[str, AnyPath]:
    found: dict[str, AnyPath] = {}
    for path in folders:
        if split := SPLIT_NAMES.get(path.name.casefold()):
            _once(folder, found, split, path)
    return found


def _by_side(folder: AnyPath, folders: list[AnyPath], files: list[AnyPath]) -> dict[str, AnyPath]:
    found: dict[str, AnyPath] = {}
    for path in folders:
        if path.name.casefold() in SIDES:
            _once(folder, found, path.name.casefold(), path)
    has_images = any(path.suffix.lower() in SUFFIXES for path in files)
    if len(found) == 1 and (has_images or len(folders) > 1):
        return {}
    if found:
        _both(folder, found)
    if any(len(path.name) == 1 for path in folders if path not in found.values()):
        # Folders such as a/, b/ and c/ are the letters of an alphabet.
        return {}
    if found and has_images:
        names = " and ".join(f"{path.name}/" for path in found.values())
        raise InputError(f"{folder} has {names} and images beside them, which can be read in two ways; move either")
    return found


def _not_texts(files: list[AnyPath]) -> list[AnyPath]:
    return [path for path in files if path.suffix.lower() not in TEXTS]


def _by_both(folder: AnyPath, folders: list[AnyPath]) -> dict[tuple[str, str], AnyPath]:
    found: dict[tuple[str, str], AnyPath] = {}
    for path in folders:
        if match := JOINED.fullmatch(path.name):
            _once(folder, found, (SPLIT_NAMES[match[1].casefold()], match[2].casefold()), path)
    return found


def _both(folder: AnyPath, sides: Mapping[str, AnyPath]) -> Place:
    if len(sides) == 1:
        (path,) = sides.values()
        missing = "B" if "a" in sides else "A"
        raise InputError(
            f"{folder} has {path.name}/ but no folder of the same name for side {missing}; add or rename it"
        )
    return Place(sides["a"], sides["b"])


def _once(folder: AnyPath, found: dict, key: object, path: AnyPath) -> None:
    if key in found:
        raise InputError(f"{folder} has both {found[key].name}/ and {path.name}/, which mean the same; rename one")
    found[key] = path


def _in_order(places: Mapping[str, Place]) -> dict[str, Place]:
    return {split: places[split] for split in ("", "train", "val", "test") if split in places}
