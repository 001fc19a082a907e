"""A network's weights by name say which options it has, and go into a network of the same options alone."""

import dataclasses

import numpy as np
import pytest

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.model.state import discriminator_of, generator_of
from tfpix2pix.weights.network_weights import load_weights, weights_of

SMALL = {"image_size": (32, 32), "depth": 3, "generator_width": 2, "discriminator_width": 3}


def options(config, names):
    return {name: getattr(config, name) for name in names}


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("discriminator_layers", [0, 2])
def test_the_weights_imply_the_options_of_their_network(norm, discriminator_layers):
    more = {"discriminator_layers": discriminator_layers, "discriminator_norm": norm}
    config = Config(**SMALL, norm=norm, source_channels=1, target_channels=5, **more)
    for build, keys in ((generator_of, 7), (discriminator_of, 4)):
        weights = weights_of(build(config))
        assert len(weights.options) == keys
        assert weights.options == options(config, weights.options)
    assert weights.pair_channels == 6


@pytest.mark.parametrize(
    "more",
    [{}, {"enhancers": 1}, {"upsample": "resize", "generator_spectral_norm": True}, {"upsample": "pixel_shuffle"}],
    ids=str,
)
@pytest.mark.parametrize("generator", [{"generator": "resnet", "blocks": 2}, {"norm": "none"}], ids=["resnet", "unet"])
def test_a_generators_weights_imply_its_kind(generator, more):
    if "enhancers" in more and "norm" in generator:
        pytest.skip("a U-Net has no enhancer")
    config = Config(**SMALL, **generator, **more, source_channels=1, target_channels=5)
    weights = weights_of(generator_of(config))
    assert weights.options == options(config, weights.options)
    assert {"depth", "upsample", "source_channels", "target_channels", *more} <= weights.options.keys()


@pytest.mark.parametrize("discriminator_norm", ["instance", "spectral"])
def test_a_discriminators_weights_imply_its_scales(discriminator_norm):
    more = {"discriminator_norm": discriminator_norm, "discriminator_scales": 2, "discriminator_layers": 2}
    weights = weights_of(discriminator_of(Config(**SMALL, **more)))
    assert weights.options == options(Config(**SMALL, **more), weights.options)
    assert more.items() <= weights.options.items()
    assert weights.pair_channels == 6


def test_weights_go_from_network_to_network_and_into_no_other():
    config = Config(**SMALL).resolved()
    weights = weights_of(generator_of(config))
    other = generator_of(dataclasses.replace(config, seed=1))
    assert not np.array_equal(other.trainable_variables[0], weights.tensors["down1/kernel"])
    load_weights(other, weights)
    for path, tensor in weights_of(other).tensors.items():
        assert tensor.tobytes() == weights.tensors[path].tobytes(), path
    for change in ({"generator_width": 3}, {"depth": 4}, {"norm": "instance"}):
        wrong = generator_of(dataclasses.replace(config, **change))
        before = weights_of(wrong)
        with pytest.raises(InputError, match=r"the generator has .*down"):
            load_weights(wrong, weights)
        assert all(np.array_equal(tensor, before.tensors[path]) for path, tensor in weights_of(wrong).tensors.items())
