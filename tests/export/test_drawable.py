"""Which runs a page can show."""

import pytest

from export.drawable import why_not_drawable
from tfpix2pix.config import Config


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source_labels": 3}, "source_labels=3"),
        ({"target_labels": 3}, "target_labels=3"),
        ({"source_channels": 2}, "source_channels=2"),
        ({"target_channels": 4}, "target_channels=4"),
        ({"target_type": "uint16"}, "target_type=uint16"),
        ({"source_range": "0,4095"}, "source_range=0,4095"),
        ({"source_normalize": "percentile:1,99"}, "source_normalize=percentile:1,99"),
    ],
)
def test_runs_that_a_page_cannot_show(options, words):
    assert why_not_drawable(Config(**options)).startswith(words)


def test_runs_that_a_page_can_show():
    for channels in (1, 3, 4):
        assert not why_not_drawable(Config(source_channels=channels, target_channels=1))
