"""Columns measured over a split, against NumPy on all images at once."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.label_colors import Palette
from tfpix2pix.quality.bootstrap import counts_of
from tfpix2pix.quality.fid import frechet_distance
from tfpix2pix.quality.kid import kernel_distance
from tfpix2pix.quality.measure import Networks, compile_columns, measure
from tfpix2pix.quality.segmentation import confusions, labels_of, scores

N = 7
PALETTE = Palette({"dark": (0, 0, 0), "bright": (255, 255, 255)})


def features(images):
    """Returns 16 numbers per image, in place of Inception's 2048."""
    return tf.reshape(tf.image.resize(images[..., :1], (4, 4), "area"), (-1, 16))


def distance(a, b):
    """Stands in for LPIPS."""
    return tf.reduce_mean((a - b) ** 2, axis=(1, 2, 3))


def segment(images):
    brightness = tf.reduce_sum(images, -1, keepdims=True)
    return tf.concat([-brightness, brightness], -1)


ALL = Networks(features, distance, segment, PALETTE)
COLUMNS = {
    "identity": lambda batch: [batch["source"]],
    "two": lambda batch: [batch["source"] * 0.5, batch["target"] * 0.9],
}


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    blocks = rng.uniform(-1, 1, (2, N, 4, 4, 3)).astype(np.float32)
    return np.kron(blocks, np.ones((1, 1, 4, 4, 1), np.float32))


def run(split, batch_size, networks=ALL, columns=COLUMNS, **options):
    source, target = split
    data = {"source": source, "target": target, "labels": (source, target)}
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(batch_size)
    return measure(compile_columns(columns, networks), dataset, -(-N // batch_size), **options)


@pytest.fixture(scope="module")
def measured(split):
    """In batches of three, and what was shown meanwhile."""
    shown = []
    on_batch = lambda first, batch, generated: shown.append((first, len(generated["two"])))  # noqa: E731
    return run(split, 3, resamples=300, on_batch=on_batch), shown


def test_single_images(split, measured):
    source, target = split
    found, _ = measured
    np.testing.assert_allclose(found["identity"].images["l1"], np.abs(source - target).mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found["identity"].images["lpips"], distance(source, target), rtol=1e-5)
    assert "diversity_l1" not in found["identity"].images
    for name in ("l1", "psnr", "ssim", "lpips"):
        assert found["identity"].means[name] == pytest.approx(found["identity"].images[name].mean(), rel=1e-5)


def test_several_translations_have_their_mean_and_their_diversity(split, measured):
    source, target = split
    found = measured[0]["two"].images
    a, b = 0.5 * source, 0.9 * target
    expected = (np.abs(a - target) + np.abs(b - target)).mean((1, 2, 3)) / 2
    np.testing.assert_allclose(found["l1"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["diversity_l1"], np.abs(a - b).mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found["diversity_lpips"], distance(a, b), rtol=1e-5)


def test_the_whole_set(split, measured):
    source, target = split
    found, _ = measured
    real = features(target).numpy()
    fake = features(source).numpy()
    assert found["identity"].means["fid"] == pytest.approx(frechet_distance(fake, real), rel=1e-5)
    assert found["identity"].means["kid"] == pytest.approx(kernel_distance(fake, real, rng=np.random)[0], rel=1e-4)
    both = np.concatenate([features(0.5 * source), features(0.9 * target)])
    assert found["two"].means["fid"] == pytest.approx(frechet_distance(both, real), rel=1e-5)


def test_segmentation(split, measured):
    source, _ = split
    found, _ = measured
    # The identity shows the labels themselves.
    assert found["identity"].means["class_iou"] == 1
    np.testing.assert_array_equal(found["identity"].images["pixel_accuracy"], np.ones(N))
    counts = confusions(labels_of(source, PALETTE), segment(split[1])).numpy().sum(0)
    counts += confusions(labels_of(source, PALETTE), segment(source)).numpy().sum(0)
    expected = scores(counts)
    assert 0.4 < expected["class_iou"] < 0.9
    means = found["two"].means
    assert {name: means[name] for name in expected} == pytest.approx(expected)


def test_batches_make_no_difference(split, measured):
    whole, single = measured[0], run(split, 1)
    for column in COLUMNS:
        for name, value in whole[column].means.items():
            assert single[column].means[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def test_without_networks_only_metrics_that_need_none(split):
    assert list(run(split, 3, Networks())["identity"].means) == ["l1", "psnr", "ssim"]


def test_one_image_has_no_covariance(split):
    assert "fid" not in run(split[:, :1], 1)["identity"].means


def test_batches_are_shown_in_order_and_can_be_cancelled(split, measured):
    assert measured[1] == [(0, 2), (3, 2), (6, 2)]
    assert run(split, 3, Networks(), is_cancelled=lambda: True) is None


def test_intervals_of_the_set_are_over_whole_images(split, measured):
    found, _ = measured
    counts = counts_of(N, 300)
    confusion = confusions(labels_of(split[0], PALETTE), segment(split[1] * 0.9)).numpy()
    confusion += confusions(labels_of(split[0], PALETTE), segment(split[0] * 0.5)).numpy()
    expected = [scores(np.repeat(confusion, each, axis=0).sum(0))["class_iou"] for each in counts]
    np.testing.assert_allclose(found["two"].resampled["class_iou"], expected)
    assert found["two"].resampled["kid"].shape == (300,)
    assert set(found["identity"].resampled["class_iou"]) == {1.0}
    assert "fid" not in found["two"].resampled
