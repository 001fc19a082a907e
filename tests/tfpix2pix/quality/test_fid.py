"""The Fréchet distance against the published code's numbers (tests/oracle) and Gaussians worked by hand."""

import pathlib
import tracemalloc

import numpy as np
import pytest

from tests.oracle import inputs
from tfpix2pix.quality import fid
from tfpix2pix.quality.fid import frechet_distance, moments

PUBLISHED = np.load(pathlib.Path(__file__).parents[2] / "oracle" / "published.npz")


def sets_of(name):
    n, m, size = inputs.FRECHET_SETS[name]
    return inputs.features(f"frechet {name}", (n, m), size)


def from_singular_values(a, b):
    """Computes the distance from all features at once.

    tr (Σa Σb)^½ is the sum of the singular values of A Bᵀ, where A and B are the centered features over the roots
    of N - 1 and M - 1.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference = a.mean(axis=0) - b.mean(axis=0)
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return difference @ difference + np.sum(a * a) + np.sum(b * b) - 2 * overlap


@pytest.mark.parametrize("package", ["pytorch_fid", "cleanfid"])
@pytest.mark.parametrize("name", ["full_rank", "near"])
def test_equals_the_published_code(name, package):
    assert frechet_distance(*sets_of(name)) == pytest.approx(float(PUBLISHED[f"frechet_{name}_{package}"]), rel=1e-11)


@pytest.mark.parametrize("package", ["pytorch_fid", "cleanfid"])
def test_with_fewer_images_than_features(package):
    published = float(PUBLISHED[f"frechet_rank_deficient_{package}"])
    # The published code adds roots of values that should be 0 and are some 1e-15: 3e-6 in all, of 70.
    assert frechet_distance(*sets_of("rank_deficient")) == pytest.approx(published, rel=1e-7)


@pytest.mark.parametrize(("n", "m"), [(15, 15), (15, 40), (40, 15), (16, 17), (17, 17)])
def test_around_as_many_images_as_features(n, m):
    a, b = inputs.features("frechet around", (n, m), 16)
    assert frechet_distance(a, b) == pytest.approx(from_singular_values(a, b), rel=1e-9)
    in_chunks = [fid.moments(x) for x in (a, b)]
    products = np.linalg.eigvals(in_chunks[0][1] @ in_chunks[1][1])
    overlap = np.sqrt(np.maximum(products.real, 0)).sum()
    traces = sum(np.trace(covariance) for _, covariance in in_chunks)
    by_moments = np.sum((in_chunks[0][0] - in_chunks[1][0]) ** 2) + traces - 2 * overlap
    assert frechet_distance(a, b) == pytest.approx(by_moments, rel=1e-6)


@pytest.mark.parametrize("name", inputs.FRECHET_SETS)
def test_is_symmetric(name):
    a, b = sets_of(name)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-11)


def test_one_feature_by_hand():
    # Means 1 and 9, deviations √2 and 4√2: 8² + (3√2)².
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[5.0], [13.0]])) == pytest.approx(82)


def test_two_features_by_hand():
    # Covariances diag(4, 1) and [[2.5, 1.5], [1.5, 2.5]], means equal. Their product P has determinant 16 and trace
    # 12.5, so tr P^½ = (tr P + 2 √det P)^½ = √20.5.
    root_a = np.diag([2.0, 1.0])
    root_b = np.array([[1.5, 0.5], [0.5, 1.5]])
    # Four points of unit covariance (divided by 3), around 0.
    points = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) * np.sqrt(1.5)
    assert frechet_distance(points @ root_a, points @ root_b) == pytest.approx(5 + 5 - 2 * np.sqrt(20.5), rel=1e-12)


@pytest.mark.parametrize("name", inputs.FRECHET_SETS)
def test_nothing_between_equal_features(name):
    a, _ = sets_of(name)
    assert abs(frechet_distance(a, a[::-1])) < 1e-12 * np.trace(np.cov(a, rowvar=False))


def test_more_noise_gives_a_larger_distance():
    a, _ = sets_of("full_rank")
    noise = inputs.stream("noise").standard_normal(a.shape)
    distances = [frechet_distance(a, a + scale * noise) for scale in (0, 0.1, 0.3, 1, 3)]
    assert distances == sorted(distances)
    assert distances[-1] > 100 * distances[1]


def test_moments_are_numpys_in_chunks_and_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(fid, "CHUNK", 7)
    features = np.memmap(tmp_path / "features", np.float32, "w+", shape=(50, 6))
    # A mean far from 0, where Σ x² - N μ² would have lost all digits of float32.
    features[:] = 1000 + inputs.stream("moments").standard_normal((50, 6))
    mean, covariance = moments(features)
    np.testing.assert_allclose(mean, features.astype(np.float64).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-11, atol=1e-13)


def test_memory_is_flat(tmp_path):
    features = np.memmap(tmp_path / "features", np.float32, "w+", shape=(50 * fid.CHUNK, 16))
    tracemalloc.start()
    moments(features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Some float64 copies of one chunk, of the 50 that there are.
    assert peak < 5 * fid.CHUNK * 16 * 8


def test_too_few_images_or_other_features_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"\(5, 3\) and \(5, 4\)"):
        frechet_distance(np.zeros((5, 3)), np.zeros((5, 4)))
