"""Whole sources are brought to a scale, then reflected to sizes that a generator takes; the picture is found again."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images import fit, transforms
from pipelines.images.array_file import encode_array
from pipelines.images.pair_format import PairFormat
from pipelines.images.whole_source import read_whole_source

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 44, 3), np.uint8)


def brought(form):
    """The picture at the form's scale, before anything is put around it."""
    numbers = tf.constant(PICTURE / np.float32(255))
    if form.preprocess == "pad":
        return transforms.resize(numbers, (20, 29), "bicubic")  # as large as fits into 20x36
    return transforms.resize(numbers, form.size, "bicubic") if form.preprocess == "resize_and_crop" else numbers


@pytest.mark.parametrize(
    ("preprocess", "size", "shape", "window"),
    [
        ("resize_and_crop", (20, 36), (32, 48), (6, 6, 20, 36)),
        ("resize_and_crop", (32, 48), (32, 48), (0, 0, 32, 48)),
        ("pad", (20, 36), (32, 48), (6, 9, 20, 29)),
        ("crop", (16, 16), (32, 48), (1, 2, 30, 44)),
    ],
)
def test_any_scale_is_reflected_to_the_next_multiple(preprocess, size, shape, window):
    form = PairFormat("AtoB", size, preprocess=preprocess)
    source, found, own = read_whole_source(form, tf.constant(encode_array(PICTURE)), False, 16)
    assert tuple(own.numpy()) == PICTURE.shape[:2]
    assert source.shape == (*shape, 3)
    assert tuple(found.numpy()) == window
    np.testing.assert_allclose(fit.cut(source, found), brought(form), atol=1e-6)
    inner = (size, shape)[preprocess == "crop"]
    rows, columns = ((outer - side) // 2 for outer, side in zip(shape, inner, strict=True))
    border = source.numpy()[rows, :, :]
    np.testing.assert_array_equal(source.numpy()[rows - 1] if rows else border, source.numpy()[rows + (rows > 0)])
    assert columns == 0 or np.array_equal(source.numpy()[:, columns - 1], source.numpy()[:, columns + 1])


def test_whole_pictures_that_keep_their_shape_are_not_cut():
    pair = encode_array(np.concatenate([PICTURE, PICTURE[::-1]], axis=1))
    form = PairFormat("AtoB", (64, 64), preprocess="crop", whole=True)
    source, target = form.read(tf.constant(pair))
    np.testing.assert_array_equal(transforms.to_uint8(transforms.normalize(source)), PICTURE)
    np.testing.assert_array_equal(transforms.to_uint8(transforms.normalize(target)), PICTURE[::-1])
    assert (form.shape, form.least_size) == (None, (1, 1))


@pytest.mark.parametrize("shape", [(32, 48), (30, 44)])
@pytest.mark.parametrize("is_pair", [False, True])
def test_translate_reads_what_a_graph_reads(shape, is_pair):
    picture = np.random.default_rng(1).integers(0, 256, (shape[0], shape[1] * (1 + is_pair), 3), np.uint8)
    form = PairFormat("BtoA", (64, 64), preprocess="crop", whole=True)
    contents = tf.constant(encode_array(picture))
    eager = read_whole_source(form, contents, is_pair, 16)
    graph = tf.function(lambda contents: read_whole_source(form, contents, is_pair, 16), autograph=False)(contents)
    for one, other in zip(eager, graph, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    cut = fit.cut(eager.image, eager.window)
    np.testing.assert_array_equal(cut, picture[:, -shape[1] :] / np.float32(255))
