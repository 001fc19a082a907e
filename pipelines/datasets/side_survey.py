"""Collects what one side of the pairs of a split is, image by image."""

import array
import collections
import dataclasses
import hashlib

import numpy as np

from pipelines.images.detail import lost_detail
from pipelines.images.formats.raster import Raster
from pipelines.images.size import Size
from pipelines.images.statistics import Statistics, type_name


@dataclasses.dataclass(frozen=True)
class Look:
    """The facts that a survey keeps of one image.

    Attributes:
      digest: of its pixels, shape and type; 64 bits.
      size: (height, width).
      lows: the smallest number of each channel but alpha.
      highs: the largest.
      lost: as detail.lost_detail.
    """

    digest: int
    size: Size
    lows: np.ndarray
    highs: np.ndarray
    lost: float


class SideSurvey:
    """Collects the images of one side.

    Attributes:
      statistics: of the stored numbers without alpha, by the name of their type.
      digests: of each image's pixels, in the order of the pairs.
      sizes: how many images have a (height, width).
      channels: how many images have a number of channels besides alpha.
      lows: the smallest number of each channel, of the images that have as many as the first.
      highs: the largest.
      of_one_color: how many images are.
      lost: the sum over all images of detail.lost_detail.
    """

    def __init__(self) -> None:
        self.statistics: dict[str, Statistics] = {}
        self.digests = array.array("Q")
        self.sizes: collections.Counter[Size] = collections.Counter()
        self.channels: collections.Counter[int] = collections.Counter()
        self.lows: np.ndarray = np.empty(0)
        self.highs: np.ndarray = np.empty(0)
        self.of_one_color = 0
        self.lost = 0.0

    def count(self, raster: Raster) -> None:
        """Counts the numbers of an image; in any order, by one thread at a time."""
        values = colors_of(raster)
        name = type_name(values.dtype, raster.bits)
        if name not in self.statistics:
            self.statistics[name] = Statistics(values.dtype, raster.bits)
        self.statistics[name].add(values)

    def add(self, look: Look) -> None:
        """Adds the next image."""
        self.digests.append(look.digest)
        self.sizes[look.size] += 1
        self.of_one_color += bool((look.lows == look.highs).all())
        self.lost += look.lost
        if not self.channels:
            self.lows, self.highs = look.lows, look.highs
        elif len(self.lows) == len(look.lows):
            self.lows, self.highs = np.minimum(self.lows, look.lows), np.maximum(self.highs, look.highs)
        self.channels[len(look.lows)] += 1

    def constant_channels(self) -> list[int]:
        """Returns the channels that hold one number in all images, counted from 1."""
        return [index + 1 for index in np.flatnonzero(self.lows == self.highs).tolist()]

    def distinct(self) -> int:
        """Counts the images, each that is there several times once."""
        return len(set(self.digests))


def look_at(raster: Raster, size: Size) -> Look:
    """Looks at one image, which will be resized to (height, width)."""
    values, colors = raster.values, colors_of(raster)
    # A row a channel: NumPy is several times as fast along the last axis.
    channels = np.ascontiguousarray(colors.reshape(-1, colors.shape[-1]).T)
    digest = hashlib.blake2b(f"{values.shape} {values.dtype}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(values))
    return Look(
        int.from_bytes(digest.digest(), "little"),
        (values.shape[0], values.shape[1]),
        channels.min(axis=1),
        channels.max(axis=1),
        lost_detail(colors, size),
    )


def colors_of(raster: Raster) -> np.ndarray:
    """Returns the numbers without alpha; of integers, those of the image over white, as the networks see it."""
    values = raster.values
    if not raster.has_alpha:
        return values
    colors, alpha = values[..., :-1], values[..., -1:]
    if values.dtype.kind != "u":
        return colors
    white = np.iinfo(values.dtype).max
    return np.round(white - (white - colors.astype(np.float64)) * (alpha / white)).astype(values.dtype)
