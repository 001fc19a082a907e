"""Opens a data set in any layout: side by side or in two folders, with splits in folders, by a fraction or by lists."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

from pipelines.datasets.division import divide
from pipelines.datasets.matching import ORDER, parse_match
from pipelines.datasets.open_place import describe, folder_of, open_place, paths_of
from pipelines.datasets.places import SPLIT_NAMES, Place, find_places, side_places, split_place
from pipelines.stacks.opening import as_slices
from pipelines.stacks.stack import StackForm
from pipelines.storage.image_set import ImageSet
from pipelines.storage.listing import left_out_words
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError

# Names that a summary shows of many.
SHOWN = 5
# Why a file is in no split, besides what a listing says; each follows the number of such files.
UNLISTED = "in no list"
BESIDE = "beside the splits"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set whose splits are found; their files are listed when they are first asked for.

    Attributes:
      folder: of the data set; of two folders without one around them, A's.
      places: of the splits by name; the one of the name "" has all of a data set without splits.
      beside: folders and images that are in no place.
      match: as match_files has it.
      val_fraction: as divide has it; if there is a place for val, it takes nothing.
      lists: likewise.
      stacks: how stacks of A and of B are read, whose slices become the pairs of their split; None: files that are
        stacks are taken for pictures, and refused as such.
    """

    folder: AnyPath
    places: Mapping[str, Place]
    beside: Sequence[AnyPath] = ()
    match: str = ""
    val_fraction: float = 0.0
    lists: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stacks: tuple[StackForm, StackForm] | None = None

    @functools.cached_property
    def splits(self) -> list[str]:
        """The names of the splits; one of the name "" if all pairs are in one."""
        if not self.is_divided:
            return list(self.places)
        return [*self._divided, *(split for split in self.places if split != self._pool)]

    def split(self, name: str) -> ImageSet:
        """Opens a split: `train`, `val` or `test`, or a folder of another name beside them.

        Raises:
          InputError: there is no such split, or no pair in it; the message names what is there.
        """
        split = SPLIT_NAMES.get(name.casefold(), name)
        if split not in self._sets:
            # Stacks are divided as files, so that a stack is in one split as a whole.
            files = self._files_of(split, name)
            self._sets[split] = as_slices(files, self.stacks) if self.stacks else files
        return self._sets[split]

    @functools.cached_property
    def _sets(self) -> dict[str, ImageSet]:
        return {}

    def _files_of(self, split: str, name: str) -> ImageSet:
        """Opens the files of a split, which was asked for by this name."""
        if split not in self.splits and name and self._has_one_side and (self.folder / name).is_dir():
            return self._open(split_place(self.folder / name))
        if split not in self.splits:
            raise InputError(self.missing(split))
        if self.is_divided and split in self._divided:
            return self._open(self.places[self._pool]).select(self._divided[split])
        return self._open(self.places[split])

    @functools.cached_property
    def left_out(self) -> dict[AnyPath, str]:
        """The files and folders in no split, each with a reason that follows a count; lists all splits."""
        found: dict[AnyPath, str] = dict.fromkeys(self.beside, BESIDE)
        for place in self.places.values():
            found.update(self._open(place).left_out)
        return {**found, **self.unlisted}

    def summary(self, *splits: str) -> list[str]:
        """Returns a line for each split, and others for what is left out.

        Args:
          *splits: their names; by default those that are there.
        """
        lines = []
        for split in splits or self.splits:
            files = self.split(split)
            is_part = self.is_divided and split in self._divided
            lines.append(
                f"{split or self.folder}: {describe(files)}{'' if is_part else left_out_words(files.left_out)}"
            )
        if self.is_divided:
            pool = self.places[self._pool]
            words = left_out_words({**self._open(pool).left_out, **self.unlisted})
            lines += [f"{pool}{words}"] if words else []
        elif self.val_fraction and "val" in self.places:
            lines.append(f"val_fraction={self.val_fraction} takes nothing, since {self.places['val']} is there")
        if self.beside:
            names = [f"{path.name}/" if path.is_dir() else path.name for path in self.beside]
            shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
            lines.append(f"{self.folder}; left out, since they are in no split: {shown}")
        return lines

    @property
    def _has_one_side(self) -> bool:
        return all(place.b is None for place in self.places.values())

    @property
    def _pool(self) -> str:
        """The name of the place that is divided."""
        return "" if "" in self.places else "train"

    @property
    def is_divided(self) -> bool:
        """Whether a fraction or lists divide the pairs of one place."""
        by_hash = bool(self.val_fraction) and "val" not in self.places and self._pool in self.places
        return any(self.lists.values()) or by_hash

    @functools.cached_property
    def _divided(self) -> dict[str, list[int]]:
        """The indices in the pool by split."""
        pool = self.places[self._pool]
        files = self._open(pool)
        names = files.names()
        # Pairs of files have names without endings, and a dot in one is part of it.
        has_suffix = not isinstance(files, PairedFiles)
        plain = [pathlib.PurePosixPath(name).with_suffix("").as_posix() for name in names] if has_suffix else names
        return divide(names, plain, str(pool), self.val_fraction, self.lists)

    @functools.cached_property
    def unlisted(self) -> dict[AnyPath, str]:
        """The files that lists leave out."""
        if not self.is_divided:
            return {}
        files = self._open(self.places[self._pool])
        listed = {index for indices in self._divided.values() for index in indices}
        return {path: UNLISTED for index in range(len(files)) if index not in listed for path in paths_of(files[index])}

    @functools.cached_property
    def _opened(self) -> dict[Place, ImageSet]:
        return {}

    def _open(self, place: Place) -> ImageSet:
        if place not in self._opened:
            self._opened[place] = open_place(place, self.match)
        return self._opened[place]

    def missing(self, split: str) -> str:
        """Describes what is there instead of a split."""
        there = [split for split in self.splits if split]
        if not there:
            return (
                f"{self.folder} has no folder {split}/, and no other split; give the folder that holds train/ and "
                "val/, or divide what it has by --val_fraction=0.1, or by lists"
            )
        words = f"{self.folder} has {', '.join(there)}, but no {split}"
        if split == "val" and "train" in there:
            words += "; give --val_fraction=0.1, which takes it from train"
            return words + (", or rename test to val" if "test" in there else "")
        return f"{words}; give another folder or split"


