"""Writes a stack of results slice by slice; what is on the disk is not done again after the process was killed."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from pipelines.images.formats.arrays import npy_header
from pipelines.images.formats.encoders import tiff_options
from pipelines.images.formats.row_encoders import MAX_PLAIN_TIFF
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size
from pipelines.stacks.metadata import StackInfo, arguments
from pipelines.storage.canvas import Canvas
from pipelines.system.terminal import InputError

# Files that hold stacks.
FORMATS = ("tif", "ome.tif", "npy")
# What ImageJ reads.
IMAGEJ_TYPES = ("uint8", "uint16", "float32")


class StackCanvas(Canvas):
    """A stack of results: a canvas as high as all its slices, one below the other.

    Args:
      path: of the result, in a folder that exists.
      depth: its slices.
      size: (height, width) of each.
      form: of the file, one of FORMATS.
      info: what the source's file says besides its numbers.
      recipe: whatever the numbers follow from.

    Raises:
      InputError: as Canvas.
    """

    def __init__(
        self, path: pathlib.Path, depth: int, size: Size, form: ResultFormat, info: StackInfo, recipe: bytes = b""
    ):
        self._depth, self._size, self._info = depth, size, info
        super().__init__(path, (depth * size[0], size[1]), form, recipe)

    @property
    def slices_done(self) -> int:
        """Slices from the first on that are on the disk."""
        return self.rows_done // self._size[0]

    def write_slice(self, numbers: npt.NDArray) -> None:
        """Writes the next slice, `(H, W, channels)` as ResultFormat.numbers gives it."""
        self.write_rows(self.rows_done, numbers)

    def discard(self) -> None:
        """Forgets a result that cannot be made, since a slice of its source is bad."""
        self._is_finished = True
        for path in (self._journal, self._part):
            path.unlink(missing_ok=True)

    def _encode(self, path: pathlib.Path) -> None:
        if self.form.name == "npy":
            self._write_npy(path)
        else:
            self._write_tiff(path)

    def _write_npy(self, path: pathlib.Path) -> None:
        channels = self.form.channels
        shape = (self._depth, *self._size) + ((channels,) if channels > 1 else ())
        with open(path, "wb") as file:
            file.write(npy_header(shape, self.form.dtype))
            for values in self._slices():
                file.write(values.tobytes())

    def _write_tiff(self, path: pathlib.Path) -> None:
        """Writes pages that are not compressed, so that programs can map them into memory."""
        channels, dtype = self.form.channels, np.dtype(self.form.dtype)
        has_colors = channels > 1 and not self._info.has_channels and (channels == 3 or self.form.has_alpha)
        size = self._depth * self._size[0] * self._rows.row_bytes
        kind = self._kind(has_colors, size)
        letters = self._info.letter + ("YXS" if has_colors else "CYX" if channels > 1 else "YX")
        shape: tuple[int, ...] = (self._depth, *self._size)
        if channels > 1:
            shape = (*shape, channels) if has_colors else (self._depth, channels, *self._size)
        options: dict[str, Any] = {"photometric": "minisblack"}
        if has_colors:
            told = tiff_options(channels, (), self.form.has_alpha)
            options = {name: told[name] for name in ("photometric", "planarconfig", "extrasamples")}
        options |= arguments(self._info, kind, letters, self._depth, channels)
        kinds = {"ome": kind == "ome", "imagej": kind == "imagej", "shaped": kind == "plain"}
        with tifffile.TiffWriter(path, bigtiff=kind != "imagej" and size > MAX_PLAIN_TIFF, **kinds) as file:
            file.write(self._pages(has_colors), shape=shape, dtype=dtype, software=False, **options)

    def _kind(self, has_colors: bool, size: int) -> str:
        """Chooses whose metadata the file has: ImageJ's for its own files, if it can; else those of OME-TIFF."""
        if self.form.name == "ome.tif" or self._info.kind == "ome":
            return "ome"
        if self._info.kind == "plain":
            return "plain"
        is_known = self.form.dtype in IMAGEJ_TYPES
        if has_colors:
            is_known = self.form.dtype == "uint8" and self.form.channels == 3
        return "imagej" if is_known and size <= MAX_PLAIN_TIFF else "ome"

    def _slices(self) -> Iterator[npt.NDArray]:
        height = self._size[0]
        return (self._read(index * height, (index + 1) * height) for index in range(self._depth))

    def _pages(self, has_colors: bool) -> Iterator[npt.NDArray]:
        for values in self._slices():
            if has_colors:
                yield values
            else:
                yield from np.ascontiguousarray(np.moveaxis(values, -1, 0))


def check_form(form: ResultFormat) -> None:
    """Raises InputError if files of a format hold no stacks."""
    if form.name not in FORMATS:
        raise InputError(f"format={form.name} holds no stack; give --format=tif, ome.tif or npy")


def suffix_of_stack(source: pathlib.Path, asked: str, form: ResultFormat) -> str:
    """Chooses the suffix of a stack of results: that of its source, if nothing else was asked for.

    Args:
      source: the stack that is translated.
      asked: one of choices.RESULT_FORMATS.
      form: what it makes of results.

    Raises:
      InputError: files of the format that was asked for hold no stacks.
    """
    if asked != "auto":
        check_form(form)
        return form.suffix
    name = source.name.lower()
    if name.endswith((".ome.tif", ".ome.tiff")):
        return ".ome.tif"
    return ".npy" if name.endswith(".npy") else ".tif"
