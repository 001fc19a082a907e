"""Makes a run directory of networks that another program trained; imported.json there names their files."""

import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from pipelines.datasets.locate import usual_direction
from pipelines.pairs import Pairs, open_pairs
from pipelines.storage.sample import spread_indices
from pipelines.system.disk import check_writable, naming_full_disk, whole_folder, write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix, discriminator_of, generator_of
from tfpix2pix.networks.choices import check_size
from tfpix2pix.networks.memory_estimate import TRAINING_COPIES, check_fits
from tfpix2pix.run_dir import config_json, kept_pairs
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.shared import is_shared
from tfpix2pix.weights.network_weights import NetworkWeights, check_weights, load_weights
from tfpix2pix.weights.torch.names import DROPOUT

IMPORT_FILE = "imported.json"
# The reference's n_layers and crop_size.
USUAL_LAYERS = 3
USUAL_SIDE = 256


def make_run(
    run_dir: pathlib.Path, generator: NetworkWeights, discriminator: NetworkWeights | None, options: dict[str, Any]
) -> Config:
    """Makes a run directory whose only checkpoint, of step 0, has given weights.

    The folder is there whole or not at all. It keeps some validation pairs if the options name a data set. A
    discriminator that is not given starts at random, as at a training's start.

    Args:
      run_dir: must not exist.
      generator: its weights.
      discriminator: likewise, if they are there.
      options: what the weights do not say, by the name of the option; an image_size of (0, 0) is square, 2^depth for a
        U-Net and USUAL_SIDE for others; a dropout of None is what the file tells, or the usual one.

    Returns:
      The run's config.

    Raises:
      InputError: the folder exists, the weights do not fit together or the options, or there is no room.
    """
    if run_dir.exists():
        raise InputError(f"run_dir={run_dir} exists; give another --run_dir, or delete it")
    check_writable(run_dir, "run_dir")
    config = config_of(generator, discriminator, options)
    given = [weights for weights in (generator, discriminator) if weights]
    builders: dict[str, Callable[[Config], keras.Model]] = {
        "generator": generator_of,
        "discriminator": discriminator_of,
    }

    def shapes() -> list[keras.Model]:
        networks = [builders[weights.kind](config) for weights in given]
        for network, weights in zip(networks, given, strict=True):
            check_weights(network, weights)
        return networks

    pairs = _some_pairs(config) if config.data else None
    # Before anything of the size that a file claims is built.
    check_fits(f"a network of the size of {generator.origin}", shapes, TRAINING_COPIES)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    with naming_full_disk(run_dir.parent, f"the run {run_dir}"), whole_folder(run_dir) as folder:
        config_json.save(config, folder)
        files = {weights.kind: weights.origin for weights in given}
        write_whole(folder / IMPORT_FILE, json.dumps(files, indent=2) + "\n")
        model = Pix2Pix(config, tf.distribute.OneDeviceStrategy("CPU:0"), total_steps=1)
        for weights in given:
            load_weights(getattr(model, weights.kind), weights)
        Checkpoints(folder).save(model)
        if pairs:
            kept_pairs.keep(folder, pairs)
    return config


def config_of(generator: NetworkWeights, discriminator: NetworkWeights | None, options: dict[str, Any]) -> Config:
    """Returns the config of a run with these networks; the arguments are those of make_run."""
    implied = generator.options
    size = options["image_size"]
    if 0 in size:
        multiple = 2 ** (implied["depth"] + implied.get("enhancers", 0))
        side = multiple if implied["generator"] == "unet" else max(multiple, USUAL_SIDE)
        size = side, side
    if options["dropout"] is None:
        options = {**options, "dropout": generator.told.get("dropout", DROPOUT)}
    if discriminator:
        other = discriminator.options
        if other["discriminator_norm"] != implied["norm"]:
            raise InputError(
                f"{generator.origin} has {implied['norm']} norm and {discriminator.origin} "
                f"{other['discriminator_norm']} norm; give both networks of one training"
            )
        if (pair := implied["source_channels"] + implied["target_channels"]) != discriminator.pair_channels:
            raise InputError(
                f"{discriminator.origin} sees {discriminator.pair_channels} channels, and {generator.origin} has "
                f"{pair} of source and target together; give both networks of one training"
            )
        implied |= {**other, "discriminator_norm": "same"}
    else:
        implied |= {"discriminator_width": implied["generator_width"], "discriminator_layers": _layers_for(size)}
    config = Config(**{**options, **implied, "image_size": size})
    return config.resolved(usual_direction(config.data_name))


def _some_pairs(config: Config) -> Pairs:
    """Opens validation pairs, for the run to keep."""
    files = config.open_dataset().split("val")
    return open_pairs(files.select(spread_indices(len(files), kept_pairs.MAX_PAIRS)), config.measured_format(), "skip")


def is_random(run_dir: pathlib.Path, kind: str, step: int) -> bool:
    """Tells whether a run's network, `generator` or `discriminator`, was neither given nor trained at this step.

    Raises:
      InputError: imported.json cannot be read.
    """
    if is_shared(run_dir):
        return kind != "generator"
    return not step and kind not in origins(run_dir, (kind,))


def origins(run_dir: pathlib.Path, default: Iterable[str] = ()) -> dict[str, str]:
    """Returns the file of each imported network, by kind.

    Args:
      run_dir: of the run.
      default: kinds that are there, from no file, if the run was not imported.

    Raises:
      InputError: imported.json cannot be read.
    """
    path = run_dir / IMPORT_FILE
    if not path.exists():
        return dict.fromkeys(default, "")
    try:
        return {str(kind): str(file) for kind, file in parse_json(path.read_bytes()).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it") from None


def _layers_for(size: tuple[int, int]) -> int:
    """Returns the most layers, up to the usual ones, for which a discriminator has logits at this size."""
    for layers in range(USUAL_LAYERS, 0, -1):
        try:
            check_size(size, layers)
        except ValueError:
            continue
        return layers
    return 0
