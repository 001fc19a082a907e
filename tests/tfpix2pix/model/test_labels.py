"""The step for label targets: probabilities against logits, gradients against one tape over the whole objective."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tfpix2pix.model.test_distribution import flat
from tfpix2pix.config import Config
from tfpix2pix.model.gradients import generate, generator_gradients
from tfpix2pix.model.state import Pix2Pix, generator_of
from tfpix2pix.model.step import make_train_step
from tfpix2pix.networks.generators.generator import with_logits
from tfpix2pix.networks.generators.unet import unet

CLASSES = 3
CONFIG = Config(
    image_size=(32, 32),
    depth=2,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=1,
    dropout=0.0,
    norm="none",
    batch_size=4,
    target_labels=CLASSES,
    crop=False,
).resolved()


def pairs():
    """Sources whose brightness says the class, with a corner of no class."""
    rng = np.random.default_rng(0)
    indices = np.kron(rng.integers(0, CLASSES, (4, 4, 4)), np.ones((1, 8, 8), int))
    source = np.repeat(indices[..., None] - 1.0, 3, -1).astype("float32")
    target = np.eye(CLASSES, dtype="float32")[indices] * 2 - 1
    target[:, :8, :8] = -1
    return source, target


def train(config, strategy, steps=1):
    model = Pix2Pix(config, strategy, total_steps=1000)
    dataset = tf.data.Dataset.from_tensor_slices(pairs()).batch(4).repeat()
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    step = make_train_step(model, strategy)
    for _ in range(steps):
        metrics = step(*next(batches))
    return model, {name: float(value) for name, value in metrics.items()}


def test_the_output_is_two_p_minus_one_of_the_logits():
    generator = generator_of(dataclasses.replace(CONFIG, norm_statistics="moving"))
    source = tf.constant(pairs()[0])
    generated, logits = with_logits(generator)(source)
    np.testing.assert_array_equal(generated, generator(source))
    np.testing.assert_allclose(generated, 2 * tf.nn.softmax(logits * 1.0) - 1, atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum((generated + 1) / 2, -1), 1, atol=1e-5)


def test_labels_have_the_weights_of_an_image():
    ours, other = (unet((32, 32), 3, CLASSES, width=2, labels=labels) for labels in (True, False))
    assert [(w.path, w.shape) for w in ours.weights] == [(w.path, w.shape) for w in other.weights]


def test_gradients_are_those_of_one_tape_over_the_whole_objective(strategies):
    model = Pix2Pix(CONFIG, strategies[1], total_steps=10)
    source, target = (tf.constant(each) for each in pairs())
    with tf.GradientTape() as tape:
        generated, logits = generate(model, source)
    found, metrics = generator_gradients(model, source, target, [generated, logits], tape)

    with tf.GradientTape() as tape:
        generated, logits = with_logits(model.generator)(source, training=True)
        has_class = tf.reduce_any(target > 0, axis=-1)
        judged = model.discriminator([source, tf.where(has_class[..., None], generated, target)], training=True)
        logp = tf.nn.log_softmax(logits)
        each = -tf.reduce_sum(tf.where(target > 0, logp, 0.0), axis=(1, 2, 3))
        entropy = tf.reduce_mean(each / tf.reduce_sum(tf.cast(has_class, tf.float32), axis=(1, 2)))
        loss = tf.reduce_mean(tf.nn.softplus(-judged)) + 100 * entropy
    expected = tape.gradient(loss, model.generator.trainable_variables)
    assert float(metrics["generator/cross_entropy"]) == pytest.approx(float(entropy), rel=1e-5)
    assert float(metrics["generator/loss"]) == pytest.approx(float(loss), rel=1e-5)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max() + 1e-9)


def test_steps_learn_classes(strategies):
    """The cross-entropy of chance is log 3; brightness says the class."""
    config = dataclasses.replace(CONFIG, learning_rate=3e-3)
    _, metrics = train(config, strategies[1], steps=40)
    assert metrics["generator/cross_entropy"] < 0.5 * np.log(CLASSES)
    assert "generator/l1" not in metrics


@pytest.fixture(scope="module")
def whole(strategies):
    return train(CONFIG, strategies[1])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"gradient_accumulation": 2}, {"xla": True}], ids=["parts", "xla"])
def test_other_ways_to_compute_a_step_give_the_same(options, whole, strategies):
    whole, losses = whole
    other, others = train(dataclasses.replace(CONFIG, **options), strategies[1])
    np.testing.assert_allclose([others[name] for name in losses], [*losses.values()], 1e-4)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        a, b = (flat(getattr(model, name)._momentums) for model in (whole, other))
        assert np.linalg.norm(a - b) < 1e-4 * np.linalg.norm(a)


@pytest.mark.slow
def test_half_precision_and_two_replicas_train_labels(strategies):
    for config, strategy in (
        (dataclasses.replace(CONFIG, mixed_precision="float16", pool_size=3), strategies[1]),
        (dataclasses.replace(CONFIG, mixed_precision="bfloat16"), strategies[2]),
    ):
        _, metrics = train(config, strategy, steps=2)
        assert metrics["generator/cross_entropy"] == pytest.approx(np.log(CLASSES), abs=0.1)
