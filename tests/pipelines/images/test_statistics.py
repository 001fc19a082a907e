"""What stored numbers are: ranges, percentiles and classes, worked by hand and by NumPy."""

import numpy as np
import pytest

from pipelines.images.statistics import Statistics, number


def counted(*images):
    numbers = Statistics(images[0].dtype)
    for image in images:
        numbers.add(image)
    return numbers


def test_12_bits_in_16_are_a_sixteenth_of_the_range():
    numbers = counted(np.array([[5, 1000]], np.uint16), np.array([[2000, 4000]], np.uint16))
    assert (numbers.count, numbers.minimum, numbers.maximum) == (4, 5, 4000)
    assert numbers.share == pytest.approx(3995 / 65535)
    assert numbers.uses_little
    assert numbers.bits == 12
    assert numbers.proposed_range() == (0, 4095)
    # 5 lies below the range, 4000 above.
    assert numbers.outside(6, 3999.5) == 0.5


@pytest.mark.parametrize(
    ("dtype", "values", "little"),
    [
        (np.uint8, [0, 255], False),
        (np.uint8, [0, 64], False),
        (np.uint8, [0, 63], True),
        (np.uint16, [0, 32768], False),
        (np.uint16, [0, 32766], True),
        (np.int16, [-1000, 3000], True),
        (np.int16, [-32768, 32767], False),
        (np.uint32, [0, 65535], True),
        (np.bool_, [False, True], False),
    ],
)
def test_little_is_a_quarter_of_8_bits_and_half_of_more(dtype, values, little):
    assert counted(np.array(values, dtype)).uses_little is little


def test_12_bits_that_a_file_declares_are_all_of_its_range():
    numbers = Statistics(np.dtype(np.uint16), 12)
    numbers.add(np.array([0, 3000], np.uint16))
    assert numbers.type_range == (0, 4095)
    assert not numbers.uses_little
    assert numbers.name == "uint16 of 12 bits"


def test_signed_integers_and_floats_propose_what_is_there():
    assert counted(np.array([-1000, 3000], np.int16)).proposed_range() == (-1000, 3000)
    assert counted(np.array([-1.5, 0.25, 30.0], np.float32)).proposed_range() == (-1.5, 30.0)


def test_hot_pixels_do_not_hide_that_the_rest_is_dark():
    dark = np.tile(np.arange(2001, dtype=np.uint16), 10)
    dark[:5] = 65535
    numbers = counted(dark)
    assert numbers.share == 1
    assert numbers.has_outliers
    assert numbers.uses_little
    # Of 20010 numbers 0.1 % are 20: ten zeros less a few hot ones, ten ones, and the 20th is 2.
    assert numbers.bounds() == pytest.approx((2, 1998), abs=1)
    assert numbers.proposed_range() == numbers.bounds()


def test_thin_white_lines_are_no_outliers():
    lines = np.zeros((100, 100), np.uint8)
    lines[50] = 255
    numbers = counted(lines)
    assert not numbers.has_outliers
    assert not numbers.uses_little
    assert numbers.is_mask
    assert numbers.classes == 0


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1, 2, 3, 4], 5),
        ([0, 4], 5),
        ([0, 1, 2, 3, 4, 255], 5),
        ([1, 2], 3),
        ([0, 1], 2),
        ([0, 255], 0),
        ([0, 47], 48),
        ([0, 48], 0),
        ([7], 0),
        (range(256), 0),
    ],
)
def test_a_handful_of_small_integers_may_be_classes(values, classes):
    assert counted(np.array(values, np.uint8)).classes == classes


def test_floats_may_be_classes_if_they_are_whole():
    assert counted(np.array([0, 1, 2], np.float32)).classes == 3
    assert counted(np.array([0, 0.5, 1], np.float32)).classes == 0
    assert counted(np.array([-1, 0, 1], np.int16)).classes == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint32])
def test_percentiles_of_floats_and_long_integers_equal_numpys_to_a_thousandth(dtype):
    rng = np.random.default_rng(0)
    values = rng.normal(2000 if dtype == np.uint32 else -300, 200, 100_000).astype(dtype)
    numbers = counted(*np.split(values, 10))
    assert numbers.minimum == values.min()
    assert numbers.maximum == values.max()
    for percent in (0.1, 1, 50, 99.9):
        assert numbers.percentile(percent) == pytest.approx(np.percentile(values, percent), abs=1, rel=1e-3)
    assert numbers.outside(-400, 2100) == pytest.approx(np.mean((values < -400) | (values > 2100)), abs=1e-3)
    assert numbers.values is None


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_percentiles_of_short_integers_are_exact(dtype):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(1).integers(limits.min, limits.max, 10_001, dtype, endpoint=True)
    numbers = counted(values)
    for percent in (0.1, 50, 99.9):
        assert numbers.percentile(percent) == np.sort(values)[int(percent / 100 * len(values))]


def test_many_distinct_numbers_are_found_between_equal_ones():
    values = np.zeros((1000, 1000), np.float32)
    values[:, 0] = np.linspace(0.1, 1, 1000)
    assert counted(values).values is None


def test_numbers_are_written_as_flags_take_them():
    assert [number(value) for value in (4095.0, 0.25, -1000, 1 / 3, 1e20)] == [
        "4095",
        "0.25",
        "-1000",
        "0.33333",
        "1e+20",
    ]
