"""Files of the PyTorch reference become weights of ours and back, to the last bit; others are refused by name."""

import re

import numpy as np
import pytest

from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.helpers.golden import SHARED
from tests.helpers.torch_twin import Twin
from tfpix2pix.networks.discriminators.multiscale import multiscale
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.weights.network_weights import load_weights, weights_of
from tfpix2pix.weights.torch.file import read_tensors
from tfpix2pix.weights.torch.networks import from_torch, is_affine, to_torch
from tfpix2pix.weights.weight_file import read_weights, write_file

GOLDEN = SHARED / "golden"
FILES = {kind: GOLDEN / f"reference_unet256_ngf4_net_{kind[0].upper()}.pth" for kind in ("generator", "discriminator")}
# An inner convolution of the reference's networks, and the norm after it.
INNER = {
    "generator": ("model.model.1.model.1", "model.model.1.model.2"),
    "discriminator": ("model.2", "model.3"),
    "net": ("net.2", "net.3"),
}


def assert_same(a, b):
    assert list(a) == list(b)
    for name, tensor in a.items():
        assert tensor.shape == b[name].shape, name
        assert tensor.dtype == b[name].dtype, name
        assert tensor.tobytes() == b[name].tobytes(), name


@pytest.mark.needs_shared
@pytest.mark.parametrize("kind", FILES)
def test_the_references_files_in_all_formats_hold_its_networks(kind, tmp_path):
    golden = np.load(GOLDEN / "reference_unet256_ngf4.npz")
    weights = read_weights(FILES[kind])
    network = {"generator": lambda: unet(width=4, dropout=0), "discriminator": lambda: patchgan(width=4)}[kind]()
    load_weights(network, weights)
    source, target = (golden[name][0].astype(np.float32) for name in ("input", "target"))
    if kind == "generator":
        output, expected = network(source, training=True), golden["generator_output"]
    else:
        output, expected = network([source, target], training=True), golden["logits_real"]
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)

    state = read_tensors(FILES[kind])
    parallel = {f"module.{name}": tensor for name, tensor in state.items()}
    write_file(parallel, tmp_path / "x.safetensors")
    write_file(state, tmp_path / "new.pth")
    torch_writer.write(tmp_path / "parallel.pth", parallel)
    torch_writer.write_legacy(tmp_path / "legacy.pth", parallel)
    for name in ("x.safetensors", "new.pth", "parallel.pth", "legacy.pth"):
        other = read_weights(tmp_path / name)
        assert other.options == weights.options
        assert_same(other.tensors, weights.tensors)
    assert_same(to_torch(weights, 0), state)
    assert_same(read_tensors(tmp_path / "new.pth"), state)


def reference(network):
    """The state dict that the reference has for a network of ours, whose scales are 1 and offsets 0."""
    weights = weights_of(network)
    for path, tensor in weights.tensors.items():
        if path.endswith(("gamma", "beta")) or ("none" in weights.options.values() and path.endswith("bias")):
            tensor[...] = path.endswith("gamma")
    return to_torch(weights, 7), weights


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_each_norm_comes_back_and_has_the_tensors_that_the_reference_has(norm):
    networks = [unet((32, 32), 1, 2, width=2, norm=norm)]
    networks += [patchgan((32, 32), 1, 2, width=2, norm=norm, n_layers=layers) for layers in (0, 1, 3)]
    for network in networks:
        state, weights = reference(network)
        back = from_torch(state, "x.pth")
        assert back.options == weights.options
        assert_same(dict(sorted(back.tensors.items())), dict(sorted(weights.tensors.items())))
        # By the reference's code: norms have tensors if they are of batches, and convolutions before them a bias if of
        # instances.
        convolution, norm_there = INNER["net" if "net.0.weight" in state else weights.kind]
        assert (f"{norm_there}.weight" in state) == (f"{norm_there}.running_var" in state) == (norm == "batch")
        assert (f"{convolution}.bias" in state) == (norm == "instance")


def test_instance_norms_with_scales_keep_them_and_say_so():
    weights = weights_of(unet((32, 32), width=2, norm="instance"))
    assert is_affine(weights)
    assert_same(from_torch(to_torch(weights, 0), "x.pth").tensors, weights.tensors)


