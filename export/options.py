"""The options that all exporters have; without TensorFlow, so that --help is quick."""

from typing import Any

from absl import flags

from pipelines.images.size import define_size
from tfpix2pix.networks.choices import NORM_STATISTICS

# A flag made by define_flags belongs to the command that asks for it, and is shown in its --help.
flags.disclaim_key_flags()


def define_flags(export_dir: str) -> None:
    """Defines the options of an exporter; `export_dir` says what that folder is for."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("export_dir", None, export_dir, required=True)
    flags.DEFINE_string("checkpoint", "latest", "latest, best (by the run's best_by), or a step")
    flags.DEFINE_string("data", "", "data set whose val/ is used to compare with Keras; default: the run's own")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    define_size("image_size", (0, 0), "height x width that images are resized to; 0: training's")
    flags.DEFINE_integer("parity_images", 20, "validation images to compare on", lower_bound=1)


def arguments(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the values of these options, but for the two folders, as the exporters' functions take them."""
    return {
        "checkpoint": values.checkpoint,
        "data": values.data,
        "norm_statistics": values.norm_statistics,
        "image_size": None if 0 in values.image_size else values.image_size,
        "parity_images": values.parity_images,
    }
