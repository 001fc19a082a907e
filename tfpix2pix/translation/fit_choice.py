"""Chooses how a picture meets the network, by the scale at which a run was trained."""

import dataclasses
import pathlib

from pipelines.images.choices import OWN_SCALE
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, format_size
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.options.sides import JITTER
from tfpix2pix.run_dir import data_json


@dataclasses.dataclass(frozen=True)
class FitChoice:
    """How pictures meet the network.

    Attributes:
      name: `pad`, `resize` or `tile`.
      reason: for people, such as "training saw pictures at their own scale".
    """

    name: str
    reason: str

    def __str__(self) -> str:
        """Says both in one line."""
        return f"fit={self.name}: {self.reason}"


def choose_fit(config: Config, run_dir: pathlib.Path, asked: str = "auto", image_size: Size | None = None) -> FitChoice:
    """Chooses `pad` or `resize` for a run, or returns what was asked for.

    Training on crops of pictures at their own scale means `pad`. Training that brought all pictures to one size means
    `resize`, if they were more than JITTER times as large, or as small, as that size; else the two scales are near, and
    `pad` keeps all that a picture shows.

    Args:
      config: of the run.
      run_dir: has a data.json, which knows how large the pairs of training were.
      asked: one of options.FITS.
      image_size: the (height, width) that pictures are to be resized to, if the user said so.

    Raises:
      InputError: the fit does not go with the run or the image_size.
    """
    if image_size:
        if asked not in ("auto", "resize"):
            raise InputError(f"image_size={format_size(image_size)} resizes, and fit={asked} does not; leave out one")
        return FitChoice("resize", f"to the image_size that was given, {format_size(image_size)}")
    if asked == "resize" and config.preprocess in OWN_SCALE:
        raise InputError(
            f"fit=resize: training with preprocess={config.preprocess} resized nothing; give --fit=pad or tile, or "
            "--image_size as well"
        )
    if asked != "auto":
        return FitChoice(asked, "as asked")
    if config.preprocess in OWN_SCALE:
        return FitChoice("pad", "training saw pictures at their own scale")
    size = config.scale_size
    if config.preprocess != "resize_and_crop":
        return FitChoice("resize", f"training brought pictures to {format_size(size)} ({config.preprocess})")
    trained = data_json.load_size(run_dir)
    if trained is None:
        return FitChoice(
            "pad",
            "pictures keep their own scale, as the run does not say how large its pairs were; if they were much larger "
            f"than {format_size(size)}, give --fit=resize",
        )
    if is_far(trained, size):
        return FitChoice("resize", f"training brought pictures of {format_size(trained)} to {format_size(size)}")
    return FitChoice("pad", f"training saw pictures of {format_size(trained)} at {format_size(size)}, their own scale")


def is_far(a: Size, b: Size) -> bool:
    """Tells whether a side of one is more than JITTER times that of the other."""
    return any(max(one, other) > JITTER * min(one, other) for one, other in zip(a, b, strict=True))


def source_format(config: Config, fit: str, image_size: Size | None = None) -> PairFormat:
    """Tells how sources are read for a fit: whole, and not yet reflected to a multiple.

    Args:
      config: of the run.
      fit: `pad`, `resize` or `tile`.
      image_size: the (height, width) that they are resized to, if that is not training's.
    """
    form = config.whole_format()
    if image_size:
        return dataclasses.replace(form, size=image_size, crop=image_size, preprocess="resize_and_crop")
    return form if fit == "resize" else dataclasses.replace(form, preprocess="crop")
