"""Checks that ResNets with the same weights give the numbers that the PyTorch reference computed (in float64)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.golden import SHARED, state_dict
from tfpix2pix.networks.generators.generator import of_any_size, with_logits
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.layers.dropout import Dropout
from tfpix2pix.networks.memory_estimate import peak_floats

# By the prefix in the golden file.
NETWORKS = {
    "resnet_2blocks_instance_ngf4": {"norm": "instance"},
    "resnet_2blocks_batch_ngf4": {"norm": "batch"},
    "global_3downs_2blocks_instance_ngf4": {"norm": "instance", "depth": 3},
}


@pytest.fixture(scope="module")
def golden():
    return np.load(SHARED / "golden" / "generators_discriminators.npz")


@pytest.fixture
def precision(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def torch_names(depth, blocks):
    """Returns the reference's names of the layers, by ours: it counts paddings, norms and ReLUs, too."""
    names = {"first": "model.1"} | {f"down{level}": f"model.{3 * level + 1}" for level in range(1, depth + 1)}
    start = 3 * depth + 4
    for block in range(blocks):
        for i, place in ((1, 1), (2, 5)):
            names[f"block{block + 1}_conv{i}"] = f"model.{start + block}.conv_block.{place}"
    start += blocks
    names |= {f"up{depth - i}": f"model.{start + 3 * i}" for i in range(depth)}
    norms = {f"{ours}_norm": f"{theirs[:-1]}{int(theirs[-1]) + 1}" for ours, theirs in names.items()}
    # Two digits carry nothing over: no place before a norm ends in 9.
    assert not any(theirs.endswith("9") for theirs in names.values())
    return names | norms | {"last": f"model.{start + 3 * depth + 1}"}


def by_path(network, arrays):
    """Returns the arrays of a state dict by the variables of ours; instance norms there have none."""
    depth = sum(layer.name.startswith("down") and layer.name[4:].isdigit() for layer in network.layers)
    theirs = torch_names(depth, blocks=2)
    parts = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
    parts |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    found = {}
    for variable in network.variables:
        layer, part = variable.path.split("/")
        if (name := f"{theirs[layer]}.{parts[part]}") in arrays:
            found[variable.path] = arrays[name]
    return found


def built(golden, prefix, **options):
    network = resnet((32, 32), width=4, blocks=2, dropout=0.0, **NETWORKS[prefix], **options)
    arrays = by_path(network, state_dict(golden, f"{prefix}/initial"))
    count = sum(name.endswith((".weight", ".bias")) for name in state_dict(golden, f"{prefix}/initial"))
    assert count == sum(path.endswith(("kernel", "bias", "gamma", "beta")) for path in arrays)
    for variable in network.variables:
        if variable.path in arrays:
            assert tuple(variable.shape) == arrays[variable.path].shape, variable.path
            variable.assign(arrays[variable.path])
        else:
            assert "instance" in prefix
            variable.assign(np.full(variable.shape, float(variable.path.endswith("gamma"))))
    return network


@pytest.mark.needs_shared
@pytest.mark.parametrize("prefix", NETWORKS)
@pytest.mark.parametrize(
    ("precision", "of_output", "of_gradient"),
    [("float32", 1e-5, 1e-4), ("float64", 1e-7, 1e-7)],
    indirect=["precision"],
)
def test_outputs_and_gradients_are_the_references(golden, prefix, precision, of_output, of_gradient):
    network = built(golden, prefix)
    output = golden[f"{prefix}/output"]
    with tf.GradientTape() as tape:
        generated = network(golden["source"].astype(precision), training=True)
        # The weights are in torch's order of elements, (N, C, H, W).
        n, h, w, c = output.shape
        weights = np.linspace(-1, 1, output.size).reshape(n, c, h, w).transpose(0, 2, 3, 1)
        loss = tf.reduce_mean(generated * weights.astype(precision))
    np.testing.assert_allclose(generated, output, atol=of_output, rtol=0)
    theirs = by_path(network, state_dict(golden, f"{prefix}/gradient"))
    paths = [variable.path for variable in network.trainable_variables]
    gradients = dict(zip(paths, tape.gradient(loss, network.trainable_variables), strict=True))
    largest = max(np.linalg.norm(gradient) for gradient in theirs.values())
    for path, gradient in theirs.items():
        difference = np.linalg.norm(gradients[path] - gradient)
        # A bias before an instance norm changes nothing: its gradient is the error of rounding.
        scale = largest if path.endswith("bias") and "instance" in prefix else np.linalg.norm(gradient)
        assert difference <= of_gradient * scale, (path, difference / scale)


