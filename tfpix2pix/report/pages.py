"""Divides the images of a report among pages, so that each opens quickly and can be sent."""

import dataclasses
import pathlib
from collections.abc import Sequence

from pipelines.storage.sample import spread_indices

# Of a page; a mail takes some 10 MB.
PAGE_BYTES = 8_000_000
# What a card takes besides its images.
CARD_BYTES = 2_000


@dataclasses.dataclass(frozen=True)
class Division:
    """Which images are on which page.

    Attributes:
      first: places on the first page.
      others: places on each further page; none if the first has all.
    """

    first: list[int]
    others: list[list[int]]

    def names(self, page: pathlib.Path) -> list[str]:
        """Returns the names of the further pages: report-2.html, report-3.html and so on."""
        return [f"{page.stem}-{number}{page.suffix}" for number in range(2, len(self.others) + 2)]


def divide(sizes: Sequence[int], taken: int) -> Division:
    """Puts all images on the first page if it has room, else a sample at even distances, and all on further pages.

    Args:
      sizes: of each image's files, in bytes.
      taken: bytes of the first page that are taken already.
    """
    costs = [embedded_bytes(size) for size in sizes]
    room = max(0, PAGE_BYTES - taken)
    if sum(costs) <= room:
        return Division(list(range(len(costs))), [])
    count = max(1, int(room * len(costs) / sum(costs)))
    while count > 1 and sum(costs[place] for place in spread_indices(len(costs), count)) > room:
        count -= 1
    others: list[list[int]] = [[]]
    filled = 0
    for place, cost in enumerate(costs):
        if others[-1] and filled + cost > PAGE_BYTES:
            others.append([])
            filled = 0
        others[-1].append(place)
        filled += cost
    return Division(spread_indices(len(costs), count), others)


def embedded_bytes(size: int) -> int:
    """Returns what an image's files of so many bytes take on a page, where they are base64."""
    return size * 4 // 3 + CARD_BYTES


def remove_others(page: pathlib.Path, kept: Sequence[str]) -> None:
    """Deletes further pages of an earlier report, which had more of them."""
    for path in page.parent.glob(f"{page.stem}-*{page.suffix}"):
        if path.stem.removeprefix(f"{page.stem}-").isdecimal() and path.name not in kept:
            path.unlink()
