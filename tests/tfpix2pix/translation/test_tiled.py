"""Tiled translation against the whole picture in one pass, in memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.tiling import Tiling
from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.translation import tiled
from tfpix2pix.translation.any_size import translate_any_size
from tfpix2pix.translation.shared_statistics import SharedStatistics
from tfpix2pix.translation.tiled import translate_tiled


class ArrayPicture:
    """A picture in memory; remembers how many numbers were read at a time."""

    def __init__(self, image):
        self.image, self.shape, self.largest = image, image.shape[:2], 0

    def read(self, window):
        top, left, height, width = window
        self.largest = max(self.largest, height * width)
        return self.image[top : top + height, left : left + width]


class ArrayCanvas:
    """A result in memory; a stop, as of a killed process, comes after `stop_at` rows."""

    def __init__(self, stop_at=None):
        self.rows, self.state, self.stop_at, self.starts = [], b"", stop_at, 0

    @property
    def rows_done(self):
        return sum(map(len, self.rows))

    @property
    def result(self):
        return np.concatenate(self.rows)

    def restart(self, state):
        self.rows, self.state = [], state
        self.starts += 1

    def write_rows(self, top, numbers):
        if self.stop_at is not None and top >= self.stop_at:
            raise KeyboardInterrupt
        assert top == self.rows_done
        self.rows.append(numbers)


def network(depth=3, build=unet, **options):
    keras.utils.set_random_seed(0)
    generator = build((None, None), width=4, depth=depth, **options)
    for variable in generator.variables:
        if variable.path.endswith("kernel"):
            variable.assign(variable * 8)
    return generator


def picture(*shape):
    return np.random.default_rng(1).random((*shape, 3), np.float32)


def whole(generator, image, step):
    return translate_any_size(generator, tf.constant(2 * image[np.newaxis] - 1), step)[0].numpy()


def translate(generator, image, tiling, canvas=None, **options):
    canvas = canvas or ArrayCanvas()
    tiles = generator if isinstance(generator, SharedStatistics) else SharedStatistics(generator)
    translate_tiled(tiles, ArrayPicture(image), canvas, tiling, np.asarray, **options)
    return canvas.result


@pytest.mark.parametrize("options", [{}, {"norm_statistics": "moving"}, {"norm": "instance"}], ids=str)
def test_a_picture_that_fits_one_tile_is_translated_as_a_whole(options):
    generator, image = network(**options), picture(61, 50)
    np.testing.assert_allclose(
        translate(generator, image, Tiling((61, 50), 64, 16, 8)), whole(generator, image, 8), atol=1e-6
    )


def alone(starts, weights, side):
    """Where one tile alone gives the result: along one axis of the frame."""
    found = np.zeros(side, bool)
    for start, each in zip(starts, weights, strict=True):
        found[start : start + len(each)] |= each == 1
    return found


# What a pixel depends on in a U-Net of depth d is less than 2^(d + 2) pixels away. In a ResNet of depth 2 it is 3 + 1 +
# 2 before a block, 8 in it, and 4 + 2 + 3 after it. The half of an enhancer has twice 3 + 1 + 4 + 2 at one halving, and
# its own part 1 before, and 12 + 2 + 3 after it.
@pytest.mark.parametrize(
    ("step", "overlap", "options"),
    [
        (4, 4, {"depth": 2}),
        (8, 4, {"depth": 3}),
        (4, 6, {"depth": 2, "build": resnet, "blocks": 1}),
        (4, 10, {"depth": 1, "build": local_enhancer, "blocks": 1}),
    ],
    ids=["unet 2", "unet 3", "resnet", "enhancer"],
)
def test_inside_of_tiles_equals_the_whole_pass(step, overlap, options):
    generator, image = network(norm_statistics="moving", **options), picture(50 * step, 67 * step + 3)
    tiling = Tiling(image.shape[:2], 4 * overlap * step, overlap * step, step)
    result, expected = translate(generator, image, tiling), whole(generator, image, step)
    is_inside = np.outer(
        alone(tiling.tops, tiling.row_weights, tiling.frame[0]),
        alone(tiling.lefts, tiling.column_weights, tiling.frame[1]),
    )
    (top, left), (height, width) = tiling.offset, tiling.shape
    is_inside = is_inside[top : top + height, left : left + width]
    assert is_inside.mean() > 0.3
    np.testing.assert_allclose(result[is_inside], expected[is_inside], atol=1e-5)
    assert np.abs(result - expected).max() > 1e-3, "near its border, a tile sees less than the whole pass does"


def test_statistics_are_those_of_all_tiles_in_one_batch():
    generator, image = network(), picture(96, 160)
    shared = SharedStatistics(generator)
    tiling = Tiling((96, 160), 32, 0, 8)
    tiles = image.reshape(3, 32, 5, 32, 3).swapaxes(1, 2).reshape(15, 32, 32, 3)
    generated = shared.generate(2 * tiles - 1, shared.measure(2 * tiles - 1)).numpy()
    expected = generated.reshape(3, 5, 32, 32, 3).swapaxes(1, 2).reshape(96, 160, 3)
    np.testing.assert_allclose(translate(generator, image, tiling), expected, atol=1e-5)


def test_a_stopped_picture_resumes_with_the_same_bits(monkeypatch):
    monkeypatch.setattr(tiled, "WRITTEN_PIXELS", 700)
    generator, image, tiling = SharedStatistics(network()), picture(150, 70), Tiling((150, 70), 32, 16, 8)
    expected = translate(generator, image, tiling)
    for stop_at in (0, 10, 80, 140):
        canvas = ArrayCanvas(stop_at)
        with pytest.raises(KeyboardInterrupt):
            translate(generator, image, tiling, canvas)
        canvas.stop_at = None
        np.testing.assert_array_equal(translate(generator, image, tiling, canvas), expected)
        assert canvas.starts == 1


def test_the_memory_at_hand_changes_no_more_than_last_bits(monkeypatch):
    generator, image, tiling = SharedStatistics(network()), picture(70, 150), Tiling((70, 150), 32, 8, 8)
    expected = translate(generator, image, tiling, pixels_at_once=1)
    monkeypatch.setattr(tiled, "STRIP_PIXELS", 32 * 80)
    np.testing.assert_allclose(translate(generator, image, tiling, pixels_at_once=3 * 32**2), expected, atol=1e-6)


def test_only_strips_are_read():
    picture_read, tiling = ArrayPicture(picture(400, 64)), Tiling((400, 64), 32, 8, 8)
    translate_tiled(SharedStatistics(network()), picture_read, ArrayCanvas(), tiling, np.asarray)
    assert picture_read.largest == 32 * 64


class Greedy(SharedStatistics):
    """A network that runs out of memory at tiles of 64."""

    def generate(self, tiles, statistics=None):
        if tiles.shape[1] > 32:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return super().generate(tiles, statistics)


def test_where_memory_runs_out_tiles_are_halved(capsys):
    generator, image, canvas = network(), picture(150, 150), ArrayCanvas()
    greedy = Greedy(generator)
    translate_tiled(greedy, ArrayPicture(image), canvas, Tiling((150, 150), 64, 16, 8), np.asarray)
    assert "64" in capsys.readouterr().out
    expected = translate(generator, image, Tiling((150, 150), 32, 16, 8))
    np.testing.assert_allclose(canvas.result, expected, atol=1e-5)
    # A quarter of a tile's pixels: half of 32 would be less than twice the overlap.
    with pytest.raises(tf.errors.ResourceExhaustedError):
        translate_tiled(greedy, ArrayPicture(image), ArrayCanvas(), Tiling((150, 150), 64, 32, 8), np.asarray)


def test_classes_are_blended_as_probabilities():
    generator, image = network(labels=True), picture(80, 80)
    result = translate(generator, image, Tiling((80, 80), 32, 8, 8))
    np.testing.assert_allclose((result + 1).sum(-1) / 2, 1, atol=1e-5)
