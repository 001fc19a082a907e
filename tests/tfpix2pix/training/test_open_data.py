"""What a training says of its data before the first step."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from pipelines.pairs import Pairs, open_pairs
from pipelines.storage.file_pair import FilePair
from pipelines.storage.paired_files import PairedFiles
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.training.open_data import warn, with_target_palette


def warnings(folder, capsys, **options):
    config = Config(image_size=(64, 64), load_size=(64, 64), direction="AtoB", **options).resolved()
    train, val = (open_pairs(folder / split, config.train_format()) for split in ("train", "val"))
    warn(config, train, val)
    return capsys.readouterr().out.splitlines()


def test_nothing_is_said_of_usual_pairs(tmp_path, capsys):
    assert warnings(make_pairs(tmp_path), capsys) == []


def test_class_numbers_are_noticed_until_they_are_labels(tmp_path, capsys):
    folder = make_pairs(tmp_path)
    for path in folder.rglob("*.png"):
        pixels = np.asarray(Image.open(path)).copy()
        pixels[:, 64:] = pixels[:, 64:, :1] // 52
        Image.fromarray(pixels).save(path)
    (line,) = warnings(folder, capsys)
    assert line.startswith("warning: of ")
    assert "--target_labels=5" in line
    assert warnings(folder, capsys, target_labels=5) == []


def test_a_training_pair_that_validates_is_named(tmp_path, capsys):
    folder = make_pairs(tmp_path)
    shutil.copy(folder / "train" / "0.png", folder / "val" / "again.png")
    (line,) = warnings(folder, capsys)
    assert "again.png" in line


COLORS = [(10, 200, 30), (1, 2, 3), (250, 0, 9)]


def with_palettes(folder, palettes):
    """Opens pairs of a photo and a label map of three classes, whose file has a palette, or is gray for None."""
    pairs, rng = [], np.random.default_rng(0)
    for number, palette in enumerate(palettes):
        files = FilePair(folder / f"{number}-a.png", folder / f"{number}-b.png")
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(files.a)
        image = Image.fromarray(rng.integers(0, 3, (64, 64), dtype=np.uint8))
        if palette:
            image.putpalette([level for color in palette for level in color])
        image.save(files.b)
        pairs.append(files)
    config = Config(image_size=(64, 64), direction="AtoB", target_labels=3).resolved()
    names = [str(number) for number in range(len(pairs))]
    return config, Pairs(PairedFiles((folder, folder), names, pairs), config.pair_format(), skipped={})


def test_colors_of_classes_are_those_of_the_targets_palette(tmp_path):
    config, train = with_palettes(tmp_path, [[*COLORS, (7, 7, 7)]] * 3)
    filled = with_target_palette(config, train)
    assert filled.target_palette == "#0ac81e,#010203,#fa0009"
    assert list(filled.display("target").colors) == COLORS
    # Files are read as before, by index, and a run resumes with what it had.
    assert filled.pair_format().target.palette is None
    assert config.differences(filled, "asked", "never") == {}
    named = dataclasses.replace(config, label_colors="#ff0000,#00ff00,#0000ff")
    assert with_target_palette(named, train) == named


@pytest.mark.parametrize(
    "palettes",
    [[None, None], [COLORS, COLORS[::-1]], [[*COLORS[:2], COLORS[0]]] * 2, [COLORS, None]],
    ids=["gray", "differ", "twice", "one"],
)
def test_a_palette_that_does_not_tell_classes_apart_is_not_taken(tmp_path, palettes):
    config, train = with_palettes(tmp_path, palettes)
    assert with_target_palette(config, train) == config


def test_black_and_white_are_no_classes_until_they_are_colors(tmp_path, capsys):
    folder = make_pairs(tmp_path)
    for path in folder.rglob("*.png"):
        pixels = np.asarray(Image.open(path)).copy()
        pixels[:, 64:] = np.where(pixels[:, 64:, :1] > 100, 255, 0)
        Image.fromarray(pixels).save(path)
    (line,) = warnings(folder, capsys, target_labels=2)
    assert "--label_colors" in line
    assert warnings(folder, capsys, target_labels=2, label_colors="#000000,#ffffff") == []
