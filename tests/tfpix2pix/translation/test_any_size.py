"""Pictures of any size: the generator on what NumPy reflects, cut; and how often it is traced."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.translation.any_size import AnySize, translate_any_size

STEP = 8


@pytest.fixture(scope="module")
def generator():
    return unet((None, None), width=2, depth=3)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 13), (3, 60)])
def test_reflected_by_numpy(generator, size):
    sources = np.random.default_rng(0).uniform(-1, 1, (2, *size, 3)).astype(np.float32)
    room = [-side % STEP for side in size]
    before = [each // 2 for each in room]
    widths = [(b, r - b) for b, r in zip(before, room, strict=True)]
    padded = np.pad(sources, [(0, 0), *widths, (0, 0)], "reflect" if min(size) > 1 else "symmetric")
    expected = generator(padded, training=False)[:, before[0] : before[0] + size[0], before[1] : before[1] + size[1]]
    got = AnySize(generator, STEP)(tf.constant(sources))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_multiples_are_left_as_they_are(generator):
    sources = tf.random.stateless_uniform((1, 16, 24, 3), (0, 1), -1, 1)
    np.testing.assert_array_equal(translate_any_size(generator, sources, STEP), generator(sources, training=False))


def test_two_traces_for_many_sizes(generator):
    traces = []

    class Counted:
        input_shape = generator.input_shape

        def __call__(self, sources, training):
            traces.append(sources.shape)
            return generator(sources, training=training)

    translate = AnySize(Counted(), STEP, native=(16, 16))
    for count, size in enumerate([(16, 16), (5, 6), (7, 30), (16, 16), (24, 8), (33, 16), (16, 24)], 1):
        assert translate(tf.zeros((count, *size, 3))).shape == (count, *size, 3)
    assert [shape[1:3].as_list() for shape in traces] == [[16, 16], [None, None]]
