"""A trained run in Python: its generator, and images through it.

run = load_run("runs/facades")
image = run.translate("labels/a.png")          # (H, W, C), uint8 or the type of the targets
images = run.translate(["a.png", "b.png"])     # a list of them
"""

import concurrent.futures
import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, overload

import keras
import numpy as np
import tensorflow as tf

from pipelines.images import fit, result_format, transforms
from pipelines.images.array_file import encode_array
from pipelines.images.choices import OWN_SHAPE
from pipelines.images.header import DAMAGED, BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size, parse_size
from pipelines.images.whole_source import read_whole_source
from pipelines.storage.result_files import write_result
from pipelines.storage.validity import read_file
from pipelines.system.disk import naming_full_disk
from pipelines.system.terminal import InputError, check_value, progress_bar
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator

# A file by its path, the bytes of a file, or an array (H, W, C) or (H, W).
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | np.ndarray
# A result in [-1, 1], (H, W, C), or why there is none.
Result: TypeAlias = tf.Tensor | BadImageError


@dataclasses.dataclass(frozen=True)
class Source:
    """What the generator translates.

    Attributes:
      image: `(H, W, source_channels)` in [-1, 1].
      window: (top, left, height, width) of the picture in it; around it are a border or reflections.
    """

    image: tf.Tensor
    window: tf.Tensor

    @property
    def shape(self) -> Size:
        """(height, width) of the image."""
        return self.image.shape[0], self.image.shape[1]


