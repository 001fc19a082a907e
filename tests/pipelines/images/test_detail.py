"""Waves that a smaller size cannot show are lost, all others stay."""

import numpy as np
import pytest

from pipelines.images.detail import lost_detail


def wave(cycles, axis, side=256):
    """A cosine of this many half cycles over the side, which mirrors without a kink."""
    line = np.cos(np.pi * cycles * (np.arange(side) + 0.5) / side)
    return np.broadcast_to(np.expand_dims(line, 1 - axis), (side, side))[..., None]


@pytest.mark.parametrize("axis", [0, 1])
def test_the_border_is_two_pixels_a_cycle(axis):
    # 120 half cycles need 120 pixels.
    small, large = [100, 256], [128, 256]
    assert lost_detail(wave(120, axis), tuple(small if axis == 0 else small[::-1])) == pytest.approx(1)
    assert lost_detail(wave(120, axis), tuple(large if axis == 0 else large[::-1])) == pytest.approx(0, abs=1e-9)


def test_the_share_is_that_of_the_variance():
    # Amplitudes 3 and 1 have variances 9 : 1.
    values = 3 * wave(10, 0) + wave(200, 0)
    assert lost_detail(values, (64, 64)) == pytest.approx(0.1)
    assert lost_detail(values * 1000 - 7, (64, 64)) == pytest.approx(0.1)


def test_nothing_is_lost_by_growing_or_of_one_color():
    assert lost_detail(wave(200, 1), (256, 256)) == 0
    assert lost_detail(wave(200, 1), (512, 300)) == 0
    assert lost_detail(np.full((64, 64, 3), 9, np.uint8), (16, 16)) == 0


def test_thin_lines_lose_more_than_broad_ones():
    thin, broad = np.zeros((2, 512, 512, 1), np.uint8)
    thin[::16], broad[:, 100:300] = 255, 255
    assert lost_detail(thin, (64, 64)) > 0.7
    assert lost_detail(broad, (64, 64)) < 0.1
