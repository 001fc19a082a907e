"""Rebuilds a run's generator with the weights of one of its checkpoints."""

import pathlib

import keras
import tensorflow as tf

from pipelines.system.terminal import InputError, reason
from tfpix2pix.config import Config
from tfpix2pix.model.state import generator_of
from tfpix2pix.networks.memory_estimate import check_fits
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoint_parts import CHIEF_PREFIX, DAMAGE
from tfpix2pix.run_dir.checkpoints import Checkpoints


def load_generator(
    run_dir: str | pathlib.Path,
    checkpoint: str = "best",
    image_size: tuple[int | None, int | None] | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    products: bool | None = None,
) -> tuple[keras.Model, Config, int]:
    """Rebuilds a run's generator with trained weights.

    Args:
      run_dir: the run directory; everything else is read from its config.json.
      checkpoint: `best` (by the run's best_by; the newest if none was validated by it), `latest`, or a step.
      image_size: another size than the run's, in multiples of 2^depth; a side of None accepts any.
      norm_statistics: another choice than the run's.
      dropout_at_inference: whether dropout stays on.
      products: see unet.

    Returns:
      The generator, the run's config, and the checkpoint's step.

    Raises:
      InputError: the run or checkpoint does not exist or cannot be read, or the size does not fit.
    """
    config = config_json.load(run_dir)
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    step = checkpoints.choose(checkpoint)

    def build() -> keras.Model:
        return generator_of(config, image_size, norm_statistics, dropout_at_inference, products)

    try:
        check_fits(f"the generator of run_dir={run_dir}", lambda: [build()])
        generator = build()
    except ValueError as error:
        raise InputError(str(error)) from None
    part = tf.train.Checkpoint(model=tf.train.Checkpoint(generator=generator))
    try:
        part.read(str(checkpoints.path(step) / CHIEF_PREFIX)).assert_existing_objects_matched().expect_partial()
    except tf.errors.ResourceExhaustedError:
        raise
    except DAMAGE as error:
        if not checkpoints.path(step).exists() and checkpoint in ("best", "latest"):
            # A running training has replaced it since it was chosen.
            return load_generator(run_dir, checkpoint, image_size, norm_statistics, dropout_at_inference, products)
        raise InputError(
            f"{checkpoints.path(step)} cannot be read ({reason(error)}); give another --checkpoint"
        ) from None
    return generator, config, step
