"""Which files are not what they should be, and why."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from pipelines.images import header, transforms
from pipelines.images.size import MAX_PIXELS
from pipelines.images.transforms import ODD_WIDTH
from pipelines.storage.shards import Record
from pipelines.system.paths import AnyPath, file_size
from pipelines.system.terminal import progress_bar

# What can be an encoded image.
Readable = AnyPath | Record


def problem(file: Readable, read: Callable[[bytes], object], max_pixels: int = MAX_PIXELS) -> str | None:
    """Reads a file, and returns in words what is wrong with it, or None.

    Args:
      file: should be a JPEG or PNG.
      read: decodes its bytes; raises tf.errors.InvalidArgumentError where they are damaged.
      max_pixels: a file that is longer than any image of so many is not read; it is for `read` to look at the header.
    """
    try:
        too_long = header.excess_bytes(length(file), max_pixels)
        if too_long:
            return too_long
        contents = file.read_bytes()
        if not contents:
            return "it is empty"
        if not contents.startswith((header.JPEG_SIGNATURE, header.PNG_SIGNATURE)):
            return "it is neither JPEG nor PNG, whatever its name says"
        read(contents)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except tf.errors.InvalidArgumentError as error:
        if ODD_WIDTH in str(error):
            return ODD_WIDTH
        return header.excess(str(error)) or "it is damaged or cut short"
    return None


def length(file: Readable) -> int:
    """In bytes; raises OSError where it is not there."""
    return file.stop - file.start if isinstance(file, Record) else file_size(file)


def halves(contents: bytes, max_pixels: int) -> transforms.Pair:
    """Decodes and splits a side-by-side image, at full size."""
    return transforms.split(whole(contents, max_pixels), "AtoB")


def whole(contents: bytes, max_pixels: int) -> transforms.Image:
    """Decodes an image."""
    return transforms.decode(tf.constant(contents), max_pixels=max_pixels)


def bad_files(
    files: Sequence[Readable], read: Callable[[int, bytes], object], title: str, max_pixels: int
) -> dict[Readable, str]:
    """Reads every file once, several at a time, with a progress bar.

    Args:
      files: what to read.
      read: takes a file's index and bytes; raises as `problem` says.
      title: of the progress bar.
      max_pixels: as `problem` has it.

    Returns:
      The bad ones, in the order of files, each with the reason in words.
    """

    def problem_of(index: int) -> str | None:
        return problem(files[index], lambda contents: read(index, contents), max_pixels)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reasons = list(progress_bar(pool.map(problem_of, range(len(files))), title, len(files)))
    return {file: reason for file, reason in zip(files, reasons, strict=True) if reason}
