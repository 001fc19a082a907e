"""The kernel distance against clean-fid's numbers (tests/oracle) and sets worked by hand."""

import itertools
import pathlib

import numpy as np
import pytest

from tests.oracle import inputs
from tfpix2pix.quality.kid import kernel_distance, resampled_distances, squared_mmd

PUBLISHED = np.load(pathlib.Path(__file__).parents[2] / "oracle" / "published.npz")


@pytest.mark.parametrize("name", inputs.KERNEL_SETS)
def test_equals_clean_fid(name):
    n, m, size, subsets = inputs.KERNEL_SETS[name]
    generated, real = inputs.features(f"kernel {name}", (n, m), size)
    mean, deviation = kernel_distance(generated, real, subsets, rng=np.random.RandomState(inputs.KERNEL_SEED))
    assert mean == pytest.approx(float(PUBLISHED[f"kernel_{name}_float64"]), rel=1e-12)
    # What clean-fid gives of float32 features has their rounding, in sums over all pairs.
    assert mean == pytest.approx(float(PUBLISHED[f"kernel_{name}_float32"]), rel=1e-6)
    assert 0 < deviation < mean


def test_two_by_two_by_hand():
    # (xy + 1)³: within 27 and 1, across 1, 8, 1 and 27, so 28 - 2 · 37/4.
    generated, real = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    assert squared_mmd(generated, real) == pytest.approx(9.5)
    assert kernel_distance(generated, real, subsets=3) == pytest.approx((9.5, 0))
    # Two features: x·y is halved.
    twice = np.repeat(generated, 2, axis=1), np.repeat(real, 2, axis=1)
    assert kernel_distance(*twice, subsets=3) == pytest.approx((9.5, 0))


def test_is_unbiased():
    # All samples of two from {0, 1} and two from {0, 2}, each as likely: their mean is that of the distributions.
    p, q = (0.0, 1.0), (0.0, 2.0)

    def mean_kernel(a, b):
        return np.mean([(x * y + 1) ** 3 for x, y in itertools.product(a, b)])

    exact = mean_kernel(p, p) + mean_kernel(q, q) - 2 * mean_kernel(p, q)
    samples = [
        squared_mmd(np.array(x)[:, np.newaxis], np.array(y)[:, np.newaxis])
        for x in itertools.product(p, repeat=2)
        for y in itertools.product(q, repeat=2)
    ]
    assert exact > 0
    assert min(samples) < 0
    assert np.mean(samples) == pytest.approx(exact)


def test_deviation_is_over_subsets():
    generated, real = inputs.features("kernel deviation", (20, 30), 4)

    def value(random):
        real_part = real[random.choice(30, 10, replace=False)]
        return squared_mmd(generated[random.choice(20, 10, replace=False)].astype(float), real_part.astype(float))

    random = np.random.RandomState(3)
    values = [value(random) for _ in range(5)]
    found = kernel_distance(generated, real, subsets=5, subset_size=10, rng=np.random.RandomState(3))
    assert found == pytest.approx((np.mean(values), np.std(values)))


def test_equal_seeds_give_equal_values():
    generated, real = inputs.features("kernel seed", (20, 30), 4)
    options = {"subsets": 5, "subset_size": 10}
    assert kernel_distance(generated, real, **options) == kernel_distance(generated, real, **options)
    other = kernel_distance(generated, real, **options, rng=np.random.default_rng(1))
    assert other != kernel_distance(generated, real, **options)


def test_too_few_images_or_other_features_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"\(5, 3\) and \(5, 4\)"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 4)))


def test_resampling_everything_once_is_the_estimate_itself():
    x, y = inputs.features("resampled", (30, 40), 8)
    found = resampled_distances(x, y, np.ones((1, 30)), np.ones((1, 40)))
    within = [np.mean([(a @ b / 8 + 1.0) ** 3 for i, a in enumerate(s) for b in np.delete(s, i, 0)]) for s in (x, y)]
    across = np.mean([(a @ b / 8 + 1.0) ** 3 for a in x for b in y])
    np.testing.assert_allclose(found, sum(within) - 2 * across, rtol=1e-5)


def test_a_resample_is_the_estimate_without_pairs_of_one_image():
    x, y = inputs.features("resampled", (5, 5), 8)
    drawn = np.array([0, 0, 1, 3, 4])
    counts = np.bincount(drawn, minlength=5)[None]
    pairs = [(i, j) for a, i in enumerate(drawn) for b, j in enumerate(drawn) if a != b and i != j]
    kernel = lambda a, b: (a.astype(np.float64) @ b / 8 + 1) ** 3  # noqa: E731
    expected = np.mean([kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs])
    expected -= 2 * np.mean([kernel(x[i], y[j]) for i in drawn for j in drawn])
    np.testing.assert_allclose(resampled_distances(x, y, counts, counts), [expected], rtol=1e-9)
