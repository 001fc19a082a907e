"""Loads a trained generator, and validation pairs to compare an export with Keras: every exporter starts from both."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from pipelines.datasets.layout import Dataset
from pipelines.images import transforms
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, parse_size
from pipelines.storage.kind import warn_of_single_images
from pipelines.storage.validity import read_file
from pipelines.system.terminal import InputError, check_value
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS, check_depth
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
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
      pairs: validation pairs, (source, target), each `(H, W, C)` float32 in [-1, 1].
    """

    generator: keras.Model
    config: Config
    form: PairFormat
    step: int
    validation: dict[str, float]
    pairs: list[tuple[np.ndarray, np.ndarray]]

    def description(self) -> dict[str, object]:
        """Returns what is written beside an export: its origin, and the versions that made it."""
        return {
            "step": self.step,
            "validation": self.validation,
            "image_size": list(self.form.size),
            "target_type": self.config.result_type,
            "source_range": self.config.source_range,
            "target_range": self.config.target_range,
            "weights_sha256": weights_digest(self.generator),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "config": dataclasses.asdict(self.config),
        }


def open_trained(
    run_dir: str | os.PathLike[str],
    max_pairs: int,
    *,
    checkpoint: str | int = "latest",
    data: str = "",
    norm_statistics: str | None = None,
    image_size: Size | None = None,
    dropout_at_inference: bool = False,
    any_size: bool = False,
    products: bool | None = None,
) -> Trained:
    """Opens a run.

    Args:
      run_dir: the run directory that `train` wrote.
      max_pairs: how many validation pairs to read at most, the first in the order of names.
      checkpoint: `latest`, `best` (by the run's best_by), or a step.
      data: the data set whose val/ is read; by default the run's own.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      image_size: (height, width) of the export; by default training's.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      any_size: whether the generator takes every size that its depth allows, not image_size alone.
      products: as unet has it.

    Raises:
      InputError: no run, no checkpoint, no validation pairs, or an argument that does not fit.
    """
    check_value("parity_images", max_pairs, least=1)
    if norm_statistics is not None:
        check_value("norm_statistics", norm_statistics, choices=NORM_STATISTICS)
    if image_size is not None:
        image_size = parse_size("image_size", image_size)
    folder = pathlib.Path(run_dir)
    with tf.device(COMPARED_ON):
        generator, config, step = load_generator(
            folder,
            str(checkpoint),
            (None, None) if any_size else image_size,
            norm_statistics,
            dropout_at_inference,
            products,
        )
    size = image_size or config.image_size
    try:
        check_depth(size, config.depth)
    except ValueError as error:
        raise InputError(str(error)) from None
    form = config.pair_format(size)
    dataset = (config.with_data(data) if data else config).open_dataset(make=bool(data))
    pairs = read_pairs(dataset, form, max_pairs)
    if data:
        warn_of_single_images(dataset.split("val"), data_json.load_aspects(folder), config.axes, config.max_pixels)
    return Trained(
        generator,
        dataclasses.replace(config, norm_statistics=norm_statistics or config.norm_statistics),
        form,
        step,
        Checkpoints(folder).validation(step),
        pairs,
    )


def hide_gpus() -> None:
    """Leaves all GPUs to other processes: a command that exports needs none. Call it before anything else."""
    tf.config.set_visible_devices([], "GPU")


def read_pairs(dataset: Dataset, form: PairFormat, max_pairs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Reads the first validation pairs of a data set, in [-1, 1]; leaves out bad files.

    Raises:
      InputError: it has none, or no good one.
    """
    try:
        files = dataset.split("val")
    except InputError as error:
        raise InputError(f"{error}; an export is compared on validation pairs, so give --data=FOLDER") from None
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for file in files:
        if len(pairs) == max_pairs:
            break
        with contextlib.suppress(BadImageError):
            source, target = read_file(file, lambda contents: form.read(tf.constant(contents)), form.max_pixels)
            pairs.append((transforms.normalize(source).numpy(), transforms.normalize(target).numpy()))
    if not pairs:
        raise InputError(f"none of the {len(files)} files in {files} is a pair; give --data=FOLDER with others")
    return pairs


def weights_digest(network: keras.Model) -> str:
    """Returns the sha256 over all weights in the network's order: name, shape, and float32 bytes of each."""
    digest = hashlib.sha256()
    for variable in network.variables:
        value = variable.numpy()
        digest.update(f"{variable.name} {value.shape} {value.dtype}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
