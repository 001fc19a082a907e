"""Checks half precision against float32, and what an overflow in float16 changes."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.model.updates.loss_scale import GROWTH_UPDATES, INITIAL_SCALE
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.training.actions import check_finite

CONFIG = Config(
    image_size=(32, 32), depth=3, generator_width=2, discriminator_width=2, discriminator_layers=1, batch_size=2
).resolved()


def batch():
    rng = np.random.default_rng(0)
    return tuple(tf.constant(rng.uniform(-1, 1, (2, 32, 32, 3)), tf.float32) for _ in range(2))


def state_of(model):
    networks = (model.generator, model.discriminator)
    optimizers = (model.generator_optimizer, model.discriminator_optimizer)
    learned = [v for network in networks for v in network.trainable_variables]
    moments = [v for adam in optimizers for v in (*adam._momentums, *adam._velocities, adam.iterations)]
    return [v.numpy().copy() for v in (*learned, *moments)]


@pytest.mark.parametrize("replicas", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_overflow_is_skipped_and_counted(replicas, strategies, tmp_path):
    model = Pix2Pix(dataclasses.replace(CONFIG, mixed_precision="float16"), strategies[replicas], total_steps=100)
    step = make_train_step(model, strategies[replicas])
    share = [x[: 2 // replicas] for x in batch()]
    step(*share)
    before = state_of(model)
    for scale in model.loss_scales():
        scale.scale.assign(2.0**30)
    metrics = step(*share)
    for a, b in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (float(metrics["skipped_steps"]), float(metrics["loss_scale"])) == (2, 2.0**29)
    # The losses are finite, so the run continues.
    check_finite(model)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(model)
    for scale in model.loss_scales():
        scale.scale.assign(INITIAL_SCALE)
        scale.good.assign(GROWTH_UPDATES - 1)
    metrics = step(*share)
    assert (float(metrics["skipped_steps"]), float(metrics["loss_scale"])) == (2, 2 * INITIAL_SCALE)
    assert any(np.any(a != b) for a, b in zip(before, state_of(model), strict=True))
    checkpoints.restore_newest(model)
    assert [float(scale.scale.numpy()) for scale in model.loss_scales()] == [2.0**29] * 2


def test_an_overflow_without_any_scale_stops_the_run(strategies):
    model = Pix2Pix(dataclasses.replace(CONFIG, mixed_precision="float16"), strategies[1], total_steps=100)
    model.generator_optimizer.loss_scale.scale.assign(0.5)
    model.step.assign(7)
    make_train_step(model, strategies[1])(*batch())
    with pytest.raises(InputError, match="at step 8"):
        check_finite(model)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_inference_is_in_float32_and_no_policy_leaks(policy, strategies, tmp_path):
    config = dataclasses.replace(CONFIG, mixed_precision=policy)
    model = Pix2Pix(config, strategies[1], total_steps=100)
    assert keras.config.dtype_policy().name == "float32"
    low = [layer for layer in model.generator.layers if layer.compute_dtype == policy]
    assert len(low) > 10
    for network in (model.generator, model.discriminator):
        assert network.output.dtype == "float32"
        assert {v.dtype for v in network.trainable_variables} == {"float32"}
    config_json.save(config, tmp_path)
    Checkpoints(tmp_path).save(model)
    generator, _, _ = load_generator(tmp_path)
    assert {layer.compute_dtype for layer in generator.layers} == {"float32"}
    exact = Pix2Pix(CONFIG, strategies[1], total_steps=100).generator
    for mine, theirs in zip(exact.variables, model.generator.variables, strict=True):
        mine.assign(theirs)
    source, _ = batch()
    np.testing.assert_array_equal(generator(source, training=False), exact(source, training=False))
    assert np.abs(generator(source) - model.generator(source)).max() > 0
