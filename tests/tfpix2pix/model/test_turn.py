"""Checks steps at which only the discriminator learns, and the rates of both networks."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tfpix2pix.model.test_accumulation import CONFIG as SMALL
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step

CONFIG = dataclasses.replace(SMALL, discriminator_steps=2, learning_rate=0.1, warmup_steps=4, ema=0.5)


@pytest.mark.parametrize(
    ("options", "replicas"),
    [
        ({"discriminator_learning_rate": 0.4}, 1),
        pytest.param({"gradient_accumulation": 2}, 2, marks=pytest.mark.slow),
        pytest.param({"gradient_accumulation": 2, "mixed_precision": "float16"}, 1, marks=pytest.mark.slow),
        pytest.param({"target_labels": 3, "gradient_accumulation": 2}, 1, marks=pytest.mark.slow),
        pytest.param({"xla": True}, 1, marks=pytest.mark.slow),
    ],
)
def test_the_generator_learns_at_every_second_step(options, replicas, strategies):
    config = dataclasses.replace(CONFIG, **options).resolved()
    rng = np.random.default_rng(0)
    shape = (4, *config.image_size)
    source = rng.uniform(-1, 1, (*shape, 3)).astype("float32")
    target = np.eye(config.target_channels, dtype="float32")[rng.integers(0, config.target_channels, shape)] * 2 - 1
    dataset = tf.data.Dataset.from_tensors((source, target)).unbatch().batch(4)
    batch = next(iter(strategies[replicas].experimental_distribute_dataset(dataset)))

    def begin(config):
        model = Pix2Pix(config, strategies[replicas], total_steps=100)
        return model, make_train_step(model, strategies[replicas])

    model, step = begin(config)
    usual = begin(dataclasses.replace(config, discriminator_steps=1))[1](*batch)

    def state(*parts):
        return [v.numpy() for part in parts for v in part]

    def generators():
        averaged = model.averaged_generator.variables
        return state(model.generator.trainable_variables, averaged, model.generator_optimizer.variables)

    def discriminator():
        return state(model.discriminator.trainable_variables)

    start = generators(), discriminator()
    metrics = step(*batch)
    # The same is measured where it does not learn.
    assert metrics.keys() == usual.keys()
    for name, value in usual.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-6, err_msg=name)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(start[0], generators(), strict=True))
    assert not np.allclose(start[1][0], discriminator()[0])
    kernel = model.generator.trainable_variables[0].numpy()
    step(*batch)
    assert int(model.generator_optimizer.iterations.numpy()) == 1
    assert int(model.discriminator_optimizer.iterations.numpy()) == 2
    # Adam's first update moves each weight by the rate: of the second step, which has two quarters of it.
    moved = np.abs(model.generator.trainable_variables[0].numpy() - kernel)
    np.testing.assert_allclose(np.median(moved), 0.1 * 2 / 4, rtol=1e-3)
    if rate := config.discriminator_learning_rate:
        moved = np.abs(discriminator()[0] - start[1][0])
        # The first update, with a quarter, and the second.
        assert rate / 4 < moved.max() <= rate * 3 / 4 * 1.01
        np.testing.assert_allclose(metrics["discriminator_learning_rate"], rate * 2 / 4, rtol=1e-6)
