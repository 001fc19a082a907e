"""A pair has a seam in the middle, a single image has none, and noise or white margins do not tell."""

import numpy as np
import pytest

from pipelines.images.seam import has_seam


def waves(height, width, phase):
    """A smooth image of 0..255."""
    rows, columns = np.mgrid[:height, :width]
    return ((np.sin(columns / 9 + phase) + np.cos(rows / 7 + columns / 15 + phase)) * 63 + 128).astype(np.uint8)[
        ..., None
    ]


@pytest.mark.parametrize("phase", [0.0, 0.5, 1.0])
def test_a_single_image_goes_on_in_its_middle(phase):
    assert has_seam(waves(64, 128, phase)) is False


@pytest.mark.parametrize("phase", [0.0, 0.5, 1.0])
def test_two_images_meet_in_the_middle_of_a_pair(phase):
    assert has_seam(np.concatenate([waves(64, 64, phase), 255 - waves(64, 64, phase)], axis=1)) is True


def test_nothing_is_said_of_white_margins_noise_one_color_and_tiny_images():
    drawing = np.full((64, 128, 3), 255, np.uint8)
    drawing[20:40, 10:20] = drawing[20:40, 80:100] = 0
    noise = np.random.default_rng(0).integers(0, 256, (64, 128, 1), np.uint8)
    for values in (drawing, noise, np.zeros((64, 128, 1)), waves(4, 4, 0)):
        assert has_seam(values) is None
