"""Checks pix2pixHD's local enhancer against NumPy, layer by layer."""

import numpy as np

from tests.helpers import numpy_layers as twin
from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.generator import of_any_size
from tfpix2pix.networks.generators.resnet import resnet


def by_hand(weights, source, depth, blocks):
    """Computes LocalEnhancer.forward of pix2pixHD's networks.py from our weights by path."""

    def weight(name, part):
        return weights[f"{name}/{part}"]

    def activated(x, name):
        return np.maximum(twin.instance_norm(x, weight(f"{name}_norm", "gamma"), weight(f"{name}_norm", "beta")), 0)

    def wide(x, name):
        return twin.convolution(twin.padded(x, 3, "reflect"), weight(name, "kernel"), weight(name, "bias"))

    def down(x, name):
        x = twin.convolution(twin.padded(x, 1), weight(name, "kernel"), weight(name, "bias"), stride=2)
        return activated(x, name)

    def block(x, name):
        y = x
        for i in (1, 2):
            conv = f"{name}_conv{i}"
            y = twin.convolution(twin.padded(y, 1, "reflect"), weight(conv, "kernel"), weight(conv, "bias"))
            y = twin.instance_norm(y, weight(f"{conv}_norm", "gamma"), weight(f"{conv}_norm", "beta"))
            y = np.maximum(y, 0) if i == 1 else y
        return x + y

    def up(x, name):
        return activated(twin.transposed(x, weight(name, "kernel"), weight(name, "bias")), name)

    half = activated(wide(twin.pooled(source), "first"), "first")
    for level in range(depth):
        half = down(half, f"down{level + 1}")
    for i in range(blocks):
        half = block(half, f"block{i + 1}")
    for level in reversed(range(depth)):
        half = up(half, f"up{level + 1}")
    x = down(activated(wide(source, "local_first"), "local_first"), "local_down1") + half
    for i in range(3):
        x = block(x, f"local_block{i + 1}")
    return np.tanh(wide(up(x, "local_up1"), "local_last"))


def test_it_computes_what_pix2pixhd_does(float64):
    network = local_enhancer((16, 24), 2, 3, width=2, depth=2, blocks=2, norm="instance", dropout=0.0)
    rng = np.random.default_rng(0)
    weights = {v.path: rng.normal(scale=0.3, size=v.shape) for v in network.variables}
    for variable in network.variables:
        variable.assign(weights[variable.path])
    # Keras' inputs are float32.
    source = rng.uniform(-1, 1, (2, 16, 24, 2)).astype("float32").astype("float64")
    generated = network(source, training=True).numpy()
    np.testing.assert_allclose(generated, by_hand(weights, source, 2, 2), rtol=0, atol=1e-9)
    assert generated.std() > 0.1
    np.testing.assert_allclose(of_any_size(network)(source), generated, rtol=0, atol=1e-9)


def test_a_resnet_of_twice_the_width_has_the_weights_of_its_inner_part():
    shapes = {v.path: v.shape for v in local_enhancer((32, 32), width=2, blocks=2).variables}
    inner = {v.path: v.shape for v in resnet((16, 16), width=4, blocks=2).variables}
    own = {path for path in shapes if path.startswith("local_")}
    assert {path for path in inner if path.startswith("last/")} == {"last/kernel", "last/bias"}
    assert {path: shape for path, shape in shapes.items() if path not in own} == {
        path: shape for path, shape in inner.items() if not path.startswith("last/")
    }
