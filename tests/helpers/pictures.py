"""Small pictures of noise, and their files."""

import io

import numpy as np
from PIL import Image


def noise(height, width, channels=3, seed=0, dtype=np.uint8):
    """Levels `(height, width, channels)`, or `(height, width)` of one channel."""
    levels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)
    return levels[..., 0] if channels == 1 else levels


def encoded(pixels, kind="png", **options):
    """The bytes of a file that Pillow writes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