def test_running_averages_in_instance_norms_of_2017_are_left_out():
    state, _ = reference(unet((32, 32), width=2, norm="instance"))
    old = dict(state)
    for name in ("model.model.1.model.2", "model.model.1.model.6"):
        old |= {f"{name}.running_mean": np.full(4, 9, np.float32), f"{name}.running_var": np.full(4, 9, np.float32)}
    assert_same(from_torch(old, "x.pth").tensors, from_torch(state, "x.pth").tensors)


def test_what_the_reference_cannot_hold_is_refused():
    weights = weights_of(unet((32, 32), width=2, norm="none"))
    weights.tensors["down2/bias"][0] = 1
    with pytest.raises(InputError, match="down2"):
        to_torch(weights, 0)


def golden_state(name):
    """The state dict of a network in the file of generators and discriminators."""
    golden, before = np.load(GOLDEN / "generators_discriminators.npz"), f"{name}/initial/"
    return {key.removeprefix(before): golden[key] for key in golden.files if key.startswith(before)}


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet_2blocks_instance_ngf4", {"blocks": 2, "depth": 2, "norm": "instance"}),
        ("resnet_2blocks_batch_ngf4", {"blocks": 2, "depth": 2, "norm": "batch"}),
        ("global_3downs_2blocks_instance_ngf4", {"blocks": 2, "depth": 3, "norm": "instance"}),
    ],
)
def test_resnets_come_back_and_give_the_references_outputs(name, expected):
    state = golden_state(name)
    weights = from_torch(state, "x.pth")
    channels = {"generator_width": 4, "source_channels": 3, "target_channels": 3}
    known = {"generator": "resnet", "upsample": "transpose", "enhancers": 0}
    assert weights.options == {**known, **channels, **expected}
    assert weights.told == {"dropout": 0.0}
    assert_same(to_torch(weights, 0), {n: t.astype(np.int64) if n.endswith("tracked") else t for n, t in state.items()})
    golden = np.load(GOLDEN / "generators_discriminators.npz")
    source, output = golden["source"].astype(np.float32), golden[f"{name}/output"]
    network = resnet((32, 32), width=4, depth=expected["depth"], blocks=2, norm=expected["norm"], dropout=0)
    load_weights(network, weights)
    np.testing.assert_allclose(network(source, training=True), output, rtol=0, atol=1e-5)
    # The twin of other tests.
    np.testing.assert_allclose(Twin(state).resnet(source), output, rtol=0, atol=1e-6)


def test_dropout_moves_the_names_in_the_references_blocks():
    weights = weights_of(resnet((16, 16), width=2, blocks=1, norm="batch"))
    plain, dropped = to_torch(weights, 0), to_torch(weights, 0, has_dropout=True)
    # padding, convolution, norm, ReLU, (dropout), padding, convolution, norm
    assert "model.10.conv_block.5.weight" in plain
    assert {"model.10.conv_block.6.weight", "model.10.conv_block.7.running_var"} < dropped.keys()
    for state, rate in ((plain, 0.0), (dropped, 0.5)):
        back = from_torch(state, "x.pth")
        assert back.told == {"dropout": rate}
        assert_same(dict(sorted(back.tensors.items())), dict(sorted(weights.tensors.items())))
    # pix2pixHD's generators have none.
    deeper = to_torch(weights_of(resnet((16, 16), width=2, depth=3, blocks=1)), 0, has_dropout=True)
    assert from_torch(deeper, "x.pth").told == {"dropout": 0.0}


def test_pix2pixhds_biases_before_batch_norm_are_subtracted_with_the_mean():
    network = resnet((16, 16), width=2, depth=3, blocks=1, norm="batch", norm_statistics="moving", dropout=0)
    state, weights = reference(network)
    assert not state["model.4.bias"].any()
    assert_same(dict(sorted(from_torch(state, "x").tensors.items())), dict(sorted(weights.tensors.items())))
    source = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    load_weights(network, from_torch(state, "x"))
    before = network(source).numpy()
    bias = np.array([0.3, -0.2, 0.5, 1], np.float32)
    state["model.4.bias"], state["model.5.running_mean"] = bias, state["model.5.running_mean"] + bias
    load_weights(network, from_torch(state, "x"))
    np.testing.assert_allclose(network(source), before, atol=1e-6)
    with pytest.raises(InputError, match=r"model\.5\.running_mean"):
        from_torch(state | {"model.4.bias": bias[:3]}, "x")
    with pytest.raises(InputError, match="no norm, and pix2pixHD"):
        to_torch(weights_of(resnet((16, 16), width=2, depth=3, blocks=1, norm="none")), 0)


