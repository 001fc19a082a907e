"""Checks a whole data set: reads every pair, and names what is bad, left out or missing."""

import functools
import itertools
from collections.abc import Callable

from pipelines.datasets.findings import describe, find, find_between
from pipelines.datasets.layout import BESIDE, UNLISTED, Dataset
from pipelines.datasets.survey import Survey, survey_pairs
from pipelines.images.pair_format import PairFormat
from pipelines.stacks.pairs import SlicePairs
from pipelines.storage.listing import faults, left_out_words, list_folder
from pipelines.storage.paired_files import PairedFiles
from pipelines.storage.validity import check_pair
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

# Takes one line.
Say = Callable[[str], object]
# What training needs.
NEEDED = ("train", "val")


def check_dataset(dataset: Dataset, form: PairFormat, say: Say, complain: Say) -> int:
    """Returns the number of faults: bad pairs, files that were left out and may be data, and splits that are missing.

    Args:
      dataset: of any layout.
      form: how its pairs are read; what is odd about them for that, such as a range that they leave unused, is no
        fault, but a warning.
      say: takes lines about each split, and warnings.
      complain: takes a line for each fault.
    """
    found = 0

    def fault(words: str) -> None:
        nonlocal found
        found += 1
        complain(words)

    left_out: dict[AnyPath, str] = {}
    surveys: dict[str, Survey] = {}
    check = functools.partial(check_pair, max_pixels=form.max_pixels, axes=form.source.axes)
    for split in dataset.splits:
        try:
            files = dataset.split(split)
        except InputError as error:
            fault(str(error))
            continue
        surveys[split], bad = survey_pairs(files, form, str(files), check)
        for file, reason in bad.items():
            fault(f"{file}: {reason}")
        if isinstance(files, SlicePairs) and files.note:
            say(f"{files}: {files.note}")
        title = f"{files} ({split})" if dataset.is_divided else str(files)
        whole = f" of the slices in {files.stack_words}" if isinstance(files, SlicePairs) else ""
        say(f"{title}: {len(files) - len(bad)} good, {len(bad)} bad{whole}{left_out_words(files.left_out)}")
        for line in describe(surveys[split]):
            say(f"  {line}")
        for words in find(surveys[split]):
            say(f"warning: {words}")
        if isinstance(files, PairedFiles | SlicePairs):
            left_out.update({parse_path(file): f"left out: {reason}" for file, reason in files.skipped.items()})
        for path, reason in faults(files.left_out).items():
            left_out.setdefault(path, f"left out: {reason}")
    for (name, first), (other, second) in itertools.combinations(surveys.items(), 2):
        for words in find_between(first, second, (name, other)):
            say(f"warning: {words}")
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
