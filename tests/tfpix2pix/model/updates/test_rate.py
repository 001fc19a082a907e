"""Checks the learning rate of each schedule against numbers by hand."""

import math

import numpy as np
import pytest

from tfpix2pix.config import Config
from tfpix2pix.model.updates.rate import Plateau, Rate
from tfpix2pix.run_dir.epochs import Stretch
from tfpix2pix.training.schedule import rate_steps


def test_linear():
    rate = Rate(0.4, steps=100, decay_steps=40)
    expected = {0: 0.4, 59: 0.4, 60: 0.4, 61: 0.39, 80: 0.2, 99: 0.01, 100: 0.0, 200: 0.0}
    for step, value in expected.items():
        np.testing.assert_allclose(float(rate(step)), value, rtol=1e-6)
    assert float(Rate(0.4, steps=100, decay_steps=0)(99)) == np.float32(0.4)
    # Of 4 steps the first has a quarter, and the fourth all; where both ends overlap, their shares are multiplied.
    warm = Rate(0.4, steps=100, decay_steps=98, warmup_steps=4)
    for step, value in {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4 * 97 / 98, 50: 0.4 * 50 / 98, 100: 0.0}.items():
        np.testing.assert_allclose(float(warm(step)), value, rtol=1e-6)
    # float32 cannot hold this step.
    np.testing.assert_allclose(float(Rate(1.0, 2**30, 2**30)(2**30 - 3)), 3 / 2**30, rtol=1e-6)


def test_cosine():
    rate = Rate(0.4, steps=100, decay_steps=40, warmup_steps=2, cosine=True)
    root = math.sqrt(0.5)
    expected = {0: 0.2, 60: 0.4, 70: 0.2 * (1 + root), 80: 0.2, 90: 0.2 * (1 - root), 100: 0.0, 200: 0.0}
    for step, value in expected.items():
        np.testing.assert_allclose(float(rate(step)), value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("stretches", "cuts"),
    [
        ([Stretch(0, 10)], [30, 60]),
        # From the middle of the fifth epoch on, an epoch has twice the steps.
        ([Stretch(0, 10), Stretch(45, 20, Stretch(0, 10).epoch(45))], [30, 75]),
    ],
)
def test_step(stretches, cuts):
    config = Config(schedule="step", epochs=9, decay_every=3)
    assert rate_steps(config, stretches)[1:] == (0, cuts)
    rate = Rate(0.4, 90, cuts=cuts, cut_factor=config.rate_factor)
    first, second = cuts
    expected = {0: 0.4, first - 1: 0.4, first: 0.04, second - 1: 0.04, second: 0.004, 1000: 0.004}
    for step, value in expected.items():
        np.testing.assert_allclose(float(rate(step)), value, rtol=1e-6)


def test_plateau():
    plateau = Plateau()
    rate = Rate(0.4, 90, warmup_steps=2, plateau=plateau)
    assert float(rate(50)) == np.float32(0.4)
    plateau.factor.assign(0.25)
    np.testing.assert_allclose([float(rate(step)) for step in (0, 1, 50)], [0.05, 0.1, 0.1], rtol=1e-6)
