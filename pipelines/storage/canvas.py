"""Writes a result of any size row by row; what is on the disk is not done again after the process was killed."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import time

import numpy as np

from pipelines.images.formats import row_encoders
from pipelines.images.formats.encoders import TIFF_FORMATS
from pipelines.images.formats.pixel_size import PixelSize, ome_of
from pipelines.images.formats.row_encoders import Rows
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size, format_size
from pipelines.storage import zarr_image
from pipelines.storage.georeference import GeoReference
from pipelines.system.disk import whole_file, write_whole
from pipelines.system.leftovers import KEPT_CHARACTERS
from pipelines.system.memory import GIB
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Results of more bytes are not encoded in memory.
MAX_IN_MEMORY = 2**28
# Rows are written through to the disk once in this time.
NOTED_SECONDS = 1.0
# The longest side of a file, where it has less than 31 bits (JPEG, ITU T.81, B.2.2; the WebP container).
MAX_SIDES = {"jpg": 65_500, "webp": 16_383}
# Of formats that are encoded in memory only.
MAX_ENCODED = 2**30


class Canvas:
    """A result that is written from the top down, and has its own name once all of it is there.

        with Canvas(path, (height, width), form, recipe) as canvas:
            if not canvas.state:
                canvas.restart(statistics)
            for top in range(canvas.rows_done, height, 512):
                canvas.write_rows(top, form.numbers(...))
            canvas.finish()

    Until then its rows lie beside it in `.NAME.HASH.part`, hidden, as numbers; `.NAME.HASH.part.json` says how many of
    them are on the disk, and what they were made by. With the same recipe a later Canvas goes on after them, also after
    kill -9 or a power cut; with another one it begins anew.

    Args:
      path: of the result, in a folder that exists.
      shape: (height, width).
      form: of the file.
      recipe: whatever the numbers follow from.
      place: of the result on a map.
      pixel_size: how large a pixel is, for OME-TIFF and OME-Zarr.

    Attributes:
      rows_done: rows from the top that are on the disk.
      state: what `restart` was given to keep beside them; empty at first.

    Raises:
      InputError: the format cannot hold so large an image, another process writes it, or the disk has no room for it.
    """

    def __init__(
        self,
        path: pathlib.Path,
        shape: Size,
        form: ResultFormat,
        recipe: bytes = b"",
        place: GeoReference | None = None,
        pixel_size: PixelSize | None = None,
    ):
        check_size(shape, form)
        self.path = path
        self.form = form
        self.place = place
        self.pixel_size = pixel_size
        self.rows_done = 0
        self.state = b""
        self._is_finished = False
        self._noted_at = time.monotonic()
        self._rows = Rows((*shape, form.channels), form.dtype, self._read)
        self._recipe = hashlib.sha256(repr((recipe, shape, form.channels, form.dtype)).encode()).hexdigest()
        self._part, self._journal = part_names(path)
        # Not truncated: rows of an earlier process may be in it.
        self._file = open(self._part, "a+b", buffering=0)  # noqa: SIM115  # closed by __exit__
        try:
            self._lock()
            self._resume()
            self._check_disk()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Canvas":
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._is_finished and self.rows_done:
            with contextlib.suppress(OSError):
                self._note()
        self._file.close()

    def write_rows(self, top: int, numbers: np.ndarray) -> None:
        """Writes the next rows; they are safe after NOTED_SECONDS, and once the canvas is closed.

        Args:
          top: the first of them; must be rows_done.
          numbers: `(rows, width, channels)` as ResultFormat.numbers gives them.
        """
        height, width, channels = self._rows.shape
        if (
            top != self.rows_done
            or numbers.shape[1:] != (width, channels)
            or numbers.dtype != self._rows.dtype
            or top + len(numbers) > height
        ):
            raise ValueError(
                f"rows {numbers.shape} of {numbers.dtype} at {top} do not follow {self.rows_done} of {self._rows.shape}"
            )
        contents = memoryview(np.ascontiguousarray(numbers)).cast("B")
        written = 0
        while written < len(contents):
            written += self._file.write(contents[written:])
        self.rows_done += len(numbers)
        if time.monotonic() - self._noted_at > NOTED_SECONDS:
            self._note()

    def restart(self, state: bytes) -> None:
        """Forgets all rows; keeps what the next ones follow from beside the recipe, such as statistics."""
        self._file.truncate(0)
        self.rows_done, self.state = 0, state
        self._note()

    def finish(self) -> None:
        """Writes the file under its own name, and removes the rows beside it. All rows must be there."""
        if self.rows_done != self._rows.shape[0]:
            raise ValueError(f"{self.rows_done} of {self._rows.shape[0]} rows are written")
        if self.form.name == "zarr":
            zarr_image.write(self.path, self._rows, self.pixel_size)
        else:
            with whole_file(self.path) as temporary:
                self._encode(temporary)
            if self.place:
                self.place.write_side_cars(self.path)
        self._is_finished = True
        for path in (self._journal, self._part):
            path.unlink(missing_ok=True)

    def _encode(self, path: pathlib.Path) -> None:
        name, rows = self.form.name, self._rows
        tags = self.place.tags if self.place else ()
        if name in TIFF_FORMATS and rows.shape[0] * rows.row_bytes > MAX_IN_MEMORY:
            description = ome_of(rows.shape, rows.dtype, self.pixel_size) if name == "ome.tif" else None
            row_encoders.write_tiff(path, rows, tags, self.form.has_alpha, description)
        elif name == "png" and rows.shape[0] * rows.row_bytes > MAX_IN_MEMORY:
            row_encoders.write_png(path, rows, self.form.colors if self.form.has_palette else None)
        elif name == "npy":
            row_encoders.write_npy(path, rows)
        else:
            path.write_bytes(self.form.encode_numbers(self._read(0, rows.shape[0]), tags, self.pixel_size))

    def _read(self, top: int, bottom: int) -> np.ndarray:
        """Reads rows that were written."""
        _, width, channels = self._rows.shape
        contents = bytearray((bottom - top) * self._rows.row_bytes)
        self._file.seek(top * self._rows.row_bytes)
        done = 0
        while done < len(contents):
            count = self._file.readinto(memoryview(contents)[done:])
            if not count:
                raise OSError(f"{self._part} is cut short")
            done += count
        return np.frombuffer(contents, self._rows.dtype).reshape(bottom - top, width, channels)

    def _note(self) -> None:
        """Writes what is on the disk into the journal, after it is there."""
        os.fsync(self._file.fileno())
        noted = {
            "recipe": self._recipe,
            "rows_done": self.rows_done,
            "state": base64.b64encode(self.state).decode(),
        }
        write_whole(self._journal, json.dumps(noted), sync=True)
        self._noted_at = time.monotonic()

    def _resume(self) -> None:
        """Goes on after the rows of the same recipe; removes others."""
        rows_done = 0
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            noted = parse_json(self._journal.read_bytes())
            if noted["recipe"] == self._recipe:
                rows_done, self.state = int(noted["rows_done"]), base64.b64decode(noted["state"])
        length = os.fstat(self._file.fileno()).st_size
        if not 0 <= rows_done <= self._rows.shape[0] or length < rows_done * self._rows.row_bytes:
            rows_done, self.state = 0, b""
        self.rows_done = rows_done
        self._file.truncate(rows_done * self._rows.row_bytes)

    def _lock(self) -> None:
        """Raises InputError if another process writes this result; the lock ends with this process."""
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path} is being written by another process; wait for its end") from None
        except OSError:  # A file system without locks.
            return

    def _check_disk(self) -> None:
        missing = (self._rows.shape[0] - self.rows_done) * self._rows.row_bytes
        free = shutil.disk_usage(self.path.parent).free
        if missing > free:
            raise InputError(
                f"{self.path} needs {missing / GIB:.1f} GiB on the disk while it is made, and {free / GIB:.1f} are "
                "free; make room, or give another --output"
            )


def check_size(shape: Size, form: ResultFormat) -> None:
    """Raises InputError if files of a format cannot hold a result of this (height, width), or only in much memory."""
    size = shape[0] * shape[1] * form.channels * np.dtype(form.dtype).itemsize
    if max(shape) > MAX_SIDES.get(form.name, 2**31 - 1) or (form.name in MAX_SIDES and size > MAX_ENCODED):
        raise InputError(f"a result of {format_size(shape)} pixels is too large for {form.name}; give --format=tif")


def part_names(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Returns the hidden names of a result's rows and of their journal."""
    part = f".{path.name[:KEPT_CHARACTERS]}.{hashlib.sha256(path.name.encode()).hexdigest()[:8]}.part"
    return path.with_name(part), path.with_name(f"{part}.json")
