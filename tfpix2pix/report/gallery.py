"""Draws the images of a page while they are measured."""

import concurrent.futures
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.display import PLAIN, Display
from pipelines.storage.sample import spread_indices
from tfpix2pix.quality.measure import Batch
from tfpix2pix.report.page import Card
from tfpix2pix.report.pictures import error_map, webp

# The longest side of an image on a page.
CELL_PIXELS = 256
# The titles of the cells that every image has, besides those of the columns.
SOURCE, TARGET, ERROR = "source", "target", "error"


class Gallery:
    """Draws source, generated images, target and error of each pair as files, so that memory does not grow with them.

    Args:
      folder: for the files; the caller deletes it.
      names: of all images of the split, in order.
      columns: whose images are shown; the errors are those of the first.
      max_images: images that are drawn, at most; a larger split is sampled at even distances.
      displays: how sources are shown, then how targets and generated images are.
      has_source: whether sources are known.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        names: Sequence[str],
        columns: Sequence[str],
        max_images: int,
        displays: tuple[Display, Display] = (PLAIN, PLAIN),
        has_source: bool = True,
    ):
        self.shown = spread_indices(len(names), max_images)
        self._is_shown = frozenset(self.shown)
        self._folder = folder
        self._names = names
        self._columns = columns
        self._displays = displays
        self._has_source = has_source
        # Each column's titles: one for each of its translations.
        self._titles: dict[str, list[str]] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor()

    def add(self, first: int, batch: Batch, generated: dict[str, Sequence[tf.Tensor]]) -> None:
        """Draws the images of a batch; `measure` calls it after each batch.

        Where columns are measured one after the other, source and target are drawn with the first of them.
        """
        of_source, of_target = self._displays
        # The images of each cell, by the name of its files.
        drawn: dict[str, tuple[np.ndarray, Display]] = {}
        for number, name in enumerate(self._columns):
            samples = generated.get(name, ())
            if samples:
                several = range(1, len(samples) + 1)
                self._titles[name] = [name] if len(samples) == 1 else [f"{name}, {place}" for place in several]
            for place, sample in enumerate(samples):
                drawn[f"{number}-{place}"] = sample.numpy(), of_target
        target = batch["target"].numpy()
        has_first = self._columns[0] in generated
        if has_first:
            drawn[TARGET] = target, of_target
            if self._has_source:
                drawn[SOURCE] = batch["source"].numpy(), of_source

        def draw(place: int) -> None:
            for cell, (images, display) in drawn.items():
                picture = webp(display.to_rgb(images[place][None])[0], CELL_PIXELS)
                self._file(first + place, cell).write_bytes(picture)
            if has_first:
                picture = error_map(target[place], drawn["0-0"][0][place], CELL_PIXELS, of_target)
                self._file(first + place, ERROR).write_bytes(picture)

        list(self._pool.map(draw, [place for place in range(len(target)) if first + place in self._is_shown]))

    def cards(self, values: dict[str, np.ndarray], places: Sequence[int] | None = None) -> Iterator[Card]:
        """Returns the drawn images with their metrics, in the order of the split.

        Args:
          values: metrics by label.
          places: among `shown`, of those that are wanted; all by default.
        """
        chosen = self.shown if places is None else [self.shown[place] for place in places]
        return (self._card(index, values) for index in chosen)

    def sizes(self) -> list[int]:
        """Returns the bytes of the files of each drawn image."""
        cells = [*self._cells().values()]
        return [sum(self._file(index, cell).stat().st_size for cell in cells) for index in self.shown]

    def extremes(self, by: np.ndarray, values: dict[str, np.ndarray], count: int = 3) -> list[list[Card]]:
        """Returns the shown images with the lowest, middle and highest `by`, `count` of each, the extremes first."""
        order = sorted(self.shown, key=lambda index: by[index])
        middle = max(0, len(order) // 2 - count // 2)
        parts = order[:count], order[middle : middle + count], order[::-1][:count]
        return [[self._card(index, values) for index in part] for part in parts]

    def _cells(self) -> dict[str, str]:
        """Returns the titles of an image's cells in their order, and the names of their files."""
        cells = {SOURCE: SOURCE} if self._has_source else {}
        for number, name in enumerate(self._columns):
            cells |= {title: f"{number}-{place}" for place, title in enumerate(self._titles[name])}
        return cells | {TARGET: TARGET, ERROR: ERROR}

    def _card(self, index: int, values: dict[str, np.ndarray]) -> Card:
        pictures = {title: self._file(index, cell).read_bytes() for title, cell in self._cells().items()}
        return Card(self._names[index], {name: float(array[index]) for name, array in values.items()}, pictures)

    def _file(self, index: int, cell: str) -> pathlib.Path:
        return self._folder / f"{index}-{cell}.webp"
