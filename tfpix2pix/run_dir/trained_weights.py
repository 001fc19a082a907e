"""Reads the weights of both networks from one of a run's checkpoints."""

import pathlib

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.model.state import discriminator_of, generator_of
from tfpix2pix.networks.memory_estimate import check_fits
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.imported import is_random
from tfpix2pix.run_dir.trained_generator import read_networks
from tfpix2pix.weights.network_weights import NetworkWeights, weights_of


def trained_weights(run_dir: str | pathlib.Path, checkpoint: str = "best") -> tuple[list[NetworkWeights], Config, int]:
    """Reads the generator's and the discriminator's weights; not those of an imported run's network that is random.

    Args:
      run_dir: the run directory.
      checkpoint: as load_generator has it.

    Returns:
      Both or the one, the run's config, and the checkpoint's step.

    Raises:
      InputError: the run or checkpoint does not exist or cannot be read.
    """
    config = config_json.load(run_dir)
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    step = checkpoints.choose(checkpoint)
    try:
        check_fits(f"the networks of {run_dir}", lambda: [generator_of(config), discriminator_of(config)])
        networks = generator_of(config), discriminator_of(config)
    except ValueError as error:
        raise InputError(str(error)) from None
    step = read_networks(networks, checkpoints, checkpoint, step, f"another step, such as {run_dir}:latest")
    origin = f"{run_dir}, step {step}"
    known = [network for network in networks if not is_random(pathlib.Path(run_dir), network.name, step)]
    return [weights_of(network, origin) for network in known], config, step
