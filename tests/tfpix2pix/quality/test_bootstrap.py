"""Intervals against the normal theory, and how often they contain the true mean."""

import math

import numpy as np
import pytest

from tfpix2pix.quality.bootstrap import MIN_IMAGES, counts_of, interval, interval_of_set


def test_equal_values_have_an_interval_without_width():
    np.testing.assert_allclose(interval(np.full((1, 17), 0.25)), 0.25, rtol=1e-12)


def test_width_is_that_of_the_normal_theory():
    values = np.random.default_rng(0).normal(3, 2, (1, 400))
    low, high = interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    np.testing.assert_allclose((low, high), (values.mean() - half, values.mean() + half), atol=0.06 * half)


@pytest.mark.slow
def test_contains_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(1)
    draws = [interval(rng.exponential(1, (1, 60))) for _ in range(200)]
    held = np.mean([low <= 1 <= high for low, high in draws])
    # 3 standard deviations of 200 draws around 0.93, what 60 skewed values give.
    assert 0.87 < held < 0.98


def test_a_paired_interval_shows_a_difference_that_single_ones_hide():
    rng = np.random.default_rng(2)
    difficulty = rng.normal(0, 1, (1, 100))
    a, b = difficulty + rng.normal(0, 0.05, (1, 100)), difficulty - 0.05 + rng.normal(0, 0.05, (1, 100))
    assert interval(a)[0] < b.mean()
    assert interval(b, a)[1] < 0
    np.testing.assert_allclose(interval(b, a), interval(b - a), atol=1e-9)


def test_runs_that_differ_make_a_difference_unclear():
    rng = np.random.default_rng(3)
    images = rng.normal(0, 1, 100)
    noise = lambda: rng.normal(0, 0.02, 100)  # noqa: E731
    other = np.stack([images + 0.03 + noise()])
    # Each seed alone is clearly different, one above and one below.
    seeds = np.stack([images + noise(), images + 0.08 + noise()])
    assert interval(seeds[:1], other)[1] < 0 < interval(seeds[1:], other)[0]
    low, high = interval(seeds, other)
    assert low < 0 < high


def test_two_runs_span_the_interval_from_one_to_the_other():
    np.testing.assert_allclose(interval(np.stack([np.zeros(50), np.ones(50)])), (0, 1), atol=1e-12)
    assert interval_of_set(np.stack([np.zeros(1000), np.ones(1000)])) == (0, 1)


def test_images_with_a_value_that_is_not_finite_are_left_out():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, (2, 1, 30))
    spoilt = a.copy()
    spoilt[0, :2] = math.inf, math.nan
    assert interval(spoilt, b) == interval(a[:, 2:], b[:, 2:])


def test_too_few_images_have_no_interval():
    assert all(math.isnan(end) for end in interval(np.zeros((3, MIN_IMAGES - 1))))
    assert not any(math.isnan(end) for end in interval(np.zeros((1, MIN_IMAGES))))


def test_counts_give_the_same_interval_as_drawing():
    values = np.random.default_rng(5).normal(0, 1, (1, 80))
    counts = counts_of(80, 4000)
    assert set(counts.sum(1)) == {80}
    np.testing.assert_allclose(interval_of_set(values @ counts.T / 80), interval(values), atol=0.02)
    np.testing.assert_array_equal(counts, counts_of(80, 4000))
