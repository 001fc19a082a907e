"""Checks the average of the generator's weights against NumPy, and that all that reads checkpoints takes it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tfpix2pix.model.test_accumulation import CONFIG as SMALL
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.model.updates.moving_average import decay_at
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.run_dir.trained_weights import trained_weights

CONFIG = dataclasses.replace(SMALL, norm="batch", learning_rate=0.05, ema=0.3)


def test_the_half_life_grows_to_that_of_the_option():
    # 0.5 has a half-life of 1, which is reached after 20 updates.
    for updates, decay in {0: 0.0, 5: 0.5**4, 10: 0.25, 20: 0.5, 1000: 0.5}.items():
        np.testing.assert_allclose(decay_at(tf.constant(updates), 0.5), decay, rtol=1e-12)
    np.testing.assert_allclose(decay_at(tf.constant(10**6), 0.9999), 0.9999, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "replicas"),
    [
        ({}, 1),
        pytest.param({"gradient_accumulation": 2}, 2, marks=pytest.mark.slow),
        ({"mixed_precision": "float16", "freeze": "encoder"}, 1),
        pytest.param({"xla": True}, 1, marks=pytest.mark.slow),
    ],
)
def test_five_steps_against_numpy(options, replicas, strategies):
    config = dataclasses.replace(CONFIG, **options)
    model = Pix2Pix(config, strategies[replicas], total_steps=100)
    generator, average = (
        lambda network=network: [v.numpy() for v in network.variables if "float" in v.dtype]
        for network in (model.generator, model.averaged_generator)
    )
    is_learned = [v.trainable for v in model.averaged_generator.variables if "float" in v.dtype]
    assert not all(is_learned)
    step = make_train_step(model, strategies[replicas])
    for scale in model.loss_scales():
        # No update is skipped before the last.
        scale.scale.assign(2.0**7)
    batches = iter(strategies[replicas].experimental_distribute_dataset(pairs(6)))

    step(*next(batches))
    # Nothing is left of the start.
    assert all(np.array_equal(a, w) for a, w in zip(average(), generator(), strict=True))
    model.generator_optimizer.iterations.assign(10)
    expected = [value.astype(np.float64) for value in average()]
    # 0.5^(1/h), and h is 0.05 t until that is ln 0.5 / ln 0.3 = 0.576.
    for decay in (0.5 ** (1 / 0.5), 0.5 ** (1 / 0.55), 0.3, 0.3):
        step(*next(batches))
        for i, weights in enumerate(generator()):
            expected[i] = decay * expected[i] + (1 - decay) * weights if is_learned[i] else weights
        for mine, theirs in zip(average(), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)
    assert not np.allclose(average()[-1], generator()[-1], atol=1e-4)

    if scales := model.loss_scales():
        before, weights = average(), generator()
        for scale in scales:
            scale.scale.assign(2.0**40)
        step(*next(batches))
        for i, learned in enumerate(is_learned):
            if learned:
                assert average()[i].tobytes() == before[i].tobytes()
                assert generator()[i].tobytes() == weights[i].tobytes()


def pairs(count):
    rng = np.random.default_rng(0)
    values = tuple(rng.uniform(-1, 1, (count * 4, 32, 32, 3)).astype("float32") for _ in range(2))
    return tf.data.Dataset.from_tensor_slices(values).batch(4, drop_remainder=True)


def test_what_reads_a_checkpoint_takes_the_average(strategies, tmp_path):
    config = dataclasses.replace(CONFIG, pool_size=2)
    config_json.save(config, tmp_path)
    model = Pix2Pix(config, strategies[1], total_steps=100)
    for variable in model.averaged_generator.trainable_variables:
        variable.assign(variable + 0.5)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(model)
    source = next(iter(pairs(1)))[0]
    expected = model.averaged_generator(source, training=False)
    np.testing.assert_array_equal(load_generator(tmp_path)[0](source, training=False), expected)
    assert not np.allclose(model.generator(source, training=False), expected)
    found = {weights.kind: weights.tensors for weights in trained_weights(tmp_path)[0]}
    np.testing.assert_array_equal(found["generator"]["down1/kernel"], model.averaged_generator.variables[0])
    np.testing.assert_array_equal(found["discriminator"]["down1/kernel"], model.discriminator.variables[0])
    assert checkpoints.words(0) == "step 0 (EMA)"

    # A run that is changed to do without, and one that is changed to have one from then on.
    model.pools[0].count.assign(1)
    model.step.assign(1)
    checkpoints.save(model)
    without = Pix2Pix(dataclasses.replace(config, ema=0.0, seed=1), strategies[1], total_steps=100)
    assert checkpoints.restore_newest(without) == 1
    np.testing.assert_array_equal(without.generator.variables[0], model.generator.variables[0])
    assert without.pools[0].count == 1
    without.step.assign(2)
    checkpoints.save(without)
    assert checkpoints.words(2) == "step 2"
    assert checkpoints.restore_newest(model) == 2
    assert model.pools[0].count == 1
    for mine, theirs in zip(model.averaged_generator.variables, without.generator.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(load_generator(tmp_path)[0](source), without.generator(source))
