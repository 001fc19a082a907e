"""Checks the discriminator of several scales against what pix2pixHD's network computed, in float64, by torch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.golden import SHARED
from tfpix2pix.networks.discriminators.discriminator import build_discriminator, judge, with_features
from tfpix2pix.networks.discriminators.multiscale import multiscale
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.layers.pooling import HalvingPool
from tfpix2pix.networks.layers.spectral_norm import SpectralNorm

PREFIX = "multiscale_2_patchhd_ndf4"
# torch's names: its scale1 sees the full size.
SCALES = {"scale1": "scale1", "scale2": "scale0"}
LAYERS = {"down1": "model0.0", "down2": "model1.0", "down3": "model2.0", "conv": "model3.0", "logits": "model4.0"}


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.mark.needs_shared
@pytest.mark.parametrize(("policy", "bound"), [("float32", 1e-4), ("float64", 1e-7)], indirect=["policy"])
def test_outputs_and_gradients_are_the_references(policy, bound):
    golden = np.load(SHARED / "golden" / "generators_discriminators.npz")
    network = multiscale((32, 32), width=4)
    torchs = {}
    for mine, theirs in SCALES.items():
        for layer, module in LAYERS.items():
            for weight, name in (("kernel", "weight"), ("bias", "bias")):
                torchs[f"{mine}_{layer}/{weight}"] = f"{theirs}.{module}.{name}"
    weights = {v.path: v for v in network.trainable_variables if v.path in torchs}
    assert weights.keys() == torchs.keys()
    for path, name in torchs.items():
        theirs = golden[f"{PREFIX}/initial/{name}"]
        weights[path].assign(theirs.transpose(2, 3, 1, 0) if theirs.ndim == 4 else theirs)
    for variable in network.trainable_variables:
        if variable.path not in torchs:
            # torch's instance norm has no scale and no offset.
            variable.assign(tf.ones_like(variable) if variable.path.endswith("gamma") else tf.zeros_like(variable))
    source, target = (tf.constant(golden[name].astype(policy)) for name in ("source", "target"))
    with tf.GradientTape() as tape:
        outputs = [x for scale in judge(with_features(network), source, target) for x in scale]
        loss = 0.0
        for output in outputs:
            in_torchs_order = tf.reshape(tf.transpose(output, (0, 3, 1, 2)), [-1])
            loss += tf.reduce_mean(in_torchs_order * np.linspace(-1, 1, in_torchs_order.shape[0]).astype(policy))
    assert len(outputs) == 10
    for i, output in enumerate(outputs):
        np.testing.assert_allclose(output, golden[f"{PREFIX}/output{i}"], atol=1e-5)
    gradients = tape.gradient(loss, {path: v.value for path, v in weights.items()})
    for path, name in torchs.items():
        theirs = golden[f"{PREFIX}/gradient/{name}"]
        mine = np.transpose(gradients[path], (3, 2, 0, 1)) if theirs.ndim == 4 else gradients[path]
        if np.abs(theirs).max() > 1e-9:  # those of biases before a norm are 0
            assert np.linalg.norm(mine - theirs) < bound * np.linalg.norm(theirs), path
        else:
            assert np.abs(mine).max() < 1e-6
    logits = network([source, target], training=True)
    for scale, i in zip(logits, (4, 9), strict=True):
        np.testing.assert_array_equal(scale, outputs[i])


@pytest.mark.parametrize("size", [(6, 6), (7, 9), (1, 2)])
def test_padding_does_not_count_in_the_average(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    places = [range(0, side, 2) for side in size]
    expected = [[x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].mean((1, 2)) for j in places[1]] for i in places[0]]
    layer = HalvingPool()
    np.testing.assert_allclose(layer(x), np.transpose(expected, (2, 0, 1, 3)), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == layer(x).shape


def images(seed):
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (2, 32, 32, 3)), tf.float32)


@pytest.mark.parametrize(("scales", "n_layers", "count"), [(1, 2, 4), (1, 0, 3), (2, 1, 3), (3, 1, 3)])
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_features_are_those_of_the_network_itself(scales, n_layers, count, norm):
    network = build_discriminator((32, 32), 3, 3, scales=scales, width=2, n_layers=n_layers, norm=norm)
    judgment = judge(with_features(network), images(0), images(1))
    assert [len(scale) for scale in judgment] == [count] * scales
    frozen = [layer for layer in network.layers if isinstance(layer, SpectralNorm)]
    assert (len(frozen) == count * scales) == (norm == "spectral")
    for layer in frozen:
        layer.trainable = False
    judgment = judge(with_features(network), images(0), images(1))
    alone = judge(network, images(0), images(1))
    assert [len(scale) for scale in alone] == [1] * scales
    for mine, theirs in zip(alone, judgment, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[-1])


@pytest.mark.parametrize("scales", [1, 2])
def test_without_the_source_only_the_image_counts(scales):
    network = build_discriminator((32, 32), None, 3, scales=scales, width=2, n_layers=1, norm="none")
    first = [v for v in network.trainable_variables if v.path.endswith("down1/kernel")]
    assert {v.shape[2] for v in first} == {3}
    a, b = (judge(network, images(seed), images(1)) for seed in (0, 2))
    for mine, theirs in zip(a, b, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
    other = judge(network, images(0), images(2))
    assert np.any(a[0][0] != other[0][0])


def test_the_default_has_one_scale_and_its_names():
    assert [layer.name for layer in patchgan((32, 32), n_layers=1, width=2).layers] == [
        *("source", "image", "pair", "down1", "down1_relu", "conv", "conv_norm", "conv_relu", "logits")
    ]
    names = [layer.name for layer in multiscale((32, 32), n_layers=1, width=2).layers]
    assert {"scale1_down1", "scale1_conv", "scale1_conv_norm", "scale2_logits"} <= {*names}


def test_layers_are_limited():
    with pytest.raises(ValueError, match=r"n_layers=0 is not in 1\.\.6"):
        multiscale((32, 32), n_layers=0)
