"""Chooses over what the uncertainty of a run's results is estimated, and writes it beside them."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from pipelines.images import codecs
from pipelines.images.image_format import ImageFormat
from pipelines.images.result_format import ResultFormat
from pipelines.storage.result_files import write_result
from pipelines.system.disk import whole_file
from pipelines.system.terminal import InputError, check_value
from tfpix2pix.config import Config
from tfpix2pix.networks.layers.dropout import Dropout
from tfpix2pix.translation.shared_statistics import TileNetwork
from tfpix2pix.translation.tiled import Canvas
from tfpix2pix.translation.uncertainty import (
    AS_IT_IS,
    Generate,
    Symmetry,
    entropy,
    estimate,
    heat_map,
    training_symmetries,
)

# Dropout masks, if nobody says how many.
SAMPLES = 8
# The share of its largest value at which a deviation gets the brightest color of heat maps: an eighth of the range of
# targets.
BRIGHTEST = 0.25


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """How the uncertainty of results is estimated; made by `choose`.

    Results carry it as further channels, so that what cuts and resizes images, all of which is linear, does so with it
    too. It is in [-1, 1] then: -1 is certain.

    Attributes:
      samples: dropout masks for each symmetry.
      symmetries: ways to lay sources.
      target: how the targets' files became what the generator learned.
      dtype: of the targets' files.
    """

    samples: int
    symmetries: Sequence[Symmetry]
    target: ImageFormat
    dtype: str

    def __str__(self) -> str:
        """Says over what it is taken, such as "8 dropout masks x 2 mirrors and turns"."""
        masks = [f"{self.samples} dropout masks"] if self.samples > 1 else []
        turns = [f"{len(self.symmetries)} mirrors and turns, those of training"] if len(self.symmetries) > 1 else []
        return " x ".join(masks + turns) or "one pass"

    @property
    def name(self) -> str:
        """What it is: `std`, the standard deviation, or `entropy` of label maps. Results have it in their names."""
        return "entropy" if self.target.labels else "std"

    @property
    def largest(self) -> float:
        """The largest value, in the units of the targets' files: half their range, or 1."""
        if self.target.labels:
            return 1.0
        kind = tf.as_dtype(self.dtype)
        low, high = self.target.value_range or ((0, kind.max) if kind.is_integer else (0, 1))
        return (high - low) / 2

    @property
    def form(self) -> ResultFormat:
        """The files that hold its numbers: TIFF of floats, in the units of the targets' files."""
        channels = 1 if self.target.labels else self.target.channels
        return ResultFormat("tif", ImageFormat(channels, value_range=(0.0, self.largest)), "float32")

    def wrap(self, generate: Generate) -> Generate:
        """Returns a generator of the mean with the deviation behind it, `(N, H, W, 2 x C)`; of labels, the mean."""

        def passes(sources: tf.Tensor) -> tf.Tensor:
            moments = estimate(generate, sources, self.samples, self.symmetries)
            if self.target.labels:
                return moments.mean
            return tf.concat([moments.mean, 2 * tf.minimum(moments.deviation(), 1.0) - 1], axis=-1)

        return passes

    def split(self, result: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Splits what `wrap` returned, `(..., C)`, into the image and its uncertainty, both in [-1, 1]."""
        if self.target.labels:
            return result, 2 * entropy(result) - 1
        image, deviation = tf.split(result, 2, axis=-1)
        return image, deviation

    def wrap_tiles(self, network: TileNetwork) -> TileNetwork:
        """Returns a network whose tiles are what `wrap` makes of them."""
        return _UncertainTiles(network, self)

    def on_two(self, image: Canvas, uncertainty: Canvas, form: ResultFormat) -> Canvas:
        """Returns a canvas for what `wrap` makes, in [-1, 1], that gives others the numbers of each.

        Args:
          image: takes the numbers of `form`.
          uncertainty: takes those of `self.form`.
          form: of the image.
        """
        return _TwoCanvases(self, image, uncertainty, form)

    def file_beside(self, path: pathlib.Path) -> pathlib.Path:
        """Returns the file for the numbers beside a result; the picture has `.png` instead."""
        return path.with_name(f"{path.stem.removesuffix('.ome')}_{self.name}.tif")

    def check_names(self, paths: Iterable[pathlib.Path]) -> None:
        """Raises InputError if a result has the name of another's uncertainty."""
        names = set(paths)
        for path in names:
            numbers = self.file_beside(path)
            if both := names & {numbers, numbers.with_suffix(".png")}:
                raise InputError(
                    f"the uncertainty of {path} would become {both.pop()}, a result; rename one of the two"
                )

    def write(self, source: pathlib.Path, path: pathlib.Path, result: tf.Tensor, is_pair: bool) -> tf.Tensor:
        """Writes the files of uncertainty beside a result; returns the image.

        Args:
          source: the file that was translated.
          path: of the image.
          result: of `wrap`, `(H, W, C)`.
          is_pair: whether half of the source was translated.
        """
        image, uncertainty = self.split(result)
        write_result(source, self.file_beside(path), uncertainty, self.form, is_pair)
        self.write_picture(self.form.numbers(uncertainty), path)
        return image

    def write_picture(self, numbers: np.ndarray, path: pathlib.Path) -> None:
        """Draws numbers `(H, W, C)` for people, in a PNG beside a result."""
        brightest = self.largest * (1 if self.target.labels else BRIGHTEST)
        with whole_file(self.file_beside(path).with_suffix(".png")) as temporary:
            temporary.write_bytes(codecs.encode(heat_map(numbers, brightest), "png"))


def choose(config: Config, generator: keras.Model, samples: int | None, tta: bool) -> Uncertainty:
    """Chooses over what the uncertainty of a run's results is estimated.

    Args:
      config: of the run.
      generator: of the run.
      samples: dropout masks; None: SAMPLES if the run has dropout.
      tta: whether over the mirrors and turns that training used, too.

    Raises:
      InputError: the run has nothing to estimate it by.
    """
    layers = [layer for layer in generator.layers if isinstance(layer, Dropout)]
    if samples is None:
        samples = SAMPLES if layers else 1
    check_value("samples", samples, least=1)
    if samples > 1 and not layers:
        why = f"dropout={config.dropout:g}" if not config.dropout else f"depth={config.depth} has no layer for it"
        raise InputError(f"samples={samples} needs dropout, and this run has none ({why}); give --samples=1 --tta")
    if samples > 1 and not all(layer.at_inference for layer in layers):
        raise InputError(f"samples={samples} needs dropout; load the run with dropout_at_inference=True")
    symmetries = training_symmetries(config.flip, config.flip_vertical, config.rotate90) if tta else (AS_IT_IS,)
    if tta and len(symmetries) == 1:
        raise InputError("tta=True takes the mirrors and turns of training, and this one had none; leave it out")
    if samples == len(symmetries) == 1 and not config.target_labels:
        remedy = "give --samples=2 or more, or --tta" if layers else "give --tta, as this run has no dropout"
        raise InputError(f"one pass has no deviation; {remedy}")
    return Uncertainty(samples, symmetries, config.image_format("target"), config.result_type)


class _UncertainTiles:
    """A TileNetwork."""

    def __init__(self, network: TileNetwork, uncertainty: Uncertainty) -> None:
        self.network, self.uncertainty = network, uncertainty
        self.has_statistics = network.has_statistics

    def measure(self, tiles: tf.Tensor) -> tf.Tensor:
        # The statistics of a picture do not depend on how it is laid.
        return self.network.measure(tiles)

    def generate(self, tiles: tf.Tensor, statistics: tf.Tensor | None) -> tf.Tensor:
        return self.uncertainty.wrap(lambda laid: self.network.generate(laid, statistics))(tiles)


class _TwoCanvases:
    """A Canvas."""

    def __init__(self, uncertainty: Uncertainty, first: Canvas, second: Canvas, form: ResultFormat) -> None:
        self.uncertainty, self.canvases, self.forms = uncertainty, (first, second), (form, uncertainty.form)

    @property
    def rows_done(self) -> int:
        return min(canvas.rows_done for canvas in self.canvases)

    @property
    def state(self) -> bytes:
        return self.canvases[0].state

    def restart(self, state: bytes) -> None:
        for canvas in self.canvases:
            canvas.restart(state)

    def write_rows(self, top: int, numbers: np.ndarray) -> None:
        parts = self.uncertainty.split(tf.constant(numbers))
        for canvas, form, part in zip(self.canvases, self.forms, parts, strict=True):
            # One may have got more rows than the other when the process was stopped.
            left = part[canvas.rows_done - top :]
            if len(left):
                canvas.write_rows(canvas.rows_done, form.numbers(left))
