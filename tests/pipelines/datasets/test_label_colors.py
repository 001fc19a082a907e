"""The facades' colors against the published pairs."""

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.datasets.label_colors import PALETTES
from tests.helpers.golden import SHARED

COLORS = np.array([*PALETTES["facades"].classes.values()])


def as_published(color, like):
    """What a color becomes in a JPEG with the quantization and the chroma subsampling of the published pairs."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), tuple(color)).save(file, "JPEG", qtables=like.quantization, subsampling="4:2:0")
    with Image.open(file) as picture:
        return picture.getpixel((8, 8))


@pytest.mark.needs_shared
def test_the_published_facades_have_these_colors():
    pixels, distances = [], []
    for number in range(1, 81):
        with Image.open(SHARED / "data" / "facades" / "train" / f"{number}.jpg") as published:
            labels = np.asarray(published).astype(int)[:, 256:]
        # JPEG blurs colors at edges: only pixels that equal their neighbors show the palette.
        inner = labels[1:, 1:]
        steps = np.abs(inner - labels[:-1, 1:]).max(-1) + np.abs(inner - labels[1:, :-1]).max(-1)
        pixels.append(inner[steps == 0])
        flat = inner[steps <= 2]
        distances.append(np.abs(flat[:, None] - COLORS).max(-1).min(-1))
    assert np.percentile(np.concatenate(distances), 99) <= 8
    pixels = np.concatenate(pixels)
    nearest = ((pixels[:, None] - COLORS) ** 2).sum(-1).argmin(-1)
    for index, color in enumerate(COLORS):
        found, counts = np.unique(pixels[nearest == index], axis=0, return_counts=True)
        assert tuple(found[counts.argmax()]) == as_published(color, published)
