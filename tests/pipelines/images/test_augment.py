"""Random changes of pairs, against NumPy, eagerly and inside tf.data."""

import collections
import hashlib
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from pipelines.images.augment import Augmentation, draw, recolor
from pipelines.system.terminal import InputError

RNG = np.random.default_rng(0)
DRAWS = 960


def positions(height, width):
    """(H, W, 2): each pixel holds its own row and column."""
    return np.stack(np.mgrid[:height, :width], axis=-1).astype(np.float32)


def positioned_pair(height, width):
    """Two and three channels: the target has the source's places, negative."""
    source = positions(height, width)
    return source, -np.concatenate([source, source[..., :1]], axis=-1)


def many(augmentation, pair, draws=DRAWS):
    """Pairs of the seeds [7, i], made in tf.data, where sizes are not known."""
    specs = tuple(tf.TensorSpec((None, None, image.shape[-1]), tf.float32) for image in pair)
    dataset = tf.data.Dataset.from_generator(lambda: itertools.repeat(pair, draws), output_signature=specs)
    dataset = dataset.enumerate().map(lambda i, pair: augmentation(pair, tf.stack([7, i])))
    return list(dataset.as_numpy_iterator())


def place(source, target, size):
    """(top, left, turn) of a crop, once both images are of this very place; turn is one of the eight of a square."""
    top, left = (int(source[..., axis].min()) for axis in (0, 1))
    crop = positions(100, 100)[top : top + size[0], left : left + size[1]]
    turns = [np.rot90(mirrored, k) for mirrored in (crop, crop[:, ::-1]) for k in range(4)]
    (turn,) = [i for i, turned in enumerate(turns) if np.array_equal(turned, source)]
    np.testing.assert_array_equal(target, -np.concatenate([turns[turn], turns[turn][..., :1]], axis=-1))
    return top, left, turn


UNTURNED, UPSIDE_DOWN, MIRRORED = 0, 6, 4
OPTIONS = [
    ({"flip": False}, {UNTURNED}),
    ({}, {UNTURNED, MIRRORED}),
    ({"flip": False, "flip_vertical": True}, {UNTURNED, UPSIDE_DOWN}),
    ({"flip_vertical": True}, {UNTURNED, MIRRORED, UPSIDE_DOWN, 2}),
    ({"flip": False, "rotate90": True}, {0, 1, 2, 3}),
    ({"rotate90": True}, set(range(8))),
    ({"flip_vertical": True, "rotate90": True}, set(range(8))),
]


@pytest.mark.parametrize(
    ("options", "turns"),
    [pytest.param(*each, marks=() if i in (1, 4, 6) else pytest.mark.slow) for i, each in enumerate(OPTIONS)],
)
def test_all_places_and_turns_are_as_likely(options, turns):
    size = (4, 4)
    pairs = many(Augmentation(size, **options), positioned_pair(6, 5))
    seen = collections.Counter(place(*pair, size) for pair in pairs)
    assert set(seen) == set(itertools.product(range(3), range(2), turns))
    # Each count is binomial; with at most 48 kinds, five standard deviations are exceeded once in 40,000 tests.
    mean = DRAWS / len(seen)
    assert all(abs(count - mean) < 5 * mean**0.5 for count in seen.values()), seen


ALL = {"flip_vertical": True, "rotate90": True, "color_jitter": 0.3, "scale_jitter": 0.4}


@pytest.mark.parametrize("options", [{}, ALL], ids=["default", "all"])
def test_the_seed_says_all(options):
    """In tf.data and eagerly, the same to the last bit; another seed, another pair."""
    augmentation = Augmentation((8, 8), **options)
    pair = RNG.random((20, 30, 3), np.float32), RNG.random((20, 30, 1), np.float32)
    pairs = many(augmentation, pair, 12)
    for i, (source, target) in enumerate(pairs):
        eager = augmentation(pair, tf.stack([7, tf.constant(i, tf.int64)]))
        np.testing.assert_array_equal(source, eager[0])
        np.testing.assert_array_equal(target, eager[1])
    assert len({source.tobytes() for source, _ in pairs}) == 12
    other = augmentation(pair, tf.constant([8, 3], tf.int64))
    assert (other[0].numpy() != pairs[3][0]).any()


def test_an_option_changes_nothing_of_the_others():
    """The crop and the mirror stay where they were when others are turned on."""
    size, pair = (4, 4), positioned_pair(9, 9)
    plain = many(Augmentation(size), pair, 40)
    turned = many(Augmentation(size, flip_vertical=True), pair, 40)
    for (source, _), (other, _) in zip(plain, turned, strict=True):
        assert np.array_equal(source, other) or np.array_equal(source, other[::-1])


def test_scale_jitter_takes_larger_and_smaller_windows():
    augmentation = Augmentation((10, 20), scale_jitter=0.5)
    windows = np.array([augmentation.window((60, 70), tf.constant([0, i])) for i in range(400)])
    heights, widths = windows[:, 2], windows[:, 3]
    # Scales of 0.5 to 1.5: windows of 10 / 1.5 to 10 / 0.5 rows, twice as many columns.
    assert (heights.min(), heights.max()) == (7, 20)
    assert (widths.min(), widths.max()) == (13, 40)
    assert abs(widths - 2 * heights).max() <= 1
    np.testing.assert_allclose(np.mean(10 / heights), 1, atol=0.05)
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, :2] + windows[:, 2:] <= [60, 70]).all()


