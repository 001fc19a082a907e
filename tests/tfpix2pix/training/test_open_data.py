"""What a training says of its data before the first step."""

import shutil

import numpy as np
from PIL import Image

from pipelines.pairs import open_pairs
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.training.open_data import warn


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
