"""One side of pairs of files: its files by what their partners are found by, and what might have been one."""

import pathlib
import unicodedata
from collections.abc import Mapping, Sequence

from pipelines.storage.listing import HIDDEN, Listing
from pipelines.system.paths import AnyPath

# Stands for what both names of a pair share.
COMMON = "{}"


class Side:
    """The files of A or of B by their keys: what {} stands for in the path below the folder, without suffix.

    Args:
      listing: of the folder.
      pattern: of the names, with one {}.

    Attributes:
      keyed: the files of each key.
      misfits: the files whose names do not fit the pattern.
    """

    def __init__(self, listing: Listing, pattern: str = COMMON):
        self.listing = listing
        self.pattern = pattern
        self.keyed: dict[str, list[AnyPath]] = {}
        self.misfits: list[AnyPath] = []
        for file in listing.files:
            if key := key_of(self.name(file), pattern):
                self.keyed.setdefault(key, []).append(file)
            else:
                self.misfits.append(file)

    def name(self, file: AnyPath) -> str:
        """Returns the path below the folder, without suffix."""
        return file.relative_to(self.listing.folder).with_suffix("").as_posix()

    def give_up(self, files: Sequence[AnyPath]) -> None:
        """Removes files that the other side takes from the same folder."""
        gone = set(files)
        self.keyed = {key: left for key, own in self.keyed.items() if (left := [f for f in own if f not in gone])}
        self.misfits = [file for file in self.misfits if file not in gone]


class Search:
    """Looks on one side for the reason why files of the other one have no partner there."""

    def __init__(self, side: Side):
        self._keyed = side.keyed
        self._folder = side.listing.folder
        self._hidden: dict[str, AnyPath] = {}
        self._unread: dict[str, tuple[AnyPath, str]] = {}
        for path, reason in side.listing.left_out.items():
            place = path.relative_to(self._folder)
            if reason == HIDDEN:
                plain = place.with_name(place.name.lstrip("._") or place.name)
                self._hidden[key_of(plain.with_suffix("").as_posix(), side.pattern).casefold()] = path
            else:
                self._unread[key_of(side.name(path), side.pattern).casefold()] = path, reason
        self._folded: dict[str, list[AnyPath]] = {}
        self._by_last: dict[str, AnyPath] = {}
        for key, files in side.keyed.items():
            self._folded.setdefault(key.casefold(), []).extend(files)
            self._by_last[_last(key)] = files[0]

    def reason(self, key: str, files: Sequence[AnyPath]) -> str:
        """Returns the likeliest reason, in words that follow a file's name.

        Args:
          key: of the files.
          files: those of the other side with this key.
        """
        folded = key.casefold()
        if len(files) > 1:
            return f"{' and '.join(file.name for file in files)} have one name; rename one of them"
        if len(same := self._keyed.get(key, [])) > 1:
            return f"{' and '.join(map(str, same))} could both be its partner; rename one of them"
        if same := self._folded.get(folded, []):
            return f"{' and '.join(map(str, same))} differ from it in capitals, and so does another file; rename one"
        if folded in self._unread:
            path, reason = self._unread[folded]
            return f"{path} is there, but left out ({reason})"
        if folded in self._hidden:
            return f"{self._hidden[folded]} is there, but hidden"
        if elsewhere := self._by_last.get(_last(key)):
            return f"{elsewhere} has its name, but lies in another folder"
        return f"no file in {self._folder} has its name"


def key_of(name: str, pattern: str) -> str:
    """Returns what a pattern's {} stands for in a name; empty if the name does not fit."""
    before, after = map(composed, pattern.split(COMMON))
    name = composed(name)
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before) : len(name) - len(after)] if fits else ""


def folded(files: Mapping[str, AnyPath]) -> dict[str, list[AnyPath]]:
    """Returns the files by their keys without regard to capitals."""
    found: dict[str, list[AnyPath]] = {}
    for key, file in files.items():
        found.setdefault(key.casefold(), []).append(file)
    return found


def composed(name: str) -> str:
    """Returns the name with composed accents: some systems store them apart."""
    return unicodedata.normalize("NFC", name)


def _last(key: str) -> str:
    return pathlib.PurePosixPath(key).name.casefold()
