"""Finds the few colors that pictures consist of, such as label maps in colors or edges; photos have too many."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipelines.images.color import Color
from pipelines.images.label_colors import IGNORED_COLOR, PALETTES, Palette

MAX_COLORS = 24
# How far JPEG carries a level away from the color that was saved, at most and usually.
NOISE = 20
USUAL_NOISE = 8
# Shares of the pixels. Flat ones have neighbors of their own color, so that they are no blend of two.
MIN_FLAT = 0.3
MIN_USUAL = 0.9
MIN_COVERED = 0.995
MIN_KNOWN = 0.95
# Of drawings in black and white: pixels of the ground, and those of the two among the flat ones.
MIN_GROUND = 0.5
MIN_EXTREME = 0.97
# How far a line that is thinner than a pixel is from its ground, somewhere.
MIN_LINE = 64


@dataclasses.dataclass(frozen=True)
class FewColors:
    """The colors of some pictures.

    Attributes:
      palette: the colors by name; those that only the pictures tell are named by their numbers, `#0000de`.
      background: of a known data set the class of this name, else the most frequent of them.
    """

    palette: Palette
    background: Color


def few_colors(pictures: Sequence[np.ndarray]) -> FewColors | None:
    """Finds the colors that pictures were drawn in; None if these are more than MAX_COLORS.

    Args:
      pictures: `(H, W, 3)` uint8, possibly resized, or saved as JPEG.
    """
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    flat = np.concatenate([picture[1:-1, 1:-1][_is_flat(picture)] for picture in pictures])
    if len(flat) >= MIN_FLAT * len(pixels):
        colors, counts = np.unique(flat, axis=0, return_counts=True)
        found = _known(colors, counts) or _clusters(colors, counts)
        if found and len(found.palette.classes) > 1:
            return found
    return _black_and_white(pixels, flat)


def _is_flat(picture: np.ndarray) -> np.ndarray:
    """Tells of each pixel inside an image whether its eight neighbors have its color, but for the noise of JPEG."""
    rows, columns = (side - 2 for side in picture.shape[:2])
    around = [picture[top : top + rows, left : left + columns] for top in range(3) for left in range(3)]
    spread = np.max(around, axis=0).astype(np.int16) - np.min(around, axis=0)
    return (spread <= NOISE).all(-1)


def _known(colors: np.ndarray, counts: np.ndarray) -> FewColors | None:
    """Returns a data set's palette if almost all pixels are in its colors, in two of them or more."""
    for palette in PALETTES.values():
        drawn = [*palette.classes.values()]
        distances = _distances(colors, [*drawn, *palette.ignored, IGNORED_COLOR])
        near, is_near = distances.argmin(-1), distances.min(-1) <= NOISE
        shares = np.bincount(near[is_near], counts[is_near], distances.shape[1]) / counts.sum()
        if shares.sum() >= MIN_KNOWN and (shares[: len(drawn)] > 1 - MIN_COVERED).sum() > 1:
            most_frequent = drawn[shares[: len(drawn)].argmax()]
            return FewColors(palette, palette.classes.get("background", most_frequent))
    return None


def _clusters(colors: np.ndarray, counts: np.ndarray) -> FewColors | None:
    """Takes the most frequent color with all that are as near as noise, then the next, until few pixels are left."""
    total = counts.sum()
    centers: list[Color] = []
    near, usual = [], []
    while counts.sum() > (1 - MIN_COVERED) * total:
        if len(centers) == MAX_COLORS:
            return None
        center = colors[counts.argmax()]
        distances = _distances(colors, [center])[:, 0]
        near.append(counts[distances <= NOISE].sum())
        usual.append(counts[distances <= USUAL_NOISE].sum())
        colors, counts = colors[distances > NOISE], counts[distances > NOISE]
        centers.append((int(center[0]), int(center[1]), int(center[2])))
    # Without the first, which may be the white around a photo.
    if sum(usual[1:]) < MIN_USUAL * sum(near[1:]):
        return None
    return FewColors(Palette({"#{:02x}{:02x}{:02x}".format(*color): color for color in centers}), centers[0])


def _black_and_white(pixels: np.ndarray, flat: np.ndarray) -> FewColors | None:
    """Tells thin lines on a ground, such as edges: hardly a pixel of a line is flat, and gray ones are blends."""
    low, high = pixels.min(-1).astype(np.int16), pixels.max(-1).astype(np.int16)
    if (high - low > NOISE).mean() > 1 - MIN_COVERED:
        return None
    both: dict[str, Color] = {"black": (0, 0, 0), "white": (255, 255, 255)}
    if not len(flat) or (_distances(flat, [*both.values()]).min(-1) <= NOISE).mean() < MIN_EXTREME:
        return None
    is_white = (low >= 255 - NOISE).mean() >= (high <= NOISE).mean()
    from_ground = 255 - low if is_white else high
    if (from_ground <= NOISE).mean() < MIN_GROUND or from_ground.max() < MIN_LINE:
        return None
    return FewColors(Palette(both), both["white" if is_white else "black"])


def _distances(colors: np.ndarray, others: Sequence[Color]) -> np.ndarray:
    """Returns the largest difference of a channel, of each color `(N, 3)` from each of the others: `(N, others)`."""
    return np.abs(colors[:, None].astype(np.int16) - np.asarray(others, np.int16)).max(-1)
