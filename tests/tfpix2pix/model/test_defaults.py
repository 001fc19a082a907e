"""Checks that the library's functions have the defaults of the command line."""

import dataclasses
import inspect

import numpy as np
import pytest

from pipelines.images.pair_format import PairFormat
from pipelines.loader import train_dataset
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.model.state import discriminator_of, generator_of
from tfpix2pix.model.updates.optimizer import Adam
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.parts import Parts
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.networks.layers.normalization import BatchNormalization, normalization

# direction=auto is the command's own: of a folder it means AtoB.
CONFIG = dataclasses.replace(Config(), direction=Config().resolved().direction)
# For each function its names for options; parameters with an option's own name need no entry.
RENAMED = {
    unet: {"width": "generator_width"},
    resnet: {"width": "generator_width"},
    Parts: {},
    patchgan: {"width": "discriminator_width", "n_layers": "discriminator_layers"},
    normalization: {"statistics": "norm_statistics", "synchronized": "sync_batch_norm"},
    BatchNormalization: {"statistics": "norm_statistics", "synchronized": "sync_batch_norm"},
    Adam: {"beta_1": "beta1", "beta_2": "beta2"},
    PairFormat: {},
    train_dataset: {},
}
# Adam's epsilon is an option; batch norm's is another number. None in train_dataset stands for what opened pairs have;
# for a folder it stands for the commands' defaults, as test_a_folder_is_read_as_the_command_reads_it shows.
DIFFERENT = {
    (BatchNormalization, "epsilon"),
    # A size there, a switch here.
    (PairFormat, "crop"),
    *(
        (train_dataset, option)
        for option in (
            "direction",
            "load_size",
            "preprocess",
            "resize_method",
            "resize_precision",
            "source_channels",
            "target_channels",
        )
    ),
}


def defaults(function):
    """Returns the defaults of all parameters that are options, by option."""
    parameters = inspect.signature(function).parameters.values()
    found = {RENAMED[function].get(p.name, p.name): p.default for p in parameters if p.default is not p.empty}
    return {o: v for o, v in found.items() if hasattr(CONFIG, o) and (function, o) not in DIFFERENT}


@pytest.mark.parametrize("function", RENAMED, ids=lambda function: function.__name__)
def test_defaults_are_those_of_the_command_line(function):
    found = defaults(function)
    assert found == {option: getattr(CONFIG, option) for option in found}
    assert set(RENAMED[function].values()) <= set(found)


def test_a_folder_is_read_as_the_command_reads_it(tmp_path):
    folder = make_pairs(tmp_path / "pairs") / "train"
    config = dataclasses.replace(CONFIG, image_size=(64, 64)).resolved()
    explicit = {
        option: getattr(config, option)
        for option in ("direction", "load_size", "preprocess", "resize_method", "source_channels", "target_channels")
    }
    for mine, theirs in zip(
        train_dataset(folder, image_size=(64, 64), last_step=3),
        train_dataset(folder, image_size=config.image_size, batch_size=config.batch_size, last_step=3, **explicit),
        strict=True,
    ):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])


def test_all_options_of_networks_and_optimizer_are_compared():
    assert set(defaults(unet)) == {
        *("image_size", "source_channels", "target_channels", "generator_width", "depth", "norm", "dropout"),
        *("norm_statistics", "sync_batch_norm", "upsample", "padding", "seed"),
    }
    assert set(defaults(patchgan)) == {
        *("image_size", "source_channels", "target_channels", "discriminator_width", "discriminator_layers", "norm"),
        "sync_batch_norm",
    }
    assert set(defaults(Adam)) == {"learning_rate", "beta1", "beta2", "epsilon"}


def test_networks_without_arguments_are_those_of_the_command_line():
    config = CONFIG.resolved()
    for mine, theirs in ((unet(), generator_of(config)), (patchgan(), discriminator_of(config))):
        assert mine.get_config()["layers"][0] == theirs.get_config()["layers"][0]
        assert [describe(layer) for layer in mine.layers] == [describe(layer) for layer in theirs.layers]


def describe(layer):
    """Returns a layer's config without the random seeds of its initializers."""

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(each) for key, each in value.items() if not (key == "seed" and "stddev" in value)}
        return value

    return clean(layer.get_config())