def test_scale_jitter_never_exceeds_the_picture():
    augmentation = Augmentation((10, 20), scale_jitter=0.9)
    windows = np.array([augmentation.window((11, 21), tf.constant([0, i])) for i in range(400)])
    assert (windows[:, :2] + windows[:, 2:] <= [11, 21]).all()
    assert (windows[:, :2] + windows[:, 2:] == [11, 21]).any()
    assert (windows[:, 2:] >= 1).all()


def test_scale_jitter_resizes_each_side_by_its_own_method():
    image = (RNG.integers(0, 2, (40, 40, 1))).astype(np.float32)
    augmentation = Augmentation((16, 16), scale_jitter=0.4)
    seed = tf.constant([0, 1])
    window = augmentation.window((40, 40), seed)
    top, left, height, width = window.numpy()
    assert height != 16
    part = augmentation.cut(tf.constant(image), window)
    np.testing.assert_array_equal(part, image[top : top + height, left : left + width])
    source, target = augmentation.apply((part, part), seed, ("bicubic", "nearest"))
    assert source.shape == target.shape == (16, 16, 1)
    assert set(np.unique(target)) == {0, 1}
    assert len(np.unique(source)) > 50


def test_color_jitter_leaves_the_target_and_the_alpha():
    pair = RNG.random((8, 8, 4), np.float32), RNG.random((8, 8, 3), np.float32)
    for i in range(5):
        source, target = Augmentation((8, 8), flip=False, color_jitter=0.5)(pair, tf.constant([0, i]))
        np.testing.assert_array_equal(target, pair[1])
        np.testing.assert_array_equal(source[..., 3], pair[0][..., 3])
        assert abs(source[..., :3] - pair[0][..., :3]).numpy().max() > 0.05
        assert source.numpy().min() >= 0
        assert source.numpy().max() <= 1


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.2, 1.5])
@pytest.mark.parametrize("place", range(3), ids=["brightness", "contrast", "saturation"])
def test_recolor_is_pillows(place, factor):
    """Pillow is what torchvision's ColorJitter calls for pictures; it rounds to whole levels."""
    pixels = RNG.integers(0, 256, (40, 50, 3), np.uint8)
    kind = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[place]
    expected = np.asarray(kind(Image.fromarray(pixels)).enhance(factor))
    factors = np.ones(3, np.float32)
    factors[place] = factor
    got = recolor(tf.constant(pixels / np.float32(255)), tf.constant(factors)).numpy() * 255
    # Half a level of the result, and half a level of the gray that it is mixed with.
    assert abs(got - expected).max() <= 1 + abs(factor - 1) / 2 + 0.01


@pytest.mark.parametrize("channels", [1, 2, 12])
def test_recolor_of_other_channels(channels):
    image = RNG.random((6, 7, channels), np.float32)
    got = recolor(tf.constant(image), tf.constant([0.8, 0.7, 0.1])).numpy()
    color = image[..., :1] if channels == 2 else image
    color = color * 0.8
    expected = color.mean() + (color - color.mean()) * 0.7
    np.testing.assert_allclose(got[..., : color.shape[-1]], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(got[..., color.shape[-1] :], image[..., color.shape[-1] :])


def test_draws_of_two_kinds_differ():
    seed = tf.constant([3, 4], tf.int64)
    draws = [tuple(draw(seed, kind, 3).numpy()) for kind in (1, 2, 3)]
    assert len(set(draws)) == 3
    assert draws[0] == tuple(draw([3, 4], 1, 3).numpy())


# Digests of what transforms.jitter made at commit c796bd4: pairs of 23x29 cropped to 16x20 with the seeds [5, 0..9].
JITTERED = {
    True: "f097e0f92ae5ab621eaf513f99a9e8cbb693feb5b79a387be7a0c6978cdd0612",
    False: "e4127b51caaceedb92931abd70cf517a0a4fd70eb7917dc36e70a3a048cbaf1b",
}


@pytest.mark.parametrize("flip", JITTERED)
def test_the_papers_jitter_is_that_of_earlier_versions(flip):
    pair = positioned_pair(23, 29)
    digest = hashlib.sha256()
    for i in range(10):
        for image in Augmentation((16, 20), flip)(pair, tf.stack([5, tf.constant(i, tf.int64)])):
            digest.update(image.numpy().tobytes())
    assert digest.hexdigest() == JITTERED[flip]


@pytest.mark.parametrize(
    ("size", "options"),
    [((8, 9), {"rotate90": True}), ((8, 8), {"color_jitter": 1.0}), ((8, 8), {"scale_jitter": -0.1})],
)
def test_what_cannot_be_done_is_refused(size, options):
    with pytest.raises(InputError, match=next(iter(options))):
        Augmentation(size, **options)