def open_dataset(
    folder: str | os.PathLike | AnyPath = "",
    *,
    data_a: str = "",
    data_b: str = "",
    match: str = "",
    val_fraction: float = 0.0,
    lists: Mapping[str, str] | None = None,
    stacks: tuple[StackForm, StackForm] | None = None,
) -> Dataset:
    """Finds the splits of a data set; lists no files yet.

    Args:
      folder: with train/ and val/ of side-by-side files or of shards; or with A/ and B/ around or in its splits, or
        joined to their names, such as trainA/; or with no splits, to be divided.
      data_a: in place of folder, that of the A sides, with splits in it or without.
      data_b: of the B sides.
      match: how the names of the sides differ, as match_files has it.
      val_fraction: the share of the pairs that goes to val, if there is no folder for it.
      lists: files that name the pairs of each split.
      stacks: as Dataset has them.

    Raises:
      InputError: there is no such folder, or its folders can be read in two ways.
    """
    if match and match != ORDER:
        parse_match(match)
    lists = {split: file for split, file in (lists or {}).items() if file}
    if data_a or data_b:
        a, b = folder_of("data_a", data_a), folder_of("data_b", data_b)
        places, beside = ({"": Place(a, b)}, []) if lists else side_places(a, b)
        return Dataset(a, places, beside, match, val_fraction, lists, stacks)
    root = folder_of("data", folder)
    places, beside = find_places(root)
    if lists and "" not in places:
        places, beside = {"": _place_around(root, places)}, []
    return Dataset(root, places, beside, match, val_fraction, lists, stacks)


def _place_around(root: AnyPath, places: Mapping[str, Place]) -> Place:
    """Returns the place of all splits together, whose pairs lists can name."""
    if all(place.b is None for place in places.values()):
        return Place(root)
    sides = {(place.a.parent, place.b.parent) for place in places.values() if place.b is not None}
    if len(sides) == 1 and (around := next(iter(sides)))[0] != around[1]:
        return Place(*around)
    raise InputError(f"{root} has splits in folders of their own already; leave out the lists, or the folders' names")
