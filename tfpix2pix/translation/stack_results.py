"""Translates stacks slice by slice into stacks; the memory does not grow with the number of slices."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.images.formats.tiff_slices import StackError
from pipelines.images.header import BadImageError
from pipelines.images.result_format import ResultFormat
from pipelines.stacks.canvas import StackCanvas, check_form
from pipelines.stacks.opening import rule_words
from pipelines.stacks.slices import as_npy
from pipelines.stacks.stack import Neighborhoods, Stack, StackForm, open_stack
from pipelines.system.terminal import InputError, one_line, progress_bar

# From the files of some slices to the numbers of their results, `(H, W, C)`.
TranslateSlices = Callable[[Sequence[bytes]], list[np.ndarray]]


def kind_of(file: pathlib.Path, form: StackForm) -> type[Stack] | BadImageError | None:
    """Returns Stack of a file that is one, None of a single picture, or why it cannot be translated.

    Args:
      file: of a local file, or of a Zarr folder.
      form: how the run reads stacks of sources.
    """
    try:
        stack = open_stack(file, form) if file.is_file() else None
    except StackError as error:
        return error
    if stack:
        return Stack
    if form.context:
        return BadImageError(
            f"it is a single picture, and this run translates slices with {form.context} neighbors on either side "
            f"(source_context={form.context}); give a stack"
        )
    return None


def check_stacks(pairs: bool, output_size: object, with_uncertainty: bool) -> None:
    """Raises InputError for options that stacks do not have."""
    if pairs:
        raise InputError("pairs=True is for side-by-side pictures, and stacks have none; leave it out")
    if output_size != "source":
        raise InputError(f"output_size={output_size}: stacks keep the size of their slices; leave it out")
    if with_uncertainty:
        raise InputError("uncertainty is for single pictures, and there are stacks; leave it out")


def translate_stack(
    stack: Stack,
    path: pathlib.Path,
    form: ResultFormat,
    translate: TranslateSlices,
    *,
    context: int = 0,
    batch_size: int = 1,
    recipe: str = "",
) -> None:
    """Translates a stack into a file; goes on with what a process that was stopped has left.

    Args:
      stack: open.
      path: of the result.
      form: of that file.
      translate: gives the results of some slices.
      context: neighbors on either side that a slice is translated with.
      batch_size: slices at a time.
      recipe: tells generators and their options apart.

    Raises:
      BadImageError: a slice cannot be read.
      InputError: a slice does not suit the run, or the disk has no room.
    """
    check_form(form)
    print(one_line(f"{stack.path} -> {path}, {stack.depth} slices along {stack.info.letter}"), flush=True)
    if stack.by_rule:
        print(one_line(rule_words(stack)))
    file, header = stack.path.stat(), stack.header
    begun = repr((recipe, context, str(stack.path), file.st_size, file.st_mtime_ns)).encode()
    slices = Neighborhoods(stack, context)
    size = header.height, header.width
    canvas = StackCanvas(path, stack.depth, size, form, stack.info, begun)
    with canvas:
        first = canvas.slices_done
        if first:
            print(one_line(f"{path} goes on after slice {first} of {stack.depth}"), flush=True)
        starts = range(first, stack.depth, batch_size)
        try:
            for start in progress_bar(starts, f"translating {stack.path.name}", len(starts)):
                some = [as_npy(slices, index) for index in range(start, min(start + batch_size, stack.depth))]
                for numbers in translate(some):
                    canvas.write_slice(numbers)
        except BadImageError:
            canvas.discard()
            raise
        canvas.finish()
