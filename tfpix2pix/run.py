"""A trained run in Python: its generator, and images through it.

run = load_run("runs/facades")
image = run.translate("labels/a.png")          # (H, W, C), uint8 or the type of the targets
images = run.translate(["a.png", "b.png"])     # a list of them
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import keras
import numpy as np
import tensorflow as tf

from pipelines.images import result_format
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size, next_multiple, parse_size
from pipelines.system.terminal import check_value
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.networks.folded import folded
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.shared import find_run
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.translation import uncertain_results
from tfpix2pix.translation.any_size import AnySize
from tfpix2pix.translation.fit_choice import FitChoice, choose_fit
from tfpix2pix.translation.options import SizeOptions
from tfpix2pix.translation.shared_statistics import SharedStatistics
from tfpix2pix.translation.translator import ImageLike, Translator
from tfpix2pix.translation.uncertain_results import Uncertainty


def load_run(
    run_dir: str | os.PathLike[str],
    checkpoint: str | int = "best",
    *,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    image_size: Size | None = None,
    axes: str | None = None,
) -> "Run":
    """Loads the generator of a training, also of one that is still running.

        run = tfpix2pix.load_run("runs/facades")
        print(run.step, run.metrics["l1"])
        run.generator.summary()

    Args:
      run_dir: the run directory that `train` wrote, a folder that export.card wrote, or `hf://OWNER/NAME`, such a
        folder on Hugging Face.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      image_size: (height, width) that pictures are resized to before they are translated; by default none, and `fit`
        of `translate` says what is done.
      axes: of TIFF and NPY files that do not say, such as `CYX`, or `ZYX` of stacks; by default as in the run's config.

    Raises:
      InputError: there is no such run or checkpoint, or an argument does not fit.
    """
    if norm_statistics is not None:
        check_value("norm_statistics", norm_statistics, choices=NORM_STATISTICS)
    if image_size is not None:
        image_size = parse_size("image_size", image_size)
    folder = find_run(run_dir)
    generator, config, step = load_generator(
        folder, str(checkpoint), (None, None), norm_statistics, dropout_at_inference
    )
    if axes is not None:
        config = dataclasses.replace(config, axes=axes)
    return Run(folder, config, generator, step, Checkpoints(folder).validation(step), image_size)


class Estimate(NamedTuple):
    """A translated image and how sure the run is of it; made by `Run.translate_with_uncertainty`.

    Attributes:
      image: the mean, `(H, W, C)`, the numbers of a file.
      uncertainty: standard deviation or entropy, `(H, W, C)` or `(H, W, 1)`, float32.
    """

    image: np.ndarray
    uncertainty: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run with the generator of one of its checkpoints; made by `load_run`.

    Attributes:
      run_dir: the run directory.
      config: the run's options.
      generator: maps sources `(N, H, W, source_channels)` to images `(N, H, W, target_channels)`, both in [-1, 1];
        H and W are multiples of config.multiple.
      step: the checkpoint's.
      metrics: the validation metrics of that step by name, such as `l1`; empty if it was not validated.
      image_size: (height, width) that pictures are resized to; None if nothing was said.
    """

    run_dir: pathlib.Path
    config: Config = dataclasses.field(repr=False)
    generator: keras.Model = dataclasses.field(repr=False)
    step: int
    metrics: dict[str, float]
    image_size: Size | None = None

    @overload
    def translate(
        self, images: ImageLike, *, pairs: bool = ..., batch_size: int = ..., max_pixels: int | None = ..., **sizes: Any
    ) -> np.ndarray: ...

    @overload
    def translate(
        self,
        images: list[str] | list[pathlib.Path] | list[bytes] | list[np.ndarray] | list[ImageLike],
        *,
        pairs: bool = ...,
        batch_size: int = ...,
        max_pixels: int | None = ...,
        **sizes: Any,
    ) -> list[np.ndarray]: ...

    def translate(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        pairs: bool = False,
        batch_size: int = 1,
        max_pixels: int | None = None,
        **sizes: Any,
    ) -> np.ndarray | list[np.ndarray]:
        """Translates an image, or each image of a list, as the command `translate` does.

            image = run.translate("labels/a.png")
            images = run.translate([pathlib.Path("a.jpg"), png_bytes, np.zeros((256, 256, 3), np.uint8)])
            small = run.translate("labels/a.png", fit="resize", output_size="network")

        Args:
          images: a path, the bytes of a file, an array `(H, W, C)` or `(H, W)`, or a list of such. An array holds the
            numbers of a file: uint8 and uint16 are read as a PNG with 1 to 4 channels is, all others as an NPY file is.
          pairs: whether each image is a side-by-side pair, whose source half is translated.
          batch_size: images that are translated at a time, at most; large ones are translated alone. More is faster on
            a GPU; sums are then taken in another order, which may round a value to the next level.
          max_pixels: refuse larger images; by default as in the run's config.
          **sizes: fields of SizeOptions, as `translate --help` explains them: fit, output_size, tile, overlap,
            memory_mib.

        Returns:
          An array `(height, width, target_channels)` of the picture's size, or of output_size, with the numbers of a
          target's file: uint8, or the config's target_type; of a label map `(height, width, 1)`, its classes. For a
          list, a list.

        Raises:
          InputError: an image cannot be read; it names the file, or the place in the list.
        """
        numbers = self.result_format("npy").numbers
        translator = self._translator(sizes, pairs, batch_size, max_pixels)
        if isinstance(images, list | tuple):
            return translator.images(images, numbers)
        one: Any = images
        return translator.images([one], numbers, "image")[0]

    def translate_with_uncertainty(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        samples: int | None = None,
        tta: bool = False,
        pairs: bool = False,
        batch_size: int = 1,
        max_pixels: int | None = None,
        **sizes: Any,
    ) -> "Estimate | list[Estimate]":
        """Translates images several times, and tells how much the results differ.

            run = load_run("runs/facades", dropout_at_inference=True)
            image, deviation = run.translate_with_uncertainty("labels/a.png", samples=16, tta=True)

        Args:
          images: as `translate` has it.
          samples: dropout masks, for which the run has to be loaded with dropout_at_inference; None: 8, or 1 if the
            run has no dropout.
          tta: whether to translate each image in all the ways that training mirrored and turned its pairs.
          pairs: as `translate` has it.
          batch_size: as `translate` has it.
          max_pixels: as `translate` has it.
          **sizes: as `translate` has it.

        Returns:
          The mean, as `translate` returns images, and beside it, `(height, width, target_channels)` float32, the
          standard deviation in the same units; of a label map the classes of the mean probabilities, and
          `(height, width, 1)` their entropy, from 0 to 1. For a list, a list.

        Raises:
          InputError: an image cannot be read, or there is only one way to translate it.
        """
        uncertainty = self.uncertainty(samples, tta)
        numbers = self.result_format("npy").numbers

        def estimate(both: np.ndarray) -> Estimate:
            image, beside = uncertainty.split(tf.constant(both))
            return Estimate(numbers(image), uncertainty.form.numbers(beside))

        translator = self._translator(sizes, pairs, batch_size, max_pixels, uncertainty)
        if isinstance(images, list | tuple):
            return [estimate(both) for both in translator.images(images, np.asarray)]
        one: Any = images
        return estimate(translator.images([one], np.asarray, "image")[0])

    @property
    def which_step(self) -> str:
        """Says which step it is, and, if the best and the newest differ, which of them and by which metric."""
        return Checkpoints(self.run_dir, best_by=self.config.best_by).words(self.step)

    def uncertainty(self, samples: int | None = None, tta: bool = False) -> Uncertainty:
        """Tells over what uncertainty is estimated; the arguments and errors are `translate_with_uncertainty`'s."""
        return uncertain_results.choose(self.config, self.generator, samples, tta)

    def translate_files(
        self,
        outputs: dict[pathlib.Path, pathlib.Path],
        *,
        pairs: bool = False,
        batch_size: int = 1,
        max_pixels: int | None = None,
        uncertainty: Uncertainty | None = None,
        **sizes: Any,
    ) -> tuple[dict[pathlib.Path, str], list[pathlib.Path]]:
        """Translates files into files, each whole or not at all.

        Args:
          outputs: image file to result file, with the suffix of its `result_format`, in a folder that exists.
          pairs: as `translate` has it.
          batch_size: as `translate` has it.
          max_pixels: as `translate` has it.
          uncertainty: is written beside each result.
          **sizes: as `translate` has it.

        Returns:
          The files that cannot be read, with the reason; and the files whose place on a map was not carried over.
        """
        translator = self._translator(sizes, pairs, batch_size, max_pixels, uncertainty)
        return translator.files(outputs, self.result_format)

    def translate_video(
        self,
        source: str | os.PathLike[str],
        path: str | os.PathLike[str],
        *,
        pairs: bool = False,
        batch_size: int = 1,
        max_pixels: int | None = None,
        **sizes: Any,
    ) -> int:
        """Translates a video frame by frame into another, without its sound; load the run with moving statistics.

            run = load_run("runs/facades", norm_statistics="moving")
            run.translate_video("clip.mp4", "translated.mp4")

        Args:
          source: an MP4, MOV, MKV, WebM or AVI file.
          path: of the result: H.264 in MP4, with as many frames a second, in which images look as in reports.
          pairs: as `translate` has it.
          batch_size: as `translate` has it.
          max_pixels: as `translate` has it.
          **sizes: as `translate` has it.

        Returns:
          The number of frames.

        Raises:
          InputError: PyAV is not installed, or the video or a frame of it cannot be read.
        """
        translator = self._translator(sizes, pairs, batch_size, max_pixels)
        return translator.video(pathlib.Path(source), pathlib.Path(path))

    def result_format(self, name: str = "auto") -> ResultFormat:
        """Returns the kind of file that results become; raises InputError if it cannot hold them.

        Args:
          name: png, jpg, tif, npy, webp, ome.tif, zarr, or auto: PNG if that can hold the targets' numbers, else TIFF.
        """
        return result_format.choose(name, self.config.image_format("target"), self.config.result_type)

    @functools.cache  # noqa: B019  # a run lives as long as its network
    def fit_choice(self, asked: str = "auto") -> FitChoice:
        """Tells how pictures meet the network, and why; raises InputError if what is asked does not go with the run.

        Args:
          asked: `auto`, `pad`, `resize` or `tile`.
        """
        return choose_fit(self.config, self.run_dir, asked, self.image_size)

    def _translator(
        self,
        sizes: dict[str, Any],
        pairs: bool,
        batch_size: int,
        max_pixels: int | None,
        uncertainty: Uncertainty | None = None,
    ) -> Translator:
        options = SizeOptions(**sizes)
        return Translator(
            self.config,
            self._generate,
            self._tile_network,
            self._recipe,
            self.fit_choice(options.fit),
            self.image_size,
            options,
            pairs,
            batch_size,
            max_pixels,
            uncertainty,
        )

    @functools.cache  # noqa: B019  # a run lives as long as its network
    def _tile_network(self, tile: int) -> SharedStatistics:
        return SharedStatistics(self.generator, (tile, tile), self._generate)

    @functools.cached_property
    def _recipe(self) -> str:
        return f"{self.run_dir.resolve()} {self.step} {self.generator.get_config()}"

    @functools.cached_property
    def _generate(self) -> AnySize:
        step = self.config.multiple
        # Sources are reflected when they are read, such that those of several sizes share a batch.
        native = next_multiple(self.image_size or self.config.scale_size, step)
        return AnySize(folded(self.generator), step, native)
