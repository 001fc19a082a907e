"""Compares what the discriminator sees with a NumPy twin of DiffAugment_pytorch.py, which works by index as it does."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import Config
from tfpix2pix.losses import GAN_LOSSES, UNDECIDED
from tfpix2pix.model.adaptive_strength import AdaptiveStrength
from tfpix2pix.model.augmentation import DRAWS, NEUTRAL, augment, draw_of, weaken
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.run_dir.checkpoints import Checkpoints

ALL = ("color", "translation", "cutout")
CONFIG = Config(
    image_size=(32, 32),
    depth=2,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=1,
    batch_size=4,
    diff_augment=",".join(ALL),
).resolved()


def twin(x, numbers, names, empty=0.0, has_colors=True):
    """Augments `(N, H, W, C)` with torch.rand's numbers given, in place of drawn."""
    n, height, width, channels = x.shape
    if "color" in names and has_colors:
        brightness, saturation, contrast = (numbers[:, i, None, None, None] for i in range(3))
        x = x + (brightness - 0.5)
        if channels == 3:
            mean = x.mean(axis=3, keepdims=True)
            x = (x - mean) * (saturation * 2) + mean
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        x = (x - mean) * (contrast + 0.5) + mean
    batch, rows, columns = np.meshgrid(np.arange(n), np.arange(height), np.arange(width), indexing="ij")
    if "translation" in names:
        shifts = [int(side * 0.125 + 0.5) for side in (height, width)]
        by = [np.floor(numbers[:, 3 + i] * (2 * s + 1)).astype(int)[:, None, None] - s for i, s in enumerate(shifts)]
        padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=empty)
        x = padded[batch, np.clip(rows + by[0] + 1, 0, height + 1), np.clip(columns + by[1] + 1, 0, width + 1)]
    if "cutout" in names:
        sizes = [int(side * 0.5 + 0.5) for side in (height, width)]
        offsets = [
            np.floor(numbers[:, 5 + i] * (side + 1 - size % 2)).astype(int)[:, None, None]
            for i, (side, size) in enumerate(zip((height, width), sizes, strict=True))
        ]
        batch, rows, columns = np.meshgrid(np.arange(n), *map(np.arange, sizes), indexing="ij")
        mask = np.ones((n, height, width, 1))
        mask[
            batch,
            np.clip(rows + offsets[0] - sizes[0] // 2, 0, height - 1),
            np.clip(columns + offsets[1] - sizes[1] // 2, 0, width - 1),
        ] = 0
        x = np.where(mask, x, empty)
    return x


def random_pairs(channels, n=64, size=(11, 14)):
    """Returns so many draws that both ends of every range are among them. Half of 11 and 14 are holes of 6 and 7."""
    rng = np.random.default_rng(0)
    numbers = rng.uniform(size=(n, DRAWS)).astype(np.float32)
    numbers[0], numbers[1] = 0.0, 1 - 2**-23
    return numbers, *(rng.uniform(-1, 1, (n, *size, c)).astype(np.float32) for c in channels)


@pytest.mark.parametrize("names", [*((name,) for name in ALL), ALL])
@pytest.mark.parametrize("channels", [(3, 3), (1, 3), (6, 1)])
def test_equal_to_the_original(names, channels):
    numbers, source, image = random_pairs(channels)
    found = augment(tf.constant(source), tf.constant(image), draw_of(tf.constant(numbers), names, (11, 14)))
    for mine, original in zip(found, (source, image), strict=True):
        np.testing.assert_allclose(mine, twin(original, numbers, names), rtol=0, atol=1e-6)
        assert np.abs(mine - original).max() > 0.1


def test_labels_are_moved_into_no_class_and_keep_their_colors():
    numbers, source, image = random_pairs((5, 3))
    draw = draw_of(tf.constant(numbers), ALL, (11, 14))
    labels, colors = augment(tf.constant(source), tf.constant(image), draw, (True, False))
    np.testing.assert_array_equal(labels, twin(source, numbers, ALL, empty=-1.0, has_colors=False))
    np.testing.assert_allclose(colors, twin(image, numbers, ALL), rtol=0, atol=1e-6)


def test_alpha_stays():
    numbers, source, image = random_pairs((4, 2))
    found = augment(tf.constant(source), tf.constant(image), draw_of(tf.constant(numbers), ("color",), (11, 14)))
    for mine, original in zip(found, (source, image), strict=True):
        np.testing.assert_array_equal(mine[..., -1], original[..., -1])
        np.testing.assert_allclose(mine[..., :-1], twin(original[..., :-1], numbers, ("color",)), rtol=0, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    numbers, source, image = random_pairs((3, 3), n=8)
    draw = draw_of(tf.constant(numbers), ALL, (11, 14))
    rng = np.random.default_rng(1)
    images = [tf.Variable(x, dtype=tf.float64) for x in (source, image)]
    weights = [rng.normal(size=x.shape) for x in images]

    def weighted_sum(*images):
        return tf.add_n([tf.reduce_sum(w * x) for w, x in zip(weights, augment(*images, draw), strict=True)])

    with tf.GradientTape() as tape:
        value = weighted_sum(*images)
    gradients = tape.gradient(value, images)
    for i in range(2):
        for _ in range(5):
            # The sum is linear in the images, so that a large difference is exact.
            step = rng.normal(size=images[i].shape)
            moved = [x + step if i == j else x for j, x in enumerate(images)]
            expected = float(weighted_sum(*moved) - value)
            assert abs(float(tf.reduce_sum(gradients[i] * step)) - expected) < 1e-10 * abs(expected) + 1e-10


def test_penalties_pass_through():
    """R1 and wgan-gp take the gradient of a gradient; compared with central differences."""
    numbers, source, image = random_pairs((3, 3), n=2, size=(4, 6))
    draw = draw_of(tf.constant(numbers * 0.5), ALL, (4, 6))
    source, x = tf.constant(source, tf.float64), tf.Variable(image, dtype=tf.float64)

    def penalty(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(augment(source, x, draw)[1] ** 3)
        return tf.reduce_sum(tape.gradient(value, x) ** 2)

    with tf.GradientTape() as tape:
        value = penalty(x)
    gradient = tape.gradient(value, x)
    step = 1e-4 * np.random.default_rng(1).normal(size=x.shape)
    expected = float(penalty(x + step) - penalty(x - step)) / 2
    assert abs(expected) > 1e-4
    assert float(tf.reduce_sum(gradient * step)) == pytest.approx(expected, rel=1e-6)


def test_the_same_numbers_when_compiled():
    numbers, source, image = random_pairs((3, 3))
    draw = draw_of(tf.constant(numbers), ALL, (11, 14))
    compiled = tf.function(augment, jit_compile=True, autograph=False)
    for mine, eager in zip(compiled(source, image, draw), augment(source, image, draw), strict=True):
        np.testing.assert_allclose(mine, eager, rtol=0, atol=1e-6)


def test_each_place_in_the_batch_has_its_own_draw_at_each_step(strategies):
    """Two replicas draw for their shares what one draws for the whole; other steps and seeds draw others."""

    def draws(replicas, seed=0, step=7):
        augmentation = Pix2Pix(dataclasses.replace(CONFIG, seed=seed), strategies[replicas], total_steps=9).augmentation
        found = strategies[replicas].run(lambda: augmentation.draw(tf.constant(step, tf.int64)))
        return {
            name: np.concatenate(strategies[replicas].experimental_local_results(values))
            for name, values in found.items()
        }

    one, two = draws(1), draws(2)
    for name, values in one.items():
        np.testing.assert_array_equal(two[name], values)
        assert len(np.unique(values, axis=0)) > 1
    assert one.keys() == {"brightness", "saturation", "contrast", "shift", "hole"}
    for other in (draws(1, seed=1), draws(1, step=8)):
        assert not set(other["brightness"]) & set(one["brightness"])


def test_source_target_and_generated_have_one_draw_in_both_updates(strategies):
    model = Pix2Pix(dataclasses.replace(CONFIG, batch_size=1), strategies[1], total_steps=9)
    augment_pair, seen = model.augmentation.__call__, []

    class Recorder:
        draw = model.augmentation.draw

        def __call__(self, source, image, draw):
            seen.append((draw, *augment_pair(source, image, draw)))
            return seen[-1][1:]

    model.augmentation = Recorder()
    # The generator gives the target, so that all images that the discriminator sees are equal.
    model.generator = lambda source, training: 0.5 * source
    model.generator.trainable_variables = []
    source = tf.random.stateless_uniform((1, 32, 32, 3), (0, 0))
    tf.config.run_functions_eagerly(True)
    try:
        make_train_step(model, strategies[1])(source, 0.5 * source)
    finally:
        tf.config.run_functions_eagerly(False)
    # A generated and a real pair in the discriminator's update, a generated one in the generator's.
    assert len(seen) == 3
    for draw, *pair in seen:
        for name, value in seen[0][0].items():
            np.testing.assert_array_equal(draw[name], value)
        for mine, first in zip(pair, seen[0][1:], strict=True):
            np.testing.assert_array_equal(mine, first)
    assert np.abs(seen[0][1] - source).max() > 0.1


def test_nothing_is_drawn_unless_asked(strategies):
    model = Pix2Pix(dataclasses.replace(CONFIG, diff_augment=""), strategies[1], total_steps=9)
    x = tf.zeros((1, 32, 32, 3))
    assert model.augmentation.draw(tf.constant(0, tf.int64)) == {}
    source, image = model.augmentation(x, x, {})
    assert source is x
    assert image is x


def test_the_strength_is_the_probability_of_each_change_of_each_image():
    numbers, source, image = random_pairs((3, 3))
    draw = draw_of(tf.constant(numbers), ALL, (11, 14))
    chances = np.random.default_rng(2).uniform(size=(len(numbers), len(NEUTRAL))).astype(np.float32)
    weak = weaken(draw, tf.constant(chances), tf.constant(0.3))
    for i, (name, values) in enumerate(draw.items()):
        kept = chances[:, i] < 0.3
        assert 0.1 < kept.mean() < 0.5
        np.testing.assert_array_equal(weak[name][kept], values[kept])
        np.testing.assert_array_equal(weak[name][~kept], np.full_like(values[~kept], NEUTRAL[name]))
    for strength, unchanged in ((0.0, (source, image)), (1.0, augment(source, image, draw))):
        found = augment(source, image, weaken(draw, tf.constant(chances), tf.constant(strength)))
        for mine, expected in zip(found, unchanged, strict=True):
            np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-6)


def test_the_strength_moves_towards_the_target():
    """By 4 steps of 2 images in 16, a half: after each fourth step, never beyond 0 or 1."""
    adaptive = AdaptiveStrength(target=0.5, images=16, batch_size=2)
    path = []
    # Their means: 1, 1, 1, 0.5 (the target), 0.25, -1, -1, 0.75.
    for window in ([1] * 4, [1] * 4, [1] * 4, [1, 1, 1, -1], [1, 0, 0, 0], [-1] * 4, [-1] * 4, [1, 0.5, 0.5, 1]):
        for sign in window:
            adaptive.adapt(tf.constant(sign, tf.float32), tf.constant(len(path), tf.int64))
            path.append(float(adaptive.strength.numpy()))
    assert path == [0] * 3 + [0.5] * 4 + [1] * 4 + [1] * 4 + [1] * 4 + [0.5] * 4 + [0] * 4 + [0] * 4 + [0.5]
    assert float(adaptive.signs.numpy()) == 0


@pytest.mark.parametrize("adapts_first", [False, True])
def test_a_changed_run_begins_with_no_strength_or_forgets_it(adapts_first, strategies, tmp_path):
    configs = {adapts: dataclasses.replace(CONFIG, augment_target=0.6 if adapts else 0.0) for adapts in (False, True)}
    model = Pix2Pix(configs[adapts_first], strategies[1], total_steps=9)
    model.step.assign(3)
    if adapts_first:
        model.adaptive_strength.strength.assign(0.5)
        model.adaptive_strength.signs.assign(2.0)
    Checkpoints(tmp_path).save(model)
    for adapts, config in configs.items():
        other = Pix2Pix(config, strategies[1], total_steps=9)
        assert Checkpoints(tmp_path).restore_newest(other, pytest.fail) == 3
        if adapts:
            values = [float(v.numpy()) for v in (other.adaptive_strength.strength, other.adaptive_strength.signs)]
            assert values == ([0.5, 2.0] if adapts_first else [0.0, 0.0])


def test_the_undecided_logit_is_as_near_to_real_as_to_fake():
    for name, logit in UNDECIDED.items():
        of_real, of_fake = (float(GAN_LOSSES[name][0](tf.constant(logit), real=real)) for real in (True, False))
        assert of_real == of_fake
        nearer = tf.constant(logit + 0.1)
        assert GAN_LOSSES[name][0](nearer, real=True) < GAN_LOSSES[name][0](nearer, real=False)
