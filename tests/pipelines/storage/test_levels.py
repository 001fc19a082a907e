"""Numbers are kept as bytes if these give back the same bits, and pairs in memory take no more than they need."""

import numpy as np
import pytest
from PIL import Image

from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.pairs import open_pairs
from pipelines.storage.levels import as_levels, unit, widened
from tests.helpers.pictures import noise

EVERY = {dtype: np.arange(np.iinfo(dtype).max + 1).astype(dtype) for dtype in (np.uint8, np.uint16)}


@pytest.mark.parametrize("dtype", EVERY)
def test_every_level_comes_back(dtype):
    numbers = EVERY[dtype] / np.float32(np.iinfo(dtype).max)
    levels = as_levels(numbers)
    assert levels.dtype == dtype
    np.testing.assert_array_equal(levels, EVERY[dtype])
    np.testing.assert_array_equal(unit(levels), numbers)
    for wider in (np.uint16, np.float32):
        np.testing.assert_array_equal(unit(widened(levels, np.dtype(wider))), numbers)


def test_what_is_no_level_stays():
    numbers = np.array([0, 1, 0.1], np.float32)
    assert as_levels(numbers) is numbers
    assert as_levels(np.array([0, 1], np.float32)).dtype == np.uint8
    assert as_levels(np.array([0, 1], np.float32), np.dtype(np.uint16)).dtype == np.uint16


def test_memory_holds_bytes_where_nothing_is_resized(tmp_path):
    for i in range(4):
        Image.fromarray(noise(256, 512, seed=i)).save(tmp_path / f"{i}.bmp")
    side = ImageFormat()
    form = PairFormat("AtoB", (256, 256), side, side, crop=(256, 256), random_crop=True)
    # Four pairs of 256 * 512 * 3 bytes are 1.5 MiB, and as much again mirrored.
    sources, targets = open_pairs(tmp_path, form, cache_mib=2).cache
    assert sources.dtype == targets.dtype == np.uint8
    assert [open_pairs(tmp_path, form, cache_mib=mib).fits_twice for mib in (2, 3)] == [False, True]
    assert open_pairs(tmp_path, form, cache_mib=1).cache is None
    np.testing.assert_array_equal(sources[3], noise(256, 512, seed=3)[:, :256])


def test_a_pair_that_is_resized_makes_floats_of_all(tmp_path):
    for i, width in enumerate((60, 40)):
        Image.fromarray(noise(24, width, seed=i)).save(tmp_path / f"{i}.png")
    form = PairFormat("AtoB", (24, 30), ImageFormat(), ImageFormat(), random_crop=True)
    sources, _ = open_pairs(tmp_path, form, cache_mib=1).cache
    assert sources.dtype == np.float32
    np.testing.assert_array_equal(sources[0], noise(24, 60)[:, :30] / np.float32(255))
