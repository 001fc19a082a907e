"""Translates pictures that are too large for one pass: from a file onto a canvas, tile by tile."""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tifffile

from pipelines.images.image_format import ImageFormat
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size, format_size
from pipelines.images.tiling import Tiling, Window, check_tile
from pipelines.storage.canvas import Canvas
from pipelines.storage.picture import open_picture
from pipelines.storage.result_files import pixel_size_of, place_of
from pipelines.system.terminal import InputError, one_line
from tfpix2pix.translation import tiled
from tfpix2pix.translation.options import SizeOptions
from tfpix2pix.translation.shared_statistics import TileNetwork
from tfpix2pix.translation.tiled import translate_tiled
from tfpix2pix.translation.uncertain_results import Uncertainty

# Pixels of the largest uncertainty that is drawn for people; a larger one needs a viewer of large TIFF files.
MAX_DRAWN = 2**24

# More pixels at a time are no faster. And since the number does not follow from the memory that happens to be free, a
# picture that is resumed has the same bits.
MAX_ROOM = 2**20


@dataclasses.dataclass(frozen=True)
class LargePictures:
    """Translates pictures tile by tile.

    Attributes:
      network: the generator.
      form: how sources are read.
      half: `A` or `B` if each picture is a side-by-side pair, and this half of it is the source; else empty.
      step: sides of tiles are multiples of it.
      options: of tiles.
      room: pixels that the generator translates at a time, if that is at least one tile.
      recipe: tells generators apart: a canvas that another one began is started again.
      uncertainty: estimated besides, and written beside the results.

    Raises:
      InputError: a tile does not suit the network, or results of another size are asked for.
    """

    network: TileNetwork
    form: ImageFormat
    half: str
    step: int
    options: SizeOptions
    room: int
    recipe: str
    uncertainty: Uncertainty | None = None

    def __post_init__(self) -> None:
        check_tile(self.options.tile, self.options.overlap, self.step)
        if isinstance(self.options.output_size, tuple):
            raise InputError(
                f"output_size={format_size(self.options.output_size)}: results that are made in tiles have the "
                "source's size; give --output_size=source, or more --memory_mib"
            )

    def translate_file(self, source: pathlib.Path, path: pathlib.Path, result: ResultFormat) -> bool:
        """Translates a file into a file; goes on with what a process that was stopped has left.

        Args:
          source: of a local file.
          path: of the result.
          result: its form.

        Returns:
          False if the source has a place on a map that the result does not get.

        Raises:
          BadImageError: the source cannot be read.
          InputError: the form cannot hold so large a result.
        """
        file = source.stat()
        recipe = repr((self.recipe, self.options.tile, self.options.overlap, self.half, str(source), file.st_size))
        with open_picture(source, self.form, self.half) as picture, contextlib.ExitStack() as stack:
            place, is_kept = place_of(source, path, picture.shape, bool(self.half))
            begun = f"{recipe} {self.uncertainty} {file.st_mtime_ns}".encode()

            def canvas_of(path: pathlib.Path, form: ResultFormat) -> Canvas:
                pixel_size = pixel_size_of(source, picture.shape, form)
                return stack.enter_context(Canvas(path, picture.shape, form, begun, place, pixel_size))

            canvas = canvas_of(path, result)
            if canvas.rows_done:
                print(one_line(f"{path} goes on after row {canvas.rows_done} of {picture.shape[0]}"), flush=True)
            if self.uncertainty is None:
                self._translate(picture, canvas, result.numbers)
            else:
                beside = canvas_of(self.uncertainty.file_beside(path), self.uncertainty.form)
                self._translate(picture, self.uncertainty.on_two(canvas, beside, result), np.asarray)
                beside.finish()
                if math.prod(picture.shape) <= MAX_DRAWN:
                    self.uncertainty.write_picture(tifffile.imread(beside.path), path)
            canvas.finish()
        return is_kept

    def translate_array(self, source: tf.Tensor, numbers: Callable[[tf.Tensor], np.ndarray]) -> np.ndarray:
        """Translates `(H, W, source_channels)` in [0, 1]; returns `(H, W, C)`, the numbers of the result.

        Args:
          source: of the generator.
          numbers: of a part of the result, `(h, w, C)` in [-1, 1].
        """
        canvas = _Rows()
        self._translate(_InMemory(source.numpy()), canvas, numbers)
        return np.concatenate(canvas.rows)

    def _translate(self, picture: tiled.Picture, canvas: tiled.Canvas, numbers: Callable[..., np.ndarray]) -> None:
        network = self.uncertainty.wrap_tiles(self.network) if self.uncertainty else self.network
        tiling = Tiling(picture.shape, self.options.tile, self.options.overlap, self.step)
        translate_tiled(network, picture, canvas, tiling, numbers, min(self.room, MAX_ROOM))


class _InMemory:
    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.shape: Size = (image.shape[0], image.shape[1])

    def read(self, window: Window) -> np.ndarray:
        top, left, height, width = window
        return self.image[top : top + height, left : left + width]


class _Rows:
    """A canvas in memory."""

    def __init__(self) -> None:
        self.restart(b"")

    def restart(self, state: bytes) -> None:
        self.state, self.rows, self.rows_done = state, list[np.ndarray](), 0

    def write_rows(self, top: int, numbers: np.ndarray) -> None:
        self.rows.append(numbers)
        self.rows_done = top + len(numbers)
