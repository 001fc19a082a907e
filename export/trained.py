"""A trained generator and validation pairs to measure it by: what every exporter starts from."""

import contextlib
import dataclasses
import hashlib
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from pipelines.datasets import locate
from pipelines.images import transforms
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import define_size
from pipelines.storage.shards import open_files
from pipelines.storage.validity import read_file
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS, check_depth
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator

# The description beside every export.
EXPORT_FILE = "export.json"


@dataclasses.dataclass(frozen=True)
class Trained:
    """What an exporter needs.

    Attributes:
      generator: with trained weights.
      config: its run's.
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
        """What is written beside an export: where it comes from, and by which versions."""
        return {
            "step": self.step,
            "validation": self.validation,
            "image_size": list(self.form.size),
            "weights_sha256": weights_digest(self.generator),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "config": dataclasses.asdict(self.config),
        }


def open_trained(max_pairs: int, *, any_size: bool = False, products: bool | None = None) -> Trained:
    """Opens the run that the flags name.

    Args:
      max_pairs: at most so many validation pairs, the first in the order of names.
      any_size: whether the generator takes every size that its depth allows, not the export's alone.
      products: as unet has it.

    Raises:
      InputError: no run, no checkpoint, no validation pairs, or a size that does not fit.
    """
    if tf.config.list_physical_devices("GPU"):
        # Parity is measured on the CPU, which takes sums in one order; a GPU may choose another algorithm each time.
        tf.config.set_visible_devices([], "GPU")
    values = flags.FLAGS
    run_dir = pathlib.Path(values.run_dir)
    asked = None if 0 in values.image_size else values.image_size
    generator, config, step = load_generator(
        run_dir,
        values.checkpoint,
        (None, None) if any_size else asked,
        values.norm_statistics,
        "dropout_at_inference" in values and values.dropout_at_inference,
        products,
    )
    size = asked or config.image_size
    try:
        check_depth(size, config.depth)
    except ValueError as error:
        raise InputError(str(error)) from None
    form = config.pair_format(size)
    folder = locate.dataset_folder(values.data or config.data, config.data_dir, make=bool(values.data)) / "val"
    return Trained(
        generator,
        dataclasses.replace(config, norm_statistics=values.norm_statistics or config.norm_statistics),
        form,
        step,
        Checkpoints(run_dir).validation(step),
        read_pairs(folder, form, max_pairs),
    )


def read_pairs(folder: pathlib.Path, form: PairFormat, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The first pairs of a folder, in [-1, 1]; bad files are left out.

    Raises:
      InputError: there is no such folder, or no good pair in it.
    """
    try:
        files = open_files(folder)
    except InputError as error:
        raise InputError(f"{error}; parity is measured on validation pairs, so give --data=FOLDER") from None
    pairs = []
    for file in files:
        if len(pairs) == most:
            break
        with contextlib.suppress(BadImageError):
            pair = read_file(file, form.read, form.max_pixels)
            pairs.append(tuple(transforms.normalize(image).numpy() for image in pair))
    if not pairs:
        raise InputError(f"none of the {len(files)} files in {folder} is a pair; give --data=FOLDER with others")
    return pairs


def weights_digest(network: keras.Model) -> str:
    """The sha256 over all weights, in the network's order: name's last part, shape, and float32 bytes."""
    digest = hashlib.sha256()
    for variable in network.variables:
        value = variable.numpy()
        digest.update(f"{variable.name} {value.shape} {value.dtype}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def define_flags() -> None:
    """The options that all exporters have."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("checkpoint", "latest", "latest, best (by the run's best_by), or a step")
    flags.DEFINE_string("data", "", "data set whose val/ parity is measured on; default: the run's own")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    define_size("image_size", (0, 0), "height x width that images are resized to; 0: training's")
