"""Checks a whole data set: reads every pair, and names what is bad, left out or missing."""

from collections.abc import Callable

from pipelines.datasets.layout import BESIDE, UNLISTED, Dataset
from pipelines.images.size import MAX_PIXELS
from pipelines.storage.listing import faults, left_out_words, list_folder
from pipelines.storage.paired_files import PairedFiles
from pipelines.storage.validity import find_bad_pairs
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

# Takes one line.
Say = Callable[[str], object]
# What training needs.
NEEDED = ("train", "val")


def check_dataset(dataset: Dataset, say: Say, complain: Say, max_pixels: int = MAX_PIXELS) -> int:
    """Returns the number of faults: bad pairs, files that were left out and may be data, and splits that are missing.

    Args:
      dataset: of any layout.
      say: takes a line for each split.
      complain: takes a line for each fault.
      max_pixels: a file with more is bad.
    """
    found = 0

    def fault(words: str) -> None:
        nonlocal found
        found += 1
        complain(words)

    left_out: dict[AnyPath, str] = {}
    for split in dataset.splits:
        try:
            files = dataset.split(split)
        except InputError as error:
            fault(str(error))
            continue
        bad = find_bad_pairs(files, str(files), max_pixels)
        for file, reason in bad.items():
            fault(f"{file}: {reason}")
        title = f"{files} ({split})" if dataset.is_divided else str(files)
        say(f"{title}: {len(files) - len(bad)} good, {len(bad)} bad{left_out_words(files.left_out)}")
        if isinstance(files, PairedFiles):
            left_out.update({parse_path(file): f"left out: {reason}" for file, reason in files.skipped.items()})
        for path, reason in faults(files.left_out).items():
            left_out.setdefault(path, f"left out: {reason}")
    left_out.update(dict.fromkeys(dataset.unlisted, f"left out: {UNLISTED}"))
    for path in dataset.beside:
        count = len(list_folder(path).files) if path.is_dir() else 1
        if count:
            left_out[path] = f"left out: {f'{count} images ' if path.is_dir() else ''}{BESIDE}"
    for path, words in left_out.items():
        fault(f"{path}: {words}")
    for split in NEEDED:
        if split not in dataset.splits:
            fault(dataset.missing(split))
    return found
