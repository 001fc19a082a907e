"""Translates pictures of every kind and size with a run's generator: arrays, files, videos."""

import collections
import concurrent.futures
import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from pipelines.images.array_file import encode_array
from pipelines.images.header import BadImageError
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size
from pipelines.stacks.stack import Stack, StackForm
from pipelines.storage.picture import is_larger_than_memory
from pipelines.storage.result_files import format_of_result, write_result
from pipelines.storage.video import open_video, write_video
from pipelines.system.disk import MIB, naming_full_disk
from pipelines.system.terminal import InputError, check_value, one_line, progress_bar
from tfpix2pix.config import Config
from tfpix2pix.translation.any_size import AnySize
from tfpix2pix.translation.fit_choice import FitChoice, source_format
from tfpix2pix.translation.large import LargePictures
from tfpix2pix.translation.memory_budget import pixels_that_fit, translation_bytes
from tfpix2pix.translation.options import SizeOptions
from tfpix2pix.translation.shared_statistics import SharedStatistics
from tfpix2pix.translation.stack_results import check_stacks, kind_of, translate_stack
from tfpix2pix.translation.uncertain_results import Uncertainty
from tfpix2pix.translation.whole import Picture, Result, WholePictures

# A file by its path, the bytes of a file, or an array (H, W, C) or (H, W).
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | np.ndarray
# Results that wait to be written, at most.
WAITING = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Translator:
    """Translates pictures whole, in batches, where they fit into memory, and in tiles where not.

    Attributes:
      config: of the run.
      generate: its generator, for all sizes.
      tile_network: the same for tiles of a side.
      recipe: tells generators apart, as LargePictures has it.
      fit: how pictures meet the network.
      image_size: (height, width) that they are resized to, if the user said so.
      options: of sizes.
      pairs: whether each picture is a side-by-side pair, whose source half is translated.
      batch_size: pictures at a time, at most.
      max_pixels: refuse larger pictures; None: as in the run's config.
      uncertainty: is estimated, and becomes further channels of results.

    Raises:
      InputError: a number is not allowed.
    """

    config: Config
    generate: AnySize
    tile_network: Callable[[int], SharedStatistics]
    recipe: str
    fit: FitChoice
    image_size: Size | None
    options: SizeOptions
    pairs: bool
    batch_size: int
    max_pixels: int | None
    uncertainty: Uncertainty | None = None

    def __post_init__(self) -> None:
        check_value("batch_size", self.batch_size, least=1)
        if self.max_pixels is not None:
            check_value("max_pixels", self.max_pixels, least=1)
        if self.fit.name == "tile":
            _ = self._tiles  # refuses tiles that do not suit, also if there is nothing to do

    def images(
        self, images: Sequence[ImageLike], numbers: Callable[[tf.Tensor], np.ndarray], place: str = "images[{}]"
    ) -> list[np.ndarray]:
        """Translates images in memory.

        Args:
          images: as Run.translate has them.
          numbers: converts results `(H, W, C)` from [-1, 1].
          place: names an image without a file by its place, in errors.

        Raises:
          InputError: one cannot be read; names its file or place.
        """
        names = [_name(image, place.format(i)) for i, image in enumerate(images)]
        encoded = [_encoded(image, name) for image, name in zip(images, names, strict=True)]
        for image in encoded:
            if isinstance(image, pathlib.Path) and kind_of(image, self._stack_form) is Stack:
                raise InputError(f"{image} is a stack, and becomes a file; give it to translate_files")
        small, large = self._divided(encoded, names)
        found: dict[int, np.ndarray] = {}
        results = self._whole.translate([encoded[i] for i in small], list(small.values()))
        for i, result in zip(small, results, strict=True):
            if isinstance(result, BadImageError):
                raise InputError(f"{names[i]}: {result.reason}")
            found[i] = numbers(result)
        for i in large:
            try:
                found[i] = self._tiles.translate_array(self._whole.read_own(encoded[i]), numbers)
            except BadImageError as error:
                raise InputError(f"{names[i]}: {error.reason}") from None
        return [found[i] for i in range(len(encoded))]

    def files(
        self, outputs: dict[pathlib.Path, pathlib.Path], result_format: Callable[[str], ResultFormat]
    ) -> tuple[dict[pathlib.Path, str], list[pathlib.Path]]:
        """Translates files into files, as Run.translate_files has it.

        Args:
          outputs: image file to result file.
          result_format: by the name of a format.
        """
        bad: dict[pathlib.Path, str] = {}
        unplaced: list[pathlib.Path] = []
        forms = {path: result_format(format_of_result(path)) for path in outputs.values()}
        found = {file: kind_of(file, self._stack_form) for file in outputs}
        stacks = [file for file, kind in found.items() if kind is Stack]
        bad.update({file: kind.reason for file, kind in found.items() if isinstance(kind, BadImageError)})
        if stacks:
            check_stacks(self.pairs, self.options.output_size, self.uncertainty is not None)
        files = [file for file in outputs if file not in bad and file not in stacks]
        small, large = self._divided(files, [str(file) for file in files])

        def write(file: pathlib.Path, result: Result) -> None:
            if isinstance(result, BadImageError):
                bad[file] = result.reason
                return
            path = outputs[file]
            image = self.uncertainty.write(file, path, result, self.pairs) if self.uncertainty else result
            if not write_result(file, path, image, forms[path], self.pairs):
                unplaced.append(file)

        folder = os.path.commonpath([path.parent for path in outputs.values()]) if outputs else "."
        with (
            naming_full_disk(pathlib.Path(folder), "the results"),
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        ):
            writing: collections.deque[concurrent.futures.Future[None]] = collections.deque()
            results = self._whole.translate([files[i] for i in small], list(small.values()))
            for i, result in zip(small, progress_bar(results, "translating", len(small)), strict=True):
                writing.append(pool.submit(write, files[i], result))
                if len(writing) > WAITING:
                    writing.popleft().result()
            for future in writing:
                future.result()
            for file in (files[i] for i in large):
                path = outputs[file]
                too_large = f", as a whole it takes more than {self._mib(self._whole.room):,} MiB of memory"
                why = "" if self.fit.name == "tile" or self._has_windows_alone(file) else too_large
                print(one_line(f"{file} -> {path}, in tiles of {self.options.tile}{why}"), flush=True)
                try:
                    if not self._tiles.translate_file(file, path, forms[path]):
                        unplaced.append(file)
                except BadImageError as error:
                    bad[file] = error.reason
            for file in stacks:
                try:
                    self.stack(file, outputs[file], forms[outputs[file]])
                except BadImageError as error:
                    bad[file] = error.reason
        return bad, unplaced

    def stack(self, file: pathlib.Path, path: pathlib.Path, form: ResultFormat) -> None:
        """Translates a stack into a file; raises BadImageError if it cannot be read."""

        def translate(slices: Sequence[bytes]) -> list[np.ndarray]:
            try:
                return self.images(slices, form.numbers, "its slices")
            except InputError as error:
                raise BadImageError(str(error)) from None

        translate_stack(
            Stack(file, self._stack_form),
            path,
            form,
            translate,
            context=self.config.source_context,
            batch_size=self.batch_size,
            recipe=repr((self.recipe, self.fit, self.image_size, self.options.tile, self.options.overlap)),
        )

    @functools.cached_property
    def _stack_form(self) -> StackForm:
        form = self.config.stack_form("source")
        return dataclasses.replace(form, max_pixels=self.max_pixels or form.max_pixels)

    def video(self, source: pathlib.Path, path: pathlib.Path) -> int:
        """Translates a video into another, as Run.translate_video has it; returns the number of frames."""
        display = self.config.display("target")
        count = 0
        try:
            with (
                open_video(source, self._whole.form.max_pixels) as video,
                naming_full_disk(path.parent, "the result"),
                write_video(path, video.rate) as writer,
            ):
                frames = iter(progress_bar(video.frames(), "frames", video.count))
                while some := list(itertools.islice(frames, self.batch_size)):
                    for image in self.images(some, np.asarray, "frame"):
                        writer.add(display.to_rgb(image[None])[0])
                    count += len(some)
        except BadImageError as error:
            raise InputError(f"{source}: {error.reason}") from None
        return count

    @functools.cached_property
    def _whole(self) -> WholePictures:
        config = dataclasses.replace(self.config, max_pixels=self.max_pixels or self.config.max_pixels)
        return WholePictures(
            self.uncertainty.wrap(self.generate) if self.uncertainty else self.generate,
            source_format(config, self.fit.name, self.image_size),
            self.pairs,
            config.multiple,
            self.options,
            pixels_that_fit(self.config, self.options.memory_mib),
            self.batch_size,
        )

    @functools.cached_property
    def _tiles(self) -> LargePictures:
        form = self._whole.form
        return LargePictures(
            self.tile_network(self.options.tile),
            form.source,
            form.sides()[0] if self.pairs else "",
            self._whole.step,
            self.options,
            self._whole.room,
            self.recipe,
            self.uncertainty,
        )

    def _has_windows_alone(self, picture: Picture) -> bool:
        """Tells whether a picture would be refused as a whole, and is a file of which windows can be read."""
        return isinstance(picture, pathlib.Path) and is_larger_than_memory(picture, self._whole.form.source)

    def _divided(self, pictures: Sequence[Picture], names: Sequence[str]) -> tuple[dict[int, int], list[int]]:
        """Divides pictures into those that are translated whole and those in tiles.

        Returns:
          The places of the former, with the pixels of each, and of the latter.

        Raises:
          InputError: a picture needs tiles, and they were refused, by fit=pad, or do not suit.
        """
        pixels = dict(enumerate(map(self._whole.pixels, pictures)))
        room, tile = self._whole.room, self.options.tile**2
        if self.options.fit == "pad":
            for i, own in pixels.items():
                if own > room:
                    raise InputError(
                        f"{names[i]} needs {self._mib(own):,} MiB of memory as a whole, and {self._mib(room):,} are "
                        "allowed; give --fit=tile, or more --memory_mib"
                    )
        if self.fit.name == "resize" or self.options.fit == "pad":
            return pixels, []
        # What is no larger than a tile takes no more memory than a tile.
        most = tile if self.fit.name == "tile" else max(room, tile)
        large = [i for i, own in pixels.items() if own > most or self._has_windows_alone(pictures[i])]
        if large:
            _ = self._tiles  # so that options that do not suit are refused before any work
        small = pixels.keys() - large
        return {i: own for i, own in pixels.items() if i in small}, large

    def _mib(self, pixels: int) -> int:
        return translation_bytes(self.config, pixels) // MIB


def _name(image: object, otherwise: str) -> str:
    return str(image) if isinstance(image, str | os.PathLike) else otherwise


def _encoded(image: ImageLike, name: str) -> pathlib.Path | bytes:
    """Returns a path or the bytes of a file; an array becomes a file, so that it is read as one."""
    if isinstance(image, str | os.PathLike):
        return pathlib.Path(image)
    if isinstance(image, bytes):
        return image
    try:
        return encode_array(np.asarray(image))
    except ValueError as error:
        raise InputError(
            f"{name} is {type(image).__name__}, and as an array {error}; give a path, the bytes of a file, or an array "
            "of numbers, (H, W) or (H, W, C)"
        ) from None
