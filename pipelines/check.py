"""Which files are not what they should be, and why."""

import concurrent.futures
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import tensorflow as tf

from pipelines import images
from pipelines.command import progress_bar
from pipelines.images import JPEG_SIGNATURE, ODD_WIDTH, PNG_SIGNATURE


class Readable(Hashable, Protocol):
    """A file, or what reads like one."""

    def read_bytes(self) -> bytes:
        """The whole of it; raises OSError where it cannot be read."""


def problem(file: Readable, read: Callable[[bytes], object]) -> str | None:
    """Reads a file, and returns in words what is wrong with it, or None.

    Args:
      file: should be a JPEG or PNG.
      read: decodes its bytes; raises tf.errors.InvalidArgumentError where they are damaged.
    """
    try:
        contents = file.read_bytes()
        if not contents:
            return "it is empty"
        if not contents.startswith((JPEG_SIGNATURE, PNG_SIGNATURE)):
            return "it is neither JPEG nor PNG, whatever its name says"
        read(contents)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except tf.errors.InvalidArgumentError as error:
        return ODD_WIDTH if ODD_WIDTH in str(error) else "it is damaged or cut short"
    return None


def halves(contents: bytes) -> images.Pair:
    """Decodes and splits a side-by-side image, at full size."""
    return images.split(images.decode(tf.constant(contents)), "AtoB")


def bad_files(files: Sequence[Readable], read: Callable[[int, bytes], object], title: str) -> dict[Readable, str]:
    """Reads every file once, several at a time, with a progress bar.

    Args:
      files: what to read.
      read: takes a file's index and bytes; raises as `problem` says.
      title: of the progress bar.

    Returns:
      The bad ones, in the order of files, each with the reason in words.
    """

    def problem_of(index: int) -> str | None:
        return problem(files[index], lambda contents: read(index, contents))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reasons = list(progress_bar(pool.map(problem_of, range(len(files))), title, len(files)))
    return {file: reason for file, reason in zip(files, reasons, strict=True) if reason}
