"""Parity's figures, by hand."""

import json
import math

import numpy as np
import pytest

from export.formats.parity import Row, compare, measure, table


def constant(value):
    return np.full((2, 16, 16, 3), value, np.float32)


def test_figures():
    generated = constant(0.5)
    generated[0, 0, 0, 0] = 0.0
    parity = measure(constant(0.5), generated, constant(0.25))
    values = generated.size
    assert parity.max_difference == 0.5
    assert parity.mean_difference == pytest.approx(0.5 / values)
    assert parity.psnr == pytest.approx(10 * math.log10(4 / (0.25 / values)))
    assert parity.l1 == pytest.approx(0.25)


def test_equal_images_have_infinite_psnr_also_in_json():
    parity = measure(constant(0.5), constant(0.5), constant(0.5))
    assert (parity.max_difference, parity.psnr, parity.l1) == (0, math.inf, 0)
    assert parity.ssim == pytest.approx(1)
    assert json.loads(json.dumps(parity.to_dict(), allow_nan=False))["psnr"] == "inf"


def test_small_images_have_no_ssim():
    small = np.zeros((1, 8, 8, 3), np.float32)
    assert measure(small, small, small).ssim is None


@pytest.mark.parametrize(("value", "bound", "passed"), [(0.51, 46.0, True), (0.51, 46.1, False), (math.nan, 0, False)])
def test_the_bound(value, bound, passed):
    # 0.01 of a range of 2 is 46.02 dB.
    pairs = [(constant(0)[0], constant(0.5)[0])] * 3
    expected = np.stack([constant(0.5)[0]] * 3)
    row = compare("name", 1234567, lambda source: source + np.float32(value), expected, pairs, bound)
    assert row.passed == passed
    assert isinstance(row, Row)
    text = table([row])
    assert "1,234,567" in text
    assert ("FAILED" in text) == (not passed)
