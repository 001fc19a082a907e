"""Several steps in one call end with the bits of as many calls, and a call ends where something else is done."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tests.tfpix2pix.training.test_resume_options import CONFIG
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_steps
from tfpix2pix.training import loop

STEPS = 5


def test_five_steps_by_three_and_two_have_the_bits_of_five_calls(strategies):
    # Dropout, jitter's draws, a rate that falls, and steps that differ from each other.
    config = dataclasses.replace(CONFIG, discriminator_steps=2, ema=0.5).resolved()
    rng = np.random.default_rng(0)
    batches = [
        tuple(tf.constant(rng.uniform(-1, 1, (2, 32, 32, 3)), tf.float32) for _ in range(2)) for _ in range(STEPS)
    ]
    weights, seen = [], []
    for per_call in (1, 3):
        tf.keras.utils.set_random_seed(0)
        model = Pix2Pix(config, strategies[1], total_steps=STEPS, decay_steps=STEPS)
        loop.run(
            make_train_steps(model, strategies[1]),
            batches,
            [lambda step, metrics: seen.append((step, float(metrics["generator/loss"])))],
            0,
            ends_call=lambda step, per_call=per_call: step % per_call == 0 or step == STEPS,
        )
        weights.append([v.numpy().tobytes() for v in (*model.generator.variables, *model.discriminator.variables)])
    assert weights[0] == weights[1]
    # The metrics of a call are those of its last step.
    assert seen[STEPS:] == [seen[2], seen[4]]
    assert seen[2] != seen[4]


def test_what_comes_between_two_calls_is_refused():
    Config(steps_per_call=5)
    with pytest.raises(InputError, match=r"steps_per_call=4 does not divide log_every=10.*log_every=12"):
        Config(steps_per_call=4)
