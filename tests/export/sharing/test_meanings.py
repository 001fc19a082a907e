"""What the numbers of both sides are, in words: those that ImageFormat maps to -1 and 1."""

import pytest

from export.sharing.meanings import source_meaning, target_meaning
from tfpix2pix.config import Config


@pytest.mark.parametrize(
    ("options", "source", "target"),
    [
        ({}, "the smallest and the largest number of the picture's", "the smallest and the largest number of a file"),
        ({"source_range": "0,4095", "target_range": "-5,300"}, "0 and 4095 of", "-5 and 300 of a file of uint8"),
        ({"source_normalize": "percentile:1,99.8"}, "percentiles 1 and 99.8", "of uint8"),
        ({"target_type": "float32"}, "of the picture's", "0 and 1 of a file of float32"),
        ({"source_labels": 3, "target_labels": 3}, "the pixel's class", "2 p - 1"),
    ],
)
def test_the_numbers_that_become_black_and_white(options, source, target):
    config = Config(**options).resolved()
    assert source in source_meaning(config)
    assert target in target_meaning(config)
