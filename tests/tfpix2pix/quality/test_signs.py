"""Checks the signs of a failing training on images whose signs are known."""

import numpy as np
import pytest

from tfpix2pix.quality.signs import SATURATED, Signs, highest_frequencies, nearest, thumbnails

RNG = np.random.default_rng(0)
TARGETS = RNG.uniform(-0.9, 0.9, (6, 8, 8, 3)).astype("float32")


def signs(generated, target=TARGETS, learned=None):
    found = Signs(learned)
    # In batches, as validation gives them.
    found.add(generated[:4], target[:4])
    found.add(generated[4:], target[4:])
    return found.values()


def test_equal_images_have_no_variety_and_targets_have_their_own():
    assert signs(np.repeat(TARGETS[:1], 6, axis=0))["variety"] == pytest.approx(0, abs=1e-6)
    assert signs(TARGETS)["variety"] == pytest.approx(1)
    assert signs(0.5 * TARGETS)["variety"] == pytest.approx(0.5)


def test_saturated_counts_values_at_the_ends_that_targets_do_not_have():
    black = TARGETS.copy()
    black[:, :4] = -1
    assert signs(black)["saturated"] == pytest.approx(0.5)
    assert signs(black, target=black)["saturated"] == 0
    assert 252 / 255 <= SATURATED < 253.5 / 255


def test_a_checkerboard_is_all_at_the_highest_frequencies():
    board = np.indices((8, 8)).sum(0) % 2 * 2.0 - 1
    assert highest_frequencies(board[None, :, :, None]) == pytest.approx(1)
    slow = np.cos(np.arange(8) * 2 * np.pi / 8) * np.ones((8, 1))
    assert highest_frequencies(slow[None, :, :, None]) == pytest.approx(0, abs=1e-12)
    # Half of the energy each.
    both = slow * np.sqrt(2) + board
    assert highest_frequencies(both[None, :, :, None]) == pytest.approx(0.5)
    # An odd side, and an image without any energy.
    assert highest_frequencies(np.pad(board, ((0, 1), (0, 0)))[None, :, :, None]) == pytest.approx(1)
    assert highest_frequencies(np.zeros((1, 8, 8, 3))) == 0


def test_results_that_are_training_targets_are_at_distance_nought():
    learned = RNG.uniform(-1, 1, (9, 8, 8, 3)).astype("float32")
    assert signs(learned[2:8], learned=learned)["nearest"] == 0
    assert signs(TARGETS, learned=learned)["nearest"] == 1
    assert "nearest" not in signs(TARGETS)
    np.testing.assert_allclose(nearest(learned[:1] + 0.25, learned[:1]), [0.25], rtol=1e-6)


def test_thumbnails_are_means_of_areas():
    image = np.kron(TARGETS[:1], np.ones((1, 4, 4, 1), np.float32))
    np.testing.assert_allclose(thumbnails(image), TARGETS[:1], atol=1e-6)
