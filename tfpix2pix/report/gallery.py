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


class Gallery:
    """Draws source, generated images, target and error of each pair as files, so that memory does not grow with them.

    Args:
      folder: for the files; the caller deletes it.
      names: of all images of the split, in order.
      columns: whose images are shown; the errors are those of the first.
      max_images: images on the page, at most; a larger split is sampled at even distances.
      displays: how sources are shown, then how targets and generated images are.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        names: Sequence[str],
        columns: Sequence[str],
        max_images: int,
        displays: tuple[Display, Display] = (PLAIN, PLAIN),
    ):
        self.shown = spread_indices(len(names), max_images)
        self._is_shown = frozenset(self.shown)
        self._folder = folder
        self._names = names
        self._columns = columns
        self._displays = displays
        self._titles: list[str] = []
        self._pool = concurrent.futures.ThreadPoolExecutor()

    def add(self, first: int, batch: Batch, generated: dict[str, Sequence[tf.Tensor]]) -> None:
        """Draws the images of a batch; `measure` calls it after each batch."""
        columns = {
            name if len(generated[name]) == 1 else f"{name}, {number}": sample.numpy()
            for name in self._columns
            for number, sample in enumerate(generated[name], 1)
        }
        source, target = batch["source"].numpy(), batch["target"].numpy()
        self._titles = ["source", *columns, "target", "error"]
        places = [place for place in range(len(target)) if first + place in self._is_shown]

        of_source, of_target = self._displays

        def draw(place: int) -> None:
            images = [source, *columns.values(), target]
            shown = [of_source, *[of_target] * (len(images) - 1)]
            cells = [
                webp(display.to_rgb(array[place][None])[0], CELL_PIXELS)
                for display, array in zip(shown, images, strict=True)
            ]
            cells.append(error_map(target[place], images[1][place], CELL_PIXELS, of_target))
            for number, cell in enumerate(cells):
                self._file(first + place, number).write_bytes(cell)

        list(self._pool.map(draw, places))

    def cards(self, values: dict[str, np.ndarray]) -> Iterator[Card]:
        """Returns all images of the page with their metrics, in the order of the split."""
        return (self._card(index, values) for index in self.shown)

    def extremes(self, by: np.ndarray, values: dict[str, np.ndarray], count: int = 3) -> list[list[Card]]:
        """Returns the shown images with the lowest, middle and highest `by`, `count` of each, the extremes first."""
        order = sorted(self.shown, key=lambda index: by[index])
        middle = max(0, len(order) // 2 - count // 2)
        parts = order[:count], order[middle : middle + count], order[::-1][:count]
        return [[self._card(index, values) for index in part] for part in parts]

    def _card(self, index: int, values: dict[str, np.ndarray]) -> Card:
        cells = {title: self._file(index, number).read_bytes() for number, title in enumerate(self._titles)}
        return Card(self._names[index], {name: float(array[index]) for name, array in values.items()}, cells)

    def _file(self, index: int, cell: int) -> pathlib.Path:
        return self._folder / f"{index}-{cell}.webp"
