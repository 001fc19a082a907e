"""Scores of label maps and masks against NumPy on the pixels themselves."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.quality.label_metrics import label_metrics, label_scores, mask_confusions, mask_scores
from tfpix2pix.quality.measure import Networks, compile_columns, measure

N, CLASSES = 6, 4


def label_maps():
    """Targets with pixels of no class, probabilities, and a class that never occurs."""
    rng = np.random.default_rng(0)
    indices = rng.choice([0, 1, 2, 255], (N, 8, 8), p=[0.5, 0.3, 0.1, 0.1])
    target = np.zeros((N, 8, 8, CLASSES), np.float32)
    for number in range(CLASSES):
        target[..., number] = indices == number
    logits = rng.normal(0, 1, target.shape) + 2 * target
    logits[..., 3] = -9
    return indices, target * 2 - 1, (tf.nn.softmax(logits) * 2 - 1).numpy().astype(np.float32)


def by_pixels(indices, guess):
    """Computes the scores from the pixels themselves, not from counts."""
    has_class = indices != 255
    truth, guess = indices[has_class], guess[has_class]
    occurs = [c for c in range(CLASSES) if (truth == c).any() or (guess == c).any()]
    both = {c: ((truth == c) & (guess == c)).sum() for c in occurs}
    return {
        "pixel_accuracy": (truth == guess).mean(),
        "class_accuracy": np.mean([both[c] / (truth == c).sum() for c in occurs if (truth == c).any()]),
        "class_iou": np.mean([both[c] / ((truth == c) | (guess == c)).sum() for c in occurs]),
        "f1": np.mean([2 * both[c] / ((truth == c).sum() + (guess == c).sum()) for c in occurs]),
    }


def measured(target, generated, kind, **options):
    dataset = tf.data.Dataset.from_tensor_slices({"source": generated, "target": target}).batch(4)
    run = compile_columns({"it": lambda batch: [batch["source"]]}, Networks(), kind)
    return measure(run, dataset, 2, **options)["it"]


def test_labels_are_scored_over_all_pixels_that_have_a_class():
    indices, target, generated = label_maps()
    found = measured(target, generated, "labels", resamples=20)
    expected = by_pixels(indices, generated.argmax(-1))
    assert {name: found.means[name] for name in expected} == pytest.approx(expected)
    assert {*found.means} == {*expected, "l1"}
    assert {name: len(values) for name, values in found.resampled.items()} == dict.fromkeys(expected, 20)
    has_class = indices != 255
    each = [np.abs(t[h] - g[h]).mean() for t, g, h in zip(target, generated, has_class, strict=True)]
    np.testing.assert_allclose(found.images["l1"], each, rtol=1e-5)


def test_what_is_generated_where_there_is_no_class_does_not_count():
    indices, target, generated = label_maps()
    changed = np.where((indices == 255)[..., None], -generated, generated)
    for name, value in label_metrics(target, generated).items():
        np.testing.assert_array_equal(label_metrics(target, changed)[name], value)


def test_masks_are_scored_where_they_are_white():
    rng = np.random.default_rng(0)
    white = rng.random((N, 8, 8, 1)) < 0.1
    drawn = white ^ (rng.random(white.shape) < 0.05)
    target, generated = (np.repeat(mask * 1.2 - 0.6, 3, -1).astype(np.float32) for mask in (white, drawn))
    found = measured(target, generated, "mask", resamples=20)
    both, either = (white & drawn).sum(), (white | drawn).sum()
    assert found.means["iou"] == pytest.approx(both / either)
    assert found.means["f1"] == pytest.approx(2 * both / (white.sum() + drawn.sum()))
    assert {"l1", "psnr"} <= found.means.keys()
    assert {name: len(values) for name, values in found.resampled.items()} == {"iou": 20, "f1": 20}


def test_a_mask_without_a_line_scores_nothing_though_its_l1_is_small():
    target = -np.ones((1, 32, 32, 1), np.float32)
    target[:, 16] = 1
    found = measured(target, np.full_like(target, -1), "mask")
    assert found.means["l1"] == pytest.approx(2 / 32)
    assert (found.means["iou"], found.means["f1"]) == (0, 0)


def test_scores_by_hand():
    # Class F1: 2·3/(4+4), 2·3/(5+4), 0/(1+2); the fourth neither occurs nor was read.
    found = label_scores(np.array([[3, 1, 0, 0], [0, 3, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))
    assert found["f1"] == pytest.approx((6 / 8 + 6 / 9 + 0) / 3)
    assert mask_scores(np.array([[90, 4], [3, 5]])) == pytest.approx({"iou": 5 / 12, "f1": 10 / 17})
    assert all(math.isnan(value) for value in mask_scores(np.array([[9, 0], [0, 0]])).values())
    assert all(math.isnan(value) for value in label_scores(np.zeros((2, 2))).values())


def test_gray_and_rgb_masks_are_the_same():
    gray = np.random.default_rng(0).uniform(-1, 1, (2, 1, 4, 4, 1)).astype(np.float32)
    rgb = np.repeat(gray, 3, -1)
    np.testing.assert_array_equal(mask_confusions(*gray), mask_confusions(*rgb))