def weights_of_convolutions(network):
    return sum(v.numpy().size for v in network.trainable_variables if v.path.endswith(("kernel", "bias")))


def test_parameter_counts_are_the_references():
    """Of resnet_9blocks and resnet_6blocks at width 64, with instance norm: 11.378M and 7.838M."""
    # first, down1, down2, blocks, up2, up1, last: kernels and biases.
    assert weights_of_convolutions(resnet(width=1, norm="instance")) == sum((148, 20, 76, 9 * 296, 74, 19, 150))

    def count(w, blocks):
        kernels = 7 * 7 * 3 * w + 9 * 2 * w**2 + 9 * 8 * w**2 + blocks * 2 * 9 * 16 * w**2
        biases = w + 2 * w + 4 * w + blocks * 2 * 4 * w + 2 * w + w + 3
        return kernels + biases + 9 * 8 * w**2 + 9 * 2 * w**2 + 7 * 7 * w * 3

    assert (count(64, 9), count(64, 6)) == (11_378_179, 7_837_699)
    assert weights_of_convolutions(resnet(width=2, blocks=6, norm="instance")) == count(2, 6)


def test_dropout_is_in_each_block():
    network = resnet((32, 32), width=2, blocks=3, seed=5)
    dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
    assert [layer.name for layer in dropouts] == [f"block{block}_dropout" for block in (1, 2, 3)]
    assert len({layer.seed for layer in dropouts}) == 3
    assert not any(isinstance(layer, Dropout) for layer in resnet((32, 32), width=2, dropout=0.0).layers)


def test_a_network_of_any_size_gives_the_same_numbers():
    network = resnet((16, 24), width=2, blocks=1, norm="instance")
    source = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(of_any_size(network)(source), network(source), atol=1e-6)


def test_labels_have_logits_and_probabilities():
    network = resnet((16, 16), 3, 5, width=2, blocks=1, labels=True)
    generated, logits = with_logits(network)(np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32"))
    np.testing.assert_allclose(generated, 2 * keras.ops.softmax(logits) - 1, atol=1e-6)
    assert logits is not generated
    assert generated.shape == (1, 16, 16, 5)


def test_the_most_numbers_that_are_held():
    """At width 1 the largest are the last convolution's output and its tanh, of 3 channels each."""
    assert peak_floats(resnet((8, 8), 3, 3, width=1, blocks=1)) == 2 * 3 * 64


def test_a_pixel_sees_eight_pixels_a_block_and_twelve_more():
    """Without norms: what docs/large-pictures.md says of tiles follows from it."""
    side, blocks = 96, 2
    network = resnet((side, side), blocks=blocks, width=1, norm="none", dropout=0.0)
    for variable in network.trainable_variables:
        variable.assign(tf.fill(variable.shape, 1.0 / np.prod(variable.shape[:3])))
    image = tf.Variable(tf.fill((1, side, side, 3), 0.01))
    sees = []
    for place in range(46, 50):
        with tf.GradientTape() as tape:
            pixel = network(image)[0, place, place, 0]
        rows = np.flatnonzero(np.any(tape.gradient(pixel, image)[0] != 0, axis=(1, 2)))
        sees.append(max(place - rows[0], rows[-1] - place))
    assert max(sees) == 8 * blocks + 12
