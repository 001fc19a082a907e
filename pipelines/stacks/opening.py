"""Turns the files of a split, if they are stacks, into the set of their slices."""

import pathlib

import numpy as np

from pipelines.images.formats.tiff_slices import StackError
from pipelines.stacks.pairs import SlicePairs, StackPair
from pipelines.stacks.slices import StackFile
from pipelines.stacks.stack import Stack, StackForm, open_stack
from pipelines.storage.file_pair import FilePair
from pipelines.storage.image_files import Files
from pipelines.storage.image_set import ImageSet
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError

# How the stacks of A and of B are read.
Forms = tuple[StackForm, StackForm]


def as_slices(files: ImageSet, forms: Forms) -> ImageSet:
    """Returns the slices of pairs of stacks; the files themselves if they are single pictures.

    The first pair decides what they are. If it is of pictures, a stack among the others is refused when it is read.

    Args:
      files: of one split.
      forms: how stacks of A and of B are read.

    Raises:
      InputError: stacks and pictures are mixed; the two of a pair have different numbers of slices; one cannot be read;
        neighbors are wanted, and there are no stacks.
    """
    if isinstance(files, Files) and len(files) and (stack := _opened(files[0], forms[0])):
        raise InputError(
            f"{stack.path} is a stack of {stack.depth} slices, and stacks are not side by side; put those of A and of "
            "B into two folders, such as A/train and B/train"
        )
    if isinstance(files, PairedFiles) and _stacks_of(files[0], forms):
        return _slices_of(files, forms)
    if context := max(form.context for form in forms):
        what = (
            f"{files[0]}: these are single pictures" if isinstance(files, Files | PairedFiles) else f"{files}: shards"
        )
        raise InputError(f"source_context={context} needs stacks in two folders, and {what}; leave it out")
    return files


def _slices_of(files: PairedFiles, forms: Forms) -> SlicePairs:
    stacks: dict[str, StackPair] = {}
    notes: dict[str, str] = {}
    for index, name in enumerate(files.names()):
        pair = files[index]
        found = _stacks_of(pair, forms)
        if found is None:
            raise InputError(
                f"{files[0].a} is a stack, and {pair.a} a single picture; put them into data sets of their own"
            )
        a, b = found
        if a.depth != b.depth:
            raise InputError(
                f"{a.path} has {a.depth} slices, and its partner {b.path} has {b.depth}; both stacks of a pair need "
                "as many"
            )
        stacks[name] = StackFile.of(a, forms[0]), StackFile.of(b, forms[1])
        notes.update({stack.letters: rule_words(stack) for stack in found if stack.by_rule})
    depths = [a.depth for a, _ in stacks.values()]
    places = np.concatenate(
        [np.stack([np.full(depth, number), np.arange(depth)], axis=1) for number, depth in enumerate(depths)]
    )
    return SlicePairs(files.folders, stacks, places, note="; ".join(notes.values())).made_of(files)


def rule_words(stack: Stack) -> str:
    """Says how an array was read whose axes nobody has named."""
    header = stack.header
    sides = f"{header.height}x{header.width}" + (f" with {header.channels} channels" if header.channels > 1 else "")
    axes = ", ".join(stack.letters.replace("Y", "H").replace("X", "W"))
    return (
        f"arrays such as {stack.path.name} are read as ({axes}), {stack.depth} slices of {sides}; --axes tells if they "
        "are something else"
    )


def _stacks_of(pair: FilePair, forms: Forms) -> tuple[Stack, Stack] | None:
    """Opens both files of a pair; None if they are single pictures; raises InputError if one of them is."""
    a, b = _opened(pair.a, forms[0]), _opened(pair.b, forms[1])
    if a and b:
        return a, b
    for stack, other in ((a, pair.b), (b, pair.a)):
        if stack:
            raise InputError(
                f"{stack.path} is a stack, and its partner {other} a single picture; a pair has two stacks of as many "
                "slices"
            )
    return None


def _opened(file: AnyPath, form: StackForm) -> Stack | None:
    """Opens a file of this machine if it is a stack; raises InputError if it is one that cannot be read."""
    if not isinstance(file, pathlib.Path):
        return None
    try:
        return open_stack(file, form)
    except StackError as error:
        raise InputError(f"{file}: {error.reason}") from None
