"""Opens the pairs of one place: shards, side-by-side files, or the files of two folders."""

import os

from pipelines.datasets.matching import match_files, suggest_match
from pipelines.datasets.places import Place, split_place
from pipelines.datasets.side import Side
from pipelines.stacks.pairs import SlicePairs
from pipelines.storage.file_pair import FilePair, PartPair
from pipelines.storage.image_files import Files
from pipelines.storage.image_set import ImageSet, Readable
from pipelines.storage.listing import list_folder, with_images
from pipelines.storage.manifest import is_sharded
from pipelines.storage.paired_files import PairedFiles
from pipelines.storage.records import Record
from pipelines.storage.shards import Shards
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

# Why a file is in no pair; follows the number of such files.
ALONE = "without partner"


def open_folder(folder: AnyPath) -> ImageSet:
    """Opens the folder of one split, of any layout.

    Raises:
      InputError: the folder does not exist, or has no image, or shards differ from their manifest.
    """
    return open_place(split_place(folder_of("data", folder)))


def open_place(place: Place, match: str = "") -> ImageSet:
    """Opens the pairs of one place: shards, side-by-side files, or pairs of files.

    Raises:
      InputError: there are none, or shards differ from their manifest.
    """
    if is_sharded(place.a) and place.b is None:
        return Shards(place.a)
    a = with_images(list_folder(place.a))
    if place.b is None and not match:
        return Files(place.a, a.files, left_out=a.left_out)
    b = a if place.b in (None, place.a) else with_images(list_folder(place.b))
    matched = match_files(a, b, match)
    if not matched.pairs:
        file, reason = next(iter(matched.alone.items()))
        names = [[Side(listing).name(path) for path in listing.files] for listing in (a, b)]
        hint = "" if match else suggest_match(*names)
        remedy = f"; give --match='{hint}' if that is how the names differ" if hint else ""
        raise InputError(f"no file in {place.a} has a partner in {b.folder}; the first, {file}: {reason}{remedy}")
    left_out = {**a.left_out, **b.left_out, **dict.fromkeys(matched.alone, ALONE)}
    return PairedFiles(
        (a.folder, b.folder),
        list(matched.pairs),
        list(matched.pairs.values()),
        left_out=left_out,
        skipped={str(file): reason for file, reason in matched.alone.items()},
        other_capitals=matched.other_capitals,
    )


def describe(files: ImageSet) -> str:
    """Counts the pairs of a split, such as `400 pairs`, and says what is unusual about them."""
    words = f"{len(files)} pairs" if len(files) != 1 else "1 pair"
    if isinstance(files, SlicePairs):
        words += f" of slices in {files.stack_words} in {files.folders[0]} and {files.folders[1]}"
        return words + (f"; {files.note}" if files.note else "")
    if not isinstance(files, PairedFiles):
        return words
    words += f" of files in {files.folders[0]} and {files.folders[1]}"
    return words + (f", {files.other_capitals} of them with other capitals" if files.other_capitals else "")


def paths_of(file: Readable) -> list[AnyPath]:
    """Returns the files of one image or pair; none of a record or of slices."""
    if isinstance(file, Record | PartPair):
        return []
    return [file.a, file.b] if isinstance(file, FilePair) else [file]


def folder_of(option: str, folder: str | os.PathLike | AnyPath) -> AnyPath:
    """Returns the folder that an option names; raises InputError if it does not exist."""
    path = parse_path(folder)
    if not str(folder) or not path.is_dir():
        raise InputError(f"{option}={folder} is not a folder; give one")
    return path
