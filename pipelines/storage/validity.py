"""Reads image files, and says of bad ones why they are bad."""

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import tensorflow as tf

from pipelines.images import codecs, header, transforms
from pipelines.images.header import BadImageError
from pipelines.images.kernels import decode_stored
from pipelines.images.packed_pair import is_packed, naming_side, unpack
from pipelines.images.size import MAX_PIXELS
from pipelines.storage.file_pair import FilePair, PartPair
from pipelines.storage.image_set import Readable
from pipelines.storage.records import Record
from pipelines.system.paths import file_size

Result = TypeVar("Result")

# Files that read_files reads before their results are asked for; it bounds the memory.
WINDOW = 64


def read_file(file: Readable, decode: Callable[[bytes], Result], max_pixels: int = MAX_PIXELS) -> Result:
    """Reads a file and returns what `decode` makes of its bytes.

    Args:
      file: should be an image, or a pair.
      decode: looks at the header first, as transforms.decode does; raises BadImageError, or
        tf.errors.InvalidArgumentError if the bytes are damaged.
      max_pixels: a file longer than any image with this number of pixels is not read.

    Raises:
      BadImageError: it cannot be read, is no image, damaged, or too large.
    """
    try:
        # Each half of a pair of files may have as many pixels as a side-by-side one.
        header.check_length(length_of(file) // (2 if isinstance(file, FilePair | PartPair) else 1), max_pixels)
        contents = file.read_bytes()
    except OSError as error:
        raise BadImageError(f"it cannot be read ({error.strerror})") from None
    try:
        return decode(contents)
    except tf.errors.InvalidArgumentError:
        raise BadImageError(header.DAMAGED) from None


def read_files(
    files: Iterable[Readable], decode: Callable[[bytes], Result], max_pixels: int = MAX_PIXELS
) -> Iterator[Result | BadImageError]:
    """Reads several files at a time, and yields in their order the result, or the error of a bad one.

    The arguments are those of `read_file`.
    """

    def attempt(file: Readable) -> Result | BadImageError:
        try:
            return read_file(file, decode, max_pixels)
        except BadImageError as error:
            return error

    remaining = iter(files)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = collections.deque(pool.submit(attempt, file) for file in itertools.islice(remaining, WINDOW))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(attempt, file) for file in itertools.islice(remaining, 1))


def length_of(file: Readable) -> int:
    """Returns the length in bytes; raises OSError if the file is not there."""
    if isinstance(file, Record):
        return file.stop - file.start
    return file.size() if isinstance(file, FilePair | PartPair) else file_size(file)


def check_pair(contents: bytes, max_pixels: int, axes: str = "") -> bytes:
    """Decodes a pair, and returns its bytes, unchanged; raises as read_file's `decode`."""
    if not is_packed(contents):
        if _decoded_width(contents, max_pixels, axes) % 2:
            raise BadImageError(transforms.ODD_WIDTH)
        return contents
    for side, file in zip("AB", unpack(contents), strict=True):
        with naming_side(side):
            check_image(file, max_pixels, axes)
    return contents


def check_image(contents: bytes, max_pixels: int, axes: str = "") -> bytes:
    """Decodes an image, and returns its bytes, unchanged; raises as read_file's `decode`."""
    _decoded_width(contents, max_pixels, axes)
    return contents


def _decoded_width(contents: bytes, max_pixels: int, axes: str) -> int:
    """Decodes an image as training does, and returns its width."""
    if codecs.format_of(contents) in ("jpeg", "png"):
        return decode_stored(tf.constant(contents), max_pixels).image.shape[1]
    return codecs.decode(contents, axes, max_pixels).values.shape[1]