@pytest.mark.needs_shared
def test_the_discriminators_of_pix2pixhd_come_back_under_both_names():
    state = {name.replace(".model", "_layer"): each for name, each in golden_state("multiscale_2_patchhd_ndf4").items()}
    weights = from_torch(state, "x.pth")
    expected = {"discriminator_scales": 2, "discriminator_layers": 3, "discriminator_width": 4}
    assert weights.options == {**expected, "discriminator_norm": "instance"}
    assert_same(to_torch(weights, 0), state)
    network = multiscale((32, 32), width=4, scales=2, n_layers=3, norm="instance")
    load_weights(network, weights)
    golden = np.load(GOLDEN / "generators_discriminators.npz")
    logits = network([golden[name].astype(np.float32) for name in ("source", "target")], training=True)
    # The layers of the full size are outputs 0 to 4, those of the half 5 to 9.
    for output, number in zip(logits, (4, 9), strict=True):
        expected = golden[f"multiscale_2_patchhd_ndf4/output{number}"]
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
    # Without features pix2pixHD has one Sequential a scale, as the reference numbers it.
    places = {"0.0": "0", "1.0": "2", "2.0": "5", "3.0": "8", "4.0": "11"}
    plain = {}
    for name, tensor in state.items():
        scale, layer, part = re.fullmatch(r"scale(\d)_layer(\d\.0)\.(\w+)", name).groups()
        plain[f"layer{scale}.{places[layer]}.{part}"] = tensor
    assert_same(from_torch(plain, "x.pth").tensors, weights.tensors)


def test_the_local_enhancer_comes_back_and_gives_what_pix2pixhds_gives():
    network = local_enhancer((32, 32), width=2, depth=2, blocks=1, norm="instance")
    state, weights = reference(network)
    # By its code: the global part without its last convolution, then model1_1 and model1_2.
    convolutions = [name for name, tensor in state.items() if tensor.ndim == 4]
    assert convolutions == [
        *(f"model.{place}.weight" for place in (1, 4, 7)),
        *(f"model.10.conv_block.{place}.weight" for place in (1, 5)),
        *(f"model.{place}.weight" for place in (11, 14)),
        *(f"model1_1.{place}.weight" for place in (1, 4)),
        *(f"model1_2.{block}.conv_block.{place}.weight" for block in range(3) for place in (1, 5)),
        *(f"model1_2.{place}.weight" for place in (3, 7)),
    ]
    back = from_torch(state, "x.pth")
    assert back.options == weights.options
    assert {"enhancers": 1, "generator_width": 2, "depth": 2, "blocks": 1}.items() <= back.options.items()
    assert_same(dict(sorted(back.tensors.items())), dict(sorted(weights.tensors.items())))
    load_weights(network, back)
    source = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(network(source), Twin(state).local_enhancer(source), rtol=0, atol=1e-5)


def test_other_networks_are_named_and_refused():
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    start = {f"model.{place}.weight": kernel for place in (1, 4, 7)}
    for names, words in (
        (["model.10.conv_block.0.weight"], "pad with zeros"),
        (["model.10.conv_block.1.weight", "model1_1.1.weight"], "local enhancer of pix2pixHD with other than 3"),
        (["model.10.conv_block.1.weight", "model1_1.1.weight", "model2_1.1.weight"], "one around the other"),
        (["scale0_layer0.0.weight"], "pix2pixHD's discriminator at one scale"),
        (["model.2.weight"], "no network that is known"),
    ):
        with pytest.raises(InputError, match=words):
            from_torch(start | dict.fromkeys(names, kernel), "x.pth")
