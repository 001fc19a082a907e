"""Tells side-by-side pairs from single images, by their shape and by what happens in their middle."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from statistics import median_low
from typing import TypeVar

from pipelines.images import codecs, packed_pair
from pipelines.images.header import BadImageError
from pipelines.images.seam import has_seam
from pipelines.images.size import MAX_PIXELS, Size
from pipelines.storage.image_set import ImageSet, Readable
from pipelines.storage.sample import spread_indices
from pipelines.storage.validity import read_file
from pipelines.system.terminal import print_warning

# Images whose header is read, and whose middle is looked at; they stand for all.
HEADERS = 32
MIDDLES = 8
# Shapes that differ by less are those of one kind: sides are rounded to pixels.
TOLERANCE = 1.03
# What more than this number and this share of the images show in their middle is clear.
CLEAR_COUNT = 3
CLEAR_SHARE = 0.6

# Width divided by height: the smallest and the largest.
Aspects = tuple[float, float]
Files = Sequence[Readable] | ImageSet
Result = TypeVar("Result")


def source_sizes(files: ImageSet, direction: str, axes: str = "", max_pixels: int = MAX_PIXELS) -> list[Size]:
    """Returns the (height, width) of the sources of some pairs, by their headers; of all that can be read.

    Args:
      files: side-by-side images, or pairs of files.
      direction: which side is the source.
      axes: of arrays.
      max_pixels: longer files than images of so many pixels are not read.
    """

    def size_of(contents: bytes) -> Size:
        if packed_pair.is_packed(contents):
            return _size(packed_pair.unpack(contents)[direction == "BtoA"], axes)
        height, width = _size(contents, axes)
        return height, max(1, width // 2)

    return [*_each(files, HEADERS, size_of, max_pixels)]


def aspects_of(sizes: Sequence[Size]) -> Aspects | None:
    """Returns width divided by height, the smallest and the largest; None of no sizes."""
    found = [width / height for height, width in sizes]
    return (min(found), max(found)) if found else None


def typical_size(sizes: Sequence[Size]) -> Size | None:
    """Returns the median height and width; None of no sizes."""
    return (median_low(height for height, _ in sizes), median_low(width for _, width in sizes)) if sizes else None


def guess_kind(
    files: Files, aspects: Aspects | None = None, axes: str = "", max_pixels: int = MAX_PIXELS
) -> str | None:
    """Guesses what image files are: `pairs` or `images`; None if it is not clear.

    Args:
      files: at least one.
      aspects: of what the images, or the halves of pairs, are expected to be like; None if nothing is known of it.
      axes: of arrays.
      max_pixels: larger images are not decoded.
    """

    def seam_of(contents: bytes) -> bool | None:
        return None if packed_pair.is_packed(contents) else has_seam(codecs.decode(contents, axes, max_pixels).values)

    seams = [*_each(files, MIDDLES, seam_of, max_pixels)]
    pairs, images = seams.count(True), seams.count(False)
    clear = max(CLEAR_COUNT, CLEAR_SHARE * len(seams))
    if max(pairs, images) >= clear:
        return "pairs" if pairs > images else "images"
    found = [*_each(files, HEADERS, lambda contents: _aspect(contents, axes), max_pixels)]
    if aspects is None or not found:
        return None
    wholes, halves = (all(_is_within(aspect / parts, aspects) for aspect in found) for parts in (1, 2))
    if halves and not wholes and pairs >= images:
        return "pairs"
    return "images" if wholes and not halves and images >= pairs else None


def warn_of_single_images(
    files: ImageSet, aspects: Aspects | None, axes: str = "", max_pixels: int = MAX_PIXELS
) -> None:
    """Prints a warning if a set that is read as side-by-side pairs looks like single images; as `guess_kind`."""
    if guess_kind(files, aspects, axes, max_pixels) == "images":
        print_warning(
            f"{files.folder} looks like single images, and each is read as a side-by-side pair; combine them to pairs"
        )


def _each(files: Files, count: int, look: Callable[[bytes], Result], max_pixels: int) -> Iterator[Result]:
    """Yields what `look` says of some images; leaves out those that cannot be read."""
    for index in spread_indices(len(files), count):
        with contextlib.suppress(BadImageError):
            yield read_file(files[index], look, max_pixels)


def _size(contents: bytes, axes: str) -> Size:
    header = codecs.probe(contents, axes)
    if header.width < 1 or header.height < 1:
        raise BadImageError("it has no pixels")
    return header.height, header.width


def _aspect(contents: bytes, axes: str) -> float:
    height, width = _size(contents, axes)
    return width / height


def _is_within(aspect: float, aspects: Aspects) -> bool:
    return aspects[0] / TOLERANCE <= aspect <= aspects[1] * TOLERANCE
