"""Metrics of single images against scikit-image's numbers, a NumPy twin, and noise, which makes all worse."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.oracle.inputs import unit_pair
from tfpix2pix.quality.image_metrics import image_metrics
from tfpix2pix.quality.metrics import METRICS, MS_SSIM_SIDE

PUBLISHED = np.load(pathlib.Path(__file__).parents[2] / "oracle" / "published.npz")


def measured(target, generated):
    """Measures images in [0, 1]."""
    batches = (tf.constant(np.stack(images) * 2 - 1, tf.float32) for images in (target, generated))
    return {name: value.numpy() for name, value in image_metrics(*batches).items()}


def test_psnr_and_ssim_equal_scikit_image():
    found = measured(*zip(*map(unit_pair, range(3)), strict=True))
    np.testing.assert_allclose(found["psnr"], PUBLISHED["psnr"], rtol=1e-6)
    # scikit-image takes the differences of squares in float64, TensorFlow in float32: 2e-6 here.
    np.testing.assert_allclose(found["ssim"], PUBLISHED["ssim"], atol=4e-6)


def test_by_hand():
    target = np.zeros((1, 16, 16, 3))
    target[0, :8] = 0.5
    found = measured(target, np.full_like(target, 0.25))
    # All pixels are off by 1/4 in [0, 1], and so by 1/2 in [-1, 1].
    assert found["l1"] == pytest.approx(0.5)
    assert found["psnr"] == pytest.approx(20 * np.log10(4))


def gaussian_means(image, window=11, sigma=1.5):
    weights = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    rows = np.lib.stride_tricks.sliding_window_view(image, window, axis=0) @ weights
    return np.lib.stride_tricks.sliding_window_view(rows, window, axis=1) @ weights


def ms_ssim(a, b):
    """Wang et al. 2003, equations 7 and section 3.2, of one channel; float64."""
    c1, c2, product = 0.01**2, 0.03**2, 1.0
    powers = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    for scale, power in enumerate(powers):
        if scale:
            a, b = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (a, b))
        mean_a, mean_b = gaussian_means(a), gaussian_means(b)
        squares = gaussian_means(a * a + b * b) - mean_a**2 - mean_b**2
        structure = (2 * (gaussian_means(a * b) - mean_a * mean_b) + c2) / (squares + c2)
        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        product *= (structure * luminance if scale == 4 else structure).mean() ** power
    return product


def test_ms_ssim_equals_its_numpy_twin():
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.uniform(0, 1, (12, 12, 3)), np.ones((16, 16, 1)))
    noisy = (blocks + rng.normal(0, 0.1, blocks.shape)).clip(0, 1)
    found = measured([blocks], [noisy])["ms_ssim"][0]
    assert found == pytest.approx(np.mean([ms_ssim(blocks[..., c], noisy[..., c]) for c in range(3)]), abs=1e-5)
    assert found < 0.99


def test_small_images_have_fewer_metrics():
    for side, names in (
        (10, ["l1", "psnr"]),
        (MS_SSIM_SIDE - 1, ["l1", "psnr", "ssim"]),
        (MS_SSIM_SIDE, ["l1", "psnr", "ssim", "ms_ssim"]),
    ):
        image = np.zeros((1, side, side, 1))
        assert list(measured(image, image)) == names


def test_equal_images_are_perfect_and_noise_makes_all_worse():
    rng = np.random.default_rng(0)
    image = np.kron(rng.uniform(0.2, 0.8, (1, 12, 12, 3)), np.ones((1, 16, 16, 1)))
    noise = rng.normal(0, 1, image.shape)
    perfect = measured(image, image)
    assert [perfect[name][0] for name in ("l1", "psnr", "ssim", "ms_ssim")] == [0, np.inf, 1, 1]
    found = [measured(image, image + amount * noise) for amount in (0.01, 0.03, 0.1)]
    for name in perfect:
        values = [perfect[name][0], *(metrics[name][0] for metrics in found)]
        order = sorted(values, reverse=METRICS[name].is_higher_better)
        assert values == order
        assert len(set(values)) == 4
