"""Palettes of pictures that are drawn by hand here: whole, as JPEG, resized, and photos that have none."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images.few_colors import MAX_COLORS, few_colors
from pipelines.images.label_colors import PALETTES

RED, TEAL, SAND = (200, 30, 40), (20, 130, 140), (230, 210, 160)
FACADES = PALETTES["facades"]


def drawn(ground, *boxes, size=64):
    """A picture of one color, with boxes (color, top, left, bottom, right) on it."""
    picture = np.empty((size, size, 3), np.uint8)
    picture[:] = ground
    for color, top, left, bottom, right in boxes:
        picture[top:bottom, left:right] = color
    return picture


def as_jpeg(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return np.asarray(Image.open(file))


def halved(picture):
    size = [side // 2 for side in picture.shape[:2]]
    resized = tf.image.resize(picture, size, "bicubic", antialias=True)
    return np.clip(np.round(resized), 0, 255).astype(np.uint8)


def photo(seed):
    """A smooth landscape: hardly an edge, and no color twice."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (5, 5, 3)).astype(np.float32)
    return np.clip(tf.image.resize(coarse, (64, 64), "bicubic"), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [np.asarray, as_jpeg, halved])
def test_three_colors_of_its_own(change):
    pictures = [drawn(SAND, (RED, 8, 8, 32, 40)), drawn(SAND, (TEAL, 20, 10, 60, 50))]
    found = few_colors([change(picture) for picture in pictures])
    expected = [SAND, TEAL, RED]  # by area: 40×40 are more than 24×32
    assert len(found.palette.classes) == 3
    for color, near in zip(found.palette.classes.values(), expected, strict=True):
        assert np.abs(np.subtract(color, near)).max() <= 3
    assert found.background == next(iter(found.palette.classes.values()))
    if change is np.asarray:
        assert found.palette.classes == {"#e6d2a0": SAND, "#14828c": TEAL, "#c81e28": RED}


@pytest.mark.parametrize("change", [np.asarray, as_jpeg, halved])
def test_a_known_data_set_has_all_its_names(change):
    colors = FACADES.classes
    picture = drawn(colors["facade"], (colors["window"], 8, 8, 24, 24), (colors["door"], 40, 20, 64, 36))
    found = few_colors([change(picture)])
    assert found.palette == FACADES
    assert found.background == colors["background"]


@pytest.mark.parametrize(("ground", "line"), [(255, 0), (0, 255)])
@pytest.mark.parametrize("change", [np.asarray, as_jpeg, halved])
def test_thin_lines_are_black_and_white(ground, line, change):
    picture = drawn((ground,) * 3, *[((line,) * 3, 5, x, 60, x + 1) for x in range(6, 60, 9)])
    found = few_colors([change(picture)])
    assert found.palette.classes == {"black": (0, 0, 0), "white": (255, 255, 255)}
    assert found.background == (ground,) * 3


def test_photos_have_none():
    assert few_colors([photo(seed) for seed in range(4)]) is None
    gray = [np.repeat(photo(seed)[..., :1], 3, axis=-1) for seed in range(4)]
    assert few_colors(gray) is None
    on_white = [drawn((255,) * 3) for _ in gray]
    for white, one in zip(on_white, gray, strict=True):
        white[20:50, 20:50] = one[20:50, 20:50]
    assert few_colors(on_white) is None


@pytest.mark.parametrize("count", [MAX_COLORS, MAX_COLORS + 1])
def test_the_most_colors(count):
    levels = [(80 * (i % 3) + 20, 50 * (i // 3 % 5), 120 * (i // 15)) for i in range(count)]
    picture = np.concatenate([drawn(color, size=16) for color in levels])
    found = few_colors([picture])
    assert (found and len(found.palette.classes)) == (count if count <= MAX_COLORS else None)


def test_one_color_is_no_palette():
    assert few_colors([drawn(TEAL)]) is None
