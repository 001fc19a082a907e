"""Intervals against the normal theory, and against how often they hold the truth."""

import math

import numpy as np

from tfpix2pix.quality.bootstrap import counts_of, interval, percentiles


def test_equal_values_leave_no_doubt():
    assert interval(np.full(7, 0.25)) == (0.25, 0.25)


def test_width_is_that_of_the_normal_theory():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    np.testing.assert_allclose((low, high), (values.mean() - half, values.mean() + half), atol=0.06 * half)


def test_holds_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(1)
    draws = [interval(rng.exponential(1, 60)) for _ in range(200)]
    held = np.mean([low <= 1 <= high for low, high in draws])
    # 3 standard deviations of 200 draws around 0.93, what 60 skewed values give.
    assert 0.87 < held < 0.98


def test_pairing_tells_apart_what_means_cannot():
    rng = np.random.default_rng(2)
    difficulty = rng.normal(0, 1, 100)
    a, b = difficulty + rng.normal(0, 0.05, 100), difficulty - 0.05 + rng.normal(0, 0.05, 100)
    assert interval(a)[0] < b.mean()
    assert interval(b - a)[1] < 0


def test_what_is_not_finite_is_left_out():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert interval(np.array([*values, math.inf, math.nan])) == interval(values)
    assert all(math.isnan(end) for end in interval(np.array([math.inf])))


def test_counts_give_the_same_interval_as_drawing():
    values = np.random.default_rng(3).normal(0, 1, 80)
    counts = counts_of(80, 4000)
    assert set(counts.sum(1)) == {80}
    np.testing.assert_allclose(percentiles(counts @ values / 80), interval(values), atol=0.02)
    np.testing.assert_array_equal(counts, counts_of(80, 4000))
