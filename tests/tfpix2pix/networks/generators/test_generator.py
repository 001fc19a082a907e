"""Checks what all generators share: their names, the places of self-attention, the ways up, and training them."""

import dataclasses

import numpy as np
import pytest

from tests.tfpix2pix.model.test_accumulation import train
from tests.tfpix2pix.model.test_distribution import flat
from tfpix2pix.config import Config
from tfpix2pix.model.state import generator_of
from tfpix2pix.model.updates import loss_scale
from tfpix2pix.networks import choices
from tfpix2pix.networks.generators.generator import GENERATORS
from tfpix2pix.networks.layers.attention import SelfAttention
from tfpix2pix.networks.layers.convolution import UpConvolution
from tfpix2pix.networks.layers.doubling import ResizeConvolution, ShuffleConvolution
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution, TransposedConvolution
from tfpix2pix.networks.layers.spectral_norm import SpectralNorm
from tfpix2pix.networks.memory_estimate import peak_floats
from tfpix2pix.translation.memory_budget import MIB, bytes_per_pixel, pixels_that_fit, translation_bytes

SMALL = Config(image_size=(32, 64), generator_width=2, discriminator_layers=1)
KINDS = {
    "unet": {"depth": 3},
    "resnet": {"generator": "resnet", "blocks": 1},
    "enhancer": {"generator": "resnet", "blocks": 1, "enhancers": 1},
}


def built(kind, **options):
    return generator_of(dataclasses.replace(SMALL, **KINDS[kind], **options).resolved())


def test_every_name_has_a_generator():
    assert GENERATORS.keys() == choices.GENERATORS.keys() == choices.OWN_OPTIONS.keys()


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("unet", {"attention1": 16, "attention2": 8, "attention3": 4}),
        ("resnet", {"attention1": 16, "attention2": 8}),
        ("enhancer", {"local_attention1": 16, "attention1": 8, "attention2": 4}),
    ],
)
def test_attention_is_where_the_shorter_sides_are(kind, places):
    network = built(kind, attention_at=",".join(map(str, places.values())))
    found = {layer.name: layer.output.shape[1:3] for layer in network.layers if isinstance(layer, SelfAttention)}
    assert found == {name: (side, 2 * side) for name, side in places.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_ways_up_and_paddings(kind):
    own = UpConvolution if kind == "unet" else TransposedConvolution
    for upsample, layer in (("transpose", own), ("resize", ResizeConvolution), ("pixel_shuffle", ShuffleConvolution)):
        network = built(kind, upsample=upsample, padding="reflect")
        ups = [each for each in network.layers if each.name.removeprefix("local_") in ("up1", "up2", "up3")]
        assert len(ups) == (2 if kind == "resnet" else 3)
        assert {type(each) for each in ups} == {layer}
        assert network.output_shape == (None, 32, 64, 3)
    for padding, reflects in (("auto", kind != "unet"), ("zero", False), ("reflect", True)):
        layers = [each for each in built(kind, padding=padding).layers if isinstance(each, PaddedConvolution)]
        # The strided convolutions of ResNets have zeros in any case.
        seen = {each.reflect for each in layers if kind == "unet" or "down" not in each.name}
        assert seen == ({reflects} if layers else set())
        assert bool(layers) == (kind != "unet" or reflects)
        assert not any(each.reflect for each in layers if kind != "unet" and "down" in each.name)


@pytest.mark.parametrize("kind", KINDS)
def test_spectral_norm_is_on_every_convolution(kind):
    network = built(kind, generator_spectral_norm=True, upsample="resize")
    kernels = [layer for layer in network.layers if any(v.name.endswith("kernel") for v in layer.weights)]
    assert len(kernels) > 5
    assert all(isinstance(layer, SpectralNorm) for layer in kernels)


def test_memory_of_attention_grows_as_the_square():
    plain = dataclasses.replace(SMALL, depth=3)
    config = dataclasses.replace(plain, attention_at="16")
    # At 16×32 places, (16 * 32)² numbers, by far the most.
    assert peak_floats(generator_of(config)) > 512**2 > 10 * peak_floats(generator_of(plain))
    assert translation_bytes(plain, 1000) == 1000 * bytes_per_pixel(plain)
    once, twice = (translation_bytes(config, pixels) for pixels in (10**6, 2 * 10**6))
    assert 3.9 < twice / once < 4
    # Half of them in each direction are places: SAFETY * 4 bytes * (pixels / 4)².
    assert abs(once / (2 * 4 * (10**6 / 4) ** 2) - 1) < 0.01
    fits = pixels_that_fit(config, 100)
    assert translation_bytes(config, fits - 1) <= 100 * MIB < translation_bytes(config, fits + 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "bound"),
    [
        ({"gradient_accumulation": 2}, 1e-5),
        # Measured: 0.113, by rounding before norms of 4×4 places.
        ({"mixed_precision": "float16"}, 0.2),
        ({"xla": True}, 1e-4),
        pytest.param({}, 1e-5, id="two replicas"),
    ],
)
def test_the_newest_layers_learn_alike_however_they_are_computed(how, bound, strategies, monkeypatch):
    """Compares Adam's first moments after a step of an enhancer with pixel shuffle and attention."""
    # At the usual scale the first steps overflow, and are skipped.
    monkeypatch.setattr(loss_scale, "INITIAL_SCALE", 16.0)
    config = dataclasses.replace(
        SMALL,
        **KINDS["enhancer"],
        image_size=(16, 16),
        depth=1,
        upsample="pixel_shuffle",
        attention_at="8",
        discriminator_width=2,
        dropout=0.0,
        norm="instance",
        batch_size=4,
    ).resolved()
    plain, _ = train(config, strategies[1])
    other, _ = train(dataclasses.replace(config, **how), strategies[1] if how else strategies[2])
    a, b = (flat(model.generator_optimizer._momentums) for model in (plain, other))
    assert np.linalg.norm(a - b) < bound * np.linalg.norm(a)
    gammas = [v for v in plain.generator.trainable_variables if v.path == "local_attention1/gamma"]
    assert len(gammas) == 1
    assert gammas[0].numpy() != 0
