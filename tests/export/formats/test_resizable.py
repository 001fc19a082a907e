"""The generator of operations for any size against the generator itself."""

import numpy as np
import pytest
import tensorflow as tf

from export.formats.resizable import Resizable, doubling_kernel
from tfpix2pix.networks.generators.unet import unet


def test_the_kernel_of_ones_and_powers_by_hand():
    # One pixel of 1 under a transposed convolution puts its kernel into the 4×4 pixels around the 2×2 that it becomes.
    kernel = 10.0 ** np.arange(16).reshape(4, 4, 1, 1)
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1] = 1
    y = tf.nn.conv2d(np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), doubling_kernel(kernel), 1, "VALID")
    doubled = tf.nn.depth_to_space(y, 2)[0, 1:-1, 1:-1, 0]
    np.testing.assert_array_equal(doubled, np.pad(kernel[..., 0, 0], 1))


@pytest.mark.parametrize(
    "options",
    [{}, {"norm_statistics": "moving"}, {"norm": "instance"}, {"norm": "none"}, {"labels": True, "target_channels": 5}],
    ids=["image", "moving", "instance", "none", "labels"],
)
def test_it_computes_what_the_generator_does(options):
    generator = unet((None, None), width=2, depth=3, products=False, **options)
    rng = np.random.default_rng(0)
    for variable in generator.variables:
        if not variable.path.endswith("calls"):
            variable.assign(rng.uniform(0.3 if "variance" in variable.path else -0.4, 0.6, variable.shape))
    sources = rng.uniform(-1, 1, (2, 16, 40, 3)).astype(np.float32)
    expected = generator(sources, training=False)
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(Resizable(generator)(sources), expected, atol=5e-5)
