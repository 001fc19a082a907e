"""Rebuilds a run's generator with the weights of one of its checkpoints."""

import pathlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from pipelines.system.terminal import InputError, reason
from tfpix2pix.config import Config
from tfpix2pix.model.state import generator_of
from tfpix2pix.networks.memory_estimate import check_fits
from tfpix2pix.run_dir import config_json, shared
from tfpix2pix.run_dir.checkpoint_parts import AVERAGE, CHIEF_PREFIX, DAMAGE, holds_average
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.weights.network_weights import load_weights


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
      image_size: another size than the run's, in multiples of config.multiple; a side of None accepts any.
      norm_statistics: another choice than the run's.
      dropout_at_inference: whether dropout stays on.
      products: see Parts.

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
        # A generator of any size is checked at that of training.
        size = None if image_size and None in image_size else image_size
        check_fits(
            f"the generator of run_dir={run_dir}",
            lambda: [generator_of(config, size, norm_statistics, dropout_at_inference, products)],
        )
        generator = build()
    except ValueError as error:
        raise InputError(str(error)) from None
    step = read_networks([generator], checkpoints, checkpoint, step, "another --checkpoint")
    return generator, config, step


def read_networks(
    networks: Sequence[keras.Model], checkpoints: Checkpoints, checkpoint: str, step: int, remedy: str
) -> int:
    """Reads the weights of networks from a checkpoint: of the generator the average over the steps, where there is one.

    Args:
      networks: named `generator` or `discriminator`, built.
      checkpoints: of the run.
      checkpoint: what was asked for: `best`, `latest` or a step.
      step: which checkpoint that was.
      remedy: what to give instead of one that cannot be read.

    Returns:
      The step that was read: another one if a running training has replaced the checkpoint since it was chosen.

    Raises:
      InputError: it cannot be read.
    """
    path = checkpoints.path(step)
    run_dir = checkpoints.folder.parent
    if shared.is_shared(run_dir):
        for network in networks:
            if network.name == "generator":
                load_weights(network, shared.read(run_dir))
        return step
    try:
        generator = AVERAGE if holds_average(path) else "generator"
        named = {generator if network.name == "generator" else network.name: network for network in networks}
        part = tf.train.Checkpoint(model=tf.train.Checkpoint(**named))
        part.read(str(path / CHIEF_PREFIX)).assert_existing_objects_matched().expect_partial()
    except tf.errors.ResourceExhaustedError:
        raise
    except DAMAGE as error:
        if not path.exists() and checkpoint in ("best", "latest"):
            return read_networks(networks, checkpoints, checkpoint, checkpoints.choose(checkpoint), remedy)
        raise InputError(f"{path} cannot be read ({reason(error)}); give {remedy}") from None
    return step
