"""Tiles cover a picture, their weights sum to one, and what they read is what `fit.reflect` makes."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images import fit
from pipelines.images.tiling import Tiling
from pipelines.system.terminal import InputError

# Smaller than a tile, one pixel, strips, multiples of the step and of the stride, last tiles that move back far.
SHAPES = [(1, 1), (5, 400), (400, 5), (64, 64), (63, 65), (65, 64), (97, 200), (160, 161), (113, 257)]
TILES = [(64, 0, 16), (64, 8, 16), (64, 32, 16), (32, 11, 32), (48, 16, 16)]


def picture(shape):
    return np.random.default_rng(0).random((*shape, 2), np.float32)


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tiles_of_a_reflected_picture_blend_to_that_picture(shape, tile):
    tiling = Tiling(shape, *tile)
    image = picture(shape)
    frame = fit.reflect(tf.constant(image), tiling.step).numpy()
    assert frame.shape[:2] == tiling.frame
    np.testing.assert_array_equal(fit.reflect_window(shape, tiling.step), [*tiling.offset, *shape])
    height, width = tiling.tile_shape
    sums, blended = np.zeros(tiling.frame), np.zeros_like(frame)
    for row, top in enumerate(tiling.tops):
        columns = range(len(tiling.lefts))
        strip = tiling.read(lambda w: image[w[0] :, w[1] :][: w[2], : w[3]], row, columns)
        np.testing.assert_array_equal(strip, frame[top : top + height])
        for column, left in enumerate(tiling.lefts):
            weights = tiling.weights(row, column)
            assert weights.min() >= 0
            place = slice(top, top + height), slice(left, left + width)
            sums[place] += weights[..., 0]
            blended[place] += weights * frame[place]
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    np.testing.assert_allclose(blended, frame, atol=1e-6)


def test_neighbors_share_the_overlap_and_the_last_tile_moves_back():
    tiling = Tiling((1000, 600), 512, 64, 256)
    assert tiling.tops == [0, 448, 512]
    assert tiling.lefts == [0, 256]
    # The rise from the first column of tiles to the second is in the middle of the 256 pixels that both see.
    assert tiling.column_weights[0, 352] > 0.99
    np.testing.assert_allclose(tiling.column_weights[0, 383:385].mean(), 0.5, atol=1e-6)
    assert tiling.column_weights[0, 416] == 0


def test_reads_only_what_a_tile_covers():
    asked = []
    image = picture((200, 300))
    tiling = Tiling((200, 300), 64, 16, 32)

    def read(window):
        asked.append(window)
        top, left, height, width = window
        return image[top : top + height, left : left + width]

    tiling.read(read, 1, [2, 3])
    # The picture is 12 rows and 10 columns inside the frame.
    assert asked == [(48 - 12, 96 - 10, 64, 112)]


@pytest.mark.parametrize(
    ("tile", "overlap", "words"),
    [
        (500, 64, ("tile=500", "256", "512")),
        (100, 0, ("tile=100", "256")),
        (0, 0, ("tile=0", "256")),
        (512, 257, ("overlap=257", "tile=512", "0 to 256")),
        (512, -1, ("overlap=-1", "0 to 256")),
    ],
)
def test_what_does_not_fit_is_named(tile, overlap, words):
    with pytest.raises(InputError) as error:
        Tiling((1000, 1000), tile, overlap, 256)
    assert all(word in str(error.value) for word in words)
