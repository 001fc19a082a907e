"""Loads a trained generator, and pictures to compare an export with Keras: every exporter starts from both."""

import dataclasses
import functools
import hashlib
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from export.compared_pairs import ComparedPair, find_pairs
from export.palette import drawing_colors
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, parse_size
from pipelines.system.terminal import InputError, check_value
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS, check_depth
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.shared import find_run
from tfpix2pix.run_dir.trained_generator import load_generator

# The description beside every export.
EXPORT_FILE = "export.json"
# Exports are compared with Keras here: a CPU adds up in one order, and a GPU may choose another algorithm each time.
COMPARED_ON = "CPU:0"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained generator, and pairs to compare its exports on.

    Attributes:
      generator: with trained weights.
      config: the run's.
      form: how a pair is read, at the size of the export.
      step: of the checkpoint.
      validation: the metrics of that step; empty if it was not validated.
      pairs: what its exports are compared on, at the scale of training.
      compared_on: in words where the pairs are from, and how large they are.
      checkpoint: in words which step it is.
      run_dir: of the run.
    """

    generator: keras.Model
    config: Config
    form: PairFormat
    step: int
    validation: dict[str, float]
    pairs: list[ComparedPair]
    compared_on: str = ""
    checkpoint: str = ""
    run_dir: pathlib.Path = pathlib.Path()

    @functools.cached_property
    def colors(self) -> dict[str, object]:
        """In which colors to draw a source: `palette` and `background`, as `drawing_colors` has them."""
        return drawing_colors(self.config, [source for source, _ in self.pairs])

    def description(self) -> dict[str, object]:
        """Returns what is written beside an export: its origin, and the versions that made it."""
        return {
            "step": self.step,
            "checkpoint": self.checkpoint,
            "validation": self.validation,
            "image_size": list(self.form.size),
            "multiple": self.config.multiple,
            "target_type": self.config.result_type,
            "source_range": self.config.source_range,
            "target_range": self.config.target_range,
            **self.colors,
            "weights_sha256": weights_digest(self.generator),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "config": dataclasses.asdict(self.config),
        }


def open_trained(
    run_dir: str | os.PathLike[str],
    max_pairs: int,
    *,
    checkpoint: str | int = "best",
    data: str = "",
    sources: str = "",
    norm_statistics: str | None = None,
    image_size: Size | None = None,
    resizes: bool = False,
    dropout_at_inference: bool = False,
    products: bool | None = None,
    purpose: str = "compared with Keras",
) -> Trained:
    """Opens a run, and prints which step of it; its generator takes every size that its depth allows.

    Args:
      run_dir: the run directory that `train` wrote.
      max_pairs: how many pictures to read at most, to compare on.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      data: the data set whose val/ is read, in place of the pairs that the run has kept.
      sources: a folder of single sources that are read instead.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      image_size: (height, width) of the export; by default training's.
      resizes: whether pictures are resized to image_size; else, if it is given, the middle is taken.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      products: as Parts has it.
      purpose: what happens to the pictures, for people: "compared with Keras" on so many pairs.

    Raises:
      InputError: no run, no checkpoint, nothing to compare on, or an argument that does not fit.
    """
    check_value("parity_images", max_pairs, least=1)
    if norm_statistics is not None:
        check_value("norm_statistics", norm_statistics, choices=NORM_STATISTICS)
    if image_size is not None:
        image_size = parse_size("image_size", image_size)
    folder = find_run(run_dir)
    with tf.device(COMPARED_ON):
        generator, config, step = load_generator(
            folder, str(checkpoint), (None, None), norm_statistics, dropout_at_inference, products
        )
    size = image_size or config.image_size
    try:
        check_depth(size, config.levels, config.generator, config.enhancers)
    except ValueError as error:
        raise InputError(str(error)) from None
    pairs, compared_on = find_pairs(
        folder,
        config,
        max_pairs,
        data=data,
        sources=sources,
        resized=image_size if resizes else None,
        cropped=None if resizes else image_size,
    )
    checkpoints = Checkpoints(folder, best_by=config.best_by)
    words = checkpoints.words(step)
    print(f"{folder}, {words}; {purpose} on {compared_on}", flush=True)
    return Trained(
        generator,
        dataclasses.replace(config, norm_statistics=norm_statistics or config.norm_statistics),
        config.pair_format(size),
        step,
        checkpoints.validation(step),
        pairs,
        compared_on,
        words,
        folder,
    )


def hide_gpus() -> None:
    """Leaves all GPUs to other processes: a command that exports needs none. Call it before anything else."""
    tf.config.set_visible_devices([], "GPU")


def weights_digest(network: keras.Model) -> str:
    """Returns the sha256 over all weights in the network's order: name, shape, and float32 bytes of each."""
    digest = hashlib.sha256()
    for variable in network.variables:
        value = variable.numpy()
        digest.update(f"{variable.name} {value.shape} {value.dtype}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