def load_run(
    run_dir: str | os.PathLike[str],
    checkpoint: str | int = "best",
    *,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    image_size: Size | None = None,
) -> "Run":
    """Loads the generator of a training, also of one that is still running.

        run = tfpix2pix.load_run("runs/facades")
        print(run.step, run.metrics["l1"])
        run.generator.summary()

    Args:
      run_dir: the run directory that `train` wrote.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      image_size: (height, width) that images are resized to, multiples of 2^depth; by default training's, or with a
        preprocess that keeps shapes, such as crop, none: whole pictures at the scale of training.

    Raises:
      InputError: there is no such run or checkpoint, or an argument does not fit.
    """
    if norm_statistics is not None:
        check_value("norm_statistics", norm_statistics, choices=NORM_STATISTICS)
    if image_size is not None:
        image_size = parse_size("image_size", image_size)
    folder = pathlib.Path(run_dir)
    keeps_shape = image_size is None and config_json.load(folder).preprocess in OWN_SHAPE
    generator, config, step = load_generator(
        folder, str(checkpoint), (None, None) if keeps_shape else image_size, norm_statistics, dropout_at_inference
    )
    metrics = Checkpoints(folder).validation(step)
    return Run(folder, config, generator, step, metrics, image_size or config.image_size)


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run with the generator of one of its checkpoints; made by `load_run`.

    Attributes:
      run_dir: the run directory.
      config: the run's options.
      generator: maps sources `(N, H, W, source_channels)` to images `(N, H, W, target_channels)`, both in [-1, 1].
      step: the checkpoint's.
      metrics: the validation metrics of that step by name, such as `l1`; empty if it was not validated.
      image_size: (height, width) that images are resized to; in a run that keeps shapes, that of training's crops.
    """

    run_dir: pathlib.Path
    config: Config = dataclasses.field(repr=False)
    generator: keras.Model = dataclasses.field(repr=False)
    step: int
    metrics: dict[str, float]
    image_size: Size

    @property
    def keeps_shape(self) -> bool:
        """Whether images are translated whole, at their own scale."""
        return self.generator.input_shape[1] is None

    @overload
    def translate(
        self, images: ImageLike, *, pairs: bool = ..., batch_size: int = ..., max_pixels: int | None = ...
    ) -> np.ndarray: ...

    @overload
    def translate(
        self,
        images: list[str] | list[pathlib.Path] | list[bytes] | list[np.ndarray] | list[ImageLike],
        *,
        pairs: bool = ...,
        batch_size: int = ...,
        max_pixels: int | None = ...,
    ) -> list[np.ndarray]: ...

    def translate(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        pairs: bool = False,
        batch_size: int = 8,
        max_pixels: int | None = None,
    ) -> np.ndarray | list[np.ndarray]:
        """Translates an image, or each image of a list, as the command `translate` does.

            image = run.translate("labels/a.png")
            images = run.translate([pathlib.Path("a.jpg"), png_bytes, np.zeros((256, 256, 3), np.uint8)])

        Args:
          images: a path, the bytes of a file, an array `(H, W, C)` or `(H, W)`, or a list of such. An array holds the
            numbers of a file: uint8 and uint16 are read as a PNG with 1 to 4 channels is, all others as an NPY file is.
          pairs: whether each image is a side-by-side pair, whose source half is translated.
          batch_size: images that are translated at a time.
          max_pixels: refuse larger images; by default as in the run's config.

        Returns:
          An array `(height, width, target_channels)` of image_size, or of the picture's if the run keeps shapes,
          with the numbers of a target's file: uint8, or the config's target_type; of a label map `(height, width, 1)`,
          its classes. For a list, a list.

        Raises:
          InputError: an image cannot be read; it names the file, or the place in the list.
        """
        several: list[Any] = list(images) if isinstance(images, list | tuple) else [images]
        places = [f"images[{i}]" for i in range(len(several))] if isinstance(images, list | tuple) else ["image"]
        names = [_name(image, place) for image, place in zip(several, places, strict=True)]
        encoded = [_encoded(image, name) for image, name in zip(several, names, strict=True)]
        found: list[np.ndarray] = []
        for batch in self._batches(encoded, pairs, batch_size, max_pixels):
            for result in batch:
                if isinstance(result, BadImageError):
                    raise InputError(f"{names[len(found)]}: {result.reason}")
                found.append(self.result_format("npy").numbers(result))
        return found if isinstance(images, list | tuple) else found[0]

    def translate_files(
        self,
        outputs: dict[pathlib.Path, pathlib.Path],
        *,
        pairs: bool = False,
        batch_size: int = 8,
        max_pixels: int | None = None,
    ) -> tuple[dict[pathlib.Path, str], list[pathlib.Path]]:
        """Translates files into files, each whole or not at all.

        Args:
          outputs: image file to result file, with the suffix of its `result_format`, in a folder that exists.
          pairs: as `translate` has it.
          batch_size: as `translate` has it.
          max_pixels: as `translate` has it.

        Returns:
          The files that cannot be read, with the reason; and the files whose place on a map was not carried over.
        """
        bad: dict[pathlib.Path, str] = {}
        unplaced: list[pathlib.Path] = []
        formats = {suffix: self.result_format(suffix[1:]) for suffix in {path.suffix for path in outputs.values()}}

        def write(file: pathlib.Path, result: Result) -> None:
            if isinstance(result, BadImageError):
                bad[file] = result.reason
            elif not write_result(file, outputs[file], result, formats[outputs[file].suffix], pairs):
                unplaced.append(file)

        files = list(outputs)
        batches = self._batches(files, pairs, batch_size, max_pixels)
        count = -(-len(files) // batch_size)
        folder = os.path.commonpath([path.parent for path in outputs.values()]) if outputs else "."
        with (
            naming_full_disk(pathlib.Path(folder), "the results"),
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        ):
            for i, batch in enumerate(progress_bar(batches, "translating", count)):
                list(pool.map(write, files[i * batch_size :], batch))
        return bad, unplaced

    def result_format(self, name: str = "auto") -> ResultFormat:
        """Returns the kind of file that results become; raises InputError if it cannot hold them.

        Args:
          name: png, jpg, tif, npy, webp, or auto: PNG if that can hold the targets' numbers, else TIFF.
        """
        return result_format.choose(name, self.config.image_format("target"), self.config.result_type)

    def _batches(
        self, images: Sequence[pathlib.Path | bytes], pairs: bool, batch_size: int, max_pixels: int | None
    ) -> Iterator[list[Result]]:
        """Yields the results of each batch in [-1, 1], or errors; reads a batch while the one before is translated."""
        check_value("batch_size", batch_size, least=1)
        if max_pixels is not None:
            check_value("max_pixels", max_pixels, least=1)
        config = dataclasses.replace(self.config, max_pixels=max_pixels or self.config.max_pixels)
        read = functools.partial(_source, form=self._form(config), pairs=pairs, step=2**config.depth)
        chunks = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            ahead = [pool.submit(read, image) for image in chunks[0]] if chunks else []
            for following in [*chunks[1:], []]:
                sources = [future.result() for future in ahead]
                ahead = [pool.submit(read, image) for image in following]
                good = [source for source in sources if not isinstance(source, BadImageError)]
                generated = iter(self._translated(good, batch_size))
                yield [source if isinstance(source, BadImageError) else next(generated) for source in sources]

    def _form(self, config: Config) -> PairFormat:
        """Tells how sources are read: as validation has it, or resized to an image_size that load_run was given."""
        form = config.pair_format(self.image_size)
        is_resized = config.preprocess in OWN_SHAPE and None not in self.generator.input_shape[1:3]
        return dataclasses.replace(form, preprocess="resize_and_crop") if is_resized else form

    def _translated(self, sources: Sequence[Source], batch_size: int) -> list[tf.Tensor]:
        """Translates sources; those of one shape together, but no more pixels than a batch of image_size has."""
        results: dict[int, Result] = {}
        room = batch_size * math.prod(self.image_size)
        for shape in dict.fromkeys(source.shape for source in sources):
            places = [i for i, source in enumerate(sources) if source.shape == shape]
            count = min(batch_size, max(1, room // math.prod(shape)))
            for some in (places[i : i + count] for i in range(0, len(places), count)):
                generated = self._generate(tf.stack([sources[i].image for i in some]))
                results.update((i, fit.cut(image, sources[i].window)) for i, image in zip(some, generated, strict=True))
        return [results[i] for i in range(len(sources))]

    @functools.cached_property
    def _generate(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return tf.function(lambda sources: self.generator(sources, training=False), reduce_retracing=True)


def _source(image: pathlib.Path | bytes, form: PairFormat, pairs: bool, step: int) -> Source | BadImageError:
    """Reads the source from a file or its bytes; returns the error if it cannot be read."""

    def decode(contents: bytes) -> Source:
        source, window = read_whole_source(form, tf.constant(contents), pairs, step)
        return Source(transforms.normalize(source), window)

    try:
        return decode(image) if isinstance(image, bytes) else read_file(image, decode, form.max_pixels)
    except BadImageError as error:
        return error
    except tf.errors.InvalidArgumentError:
        return BadImageError(DAMAGED)


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
