"""The type of the numbers in results follows the targets' files."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.pairs import open_pairs
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.training.open_data import with_target_palette, with_target_type


def resolved(folder, config=None, value_range=None):
    side = ImageFormat(1, value_range=value_range)
    pairs = open_pairs(folder, PairFormat("AtoB", (8, 8), side, side))
    return with_target_type(config or Config(), pairs).target_type


@pytest.mark.parametrize(
    ("dtype", "value_range", "expected"),
    [
        ("uint8", None, "uint8"),
        ("uint16", None, "uint16"),
        ("int16", None, "int16"),
        ("float32", (0, 1), "float32"),
        ("float64", (0, 1), "float32"),
        ("uint64", None, "float32"),
    ],
)
def test_results_have_the_type_of_the_targets(tmp_path, dtype, value_range, expected):
    np.save(tmp_path / "0.npy", np.zeros((8, 16), dtype))
    assert resolved(tmp_path, value_range=value_range) == expected


def test_the_widest_counts_and_what_was_asked_for_counts_more(tmp_path):
    for name, dtype in (("0.npy", np.uint8), ("1.npy", np.uint16)):
        np.save(tmp_path / name, np.zeros((8, 16), dtype))
    Image.new("1", (16, 8)).save(tmp_path / "2.png")
    assert resolved(tmp_path) == "uint16"
    assert resolved(tmp_path, Config(target_type="float32")) == "float32"
    assert resolved(tmp_path, Config(target_labels=4)) == "uint8"


def test_twelve_bits_need_a_range(tmp_path):
    try:
        tifffile.imwrite(tmp_path / "0.tif", np.zeros((8, 16), np.uint16), bitspersample=12)
    except NotImplementedError:
        pytest.skip("imagecodecs before 2026, for Python 3.10, writes no numbers of 12 bits")
    with pytest.raises(InputError, match="--target_range=0,4095"):
        resolved(tmp_path)
    assert resolved(tmp_path, value_range=(0, 4095)) == "uint16"


def test_a_file_that_is_gone_says_nothing(tmp_path):
    for name in ("0.png", "1.png"):
        Image.new("L", (16, 8)).save(tmp_path / name)
    side = ImageFormat(3, labels=3, resize_method="nearest")
    pairs = open_pairs(tmp_path, PairFormat("AtoB", (8, 8), side, side))
    (tmp_path / "0.png").unlink()
    assert with_target_palette(Config(target_labels=3), pairs) == Config(target_labels=3)
    assert with_target_type(Config(), pairs).target_type == "uint8"
