"""The baselines against NumPy, on pairs whose neighbors are known."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images.pair_format import PairFormat
from pipelines.pairs import open_pairs
from pipelines.storage.image_files import Files
from pipelines.storage.shards import open_files
from pipelines.system.terminal import InputError
from tests.helpers.runs import make_pairs
from tfpix2pix.quality.baselines import Training

FORM = PairFormat("AtoB", (64, 64))


@pytest.fixture
def pairs(tmp_path):
    return make_pairs(tmp_path / "p", train=5, val=3)


def halves(file):
    array = np.asarray(Image.open(file), np.float32) / 127.5 - 1
    return np.split(array, 2, axis=1)


def test_mean_target(pairs):
    files = open_files(pairs / "train")
    expected = np.mean([halves(file)[1] for file in files], axis=0)
    np.testing.assert_allclose(Training(FORM, files).mean_target(), expected, atol=1e-6)


def test_nearest_is_the_pair_with_the_smallest_change(pairs):
    rng = np.random.default_rng(0)
    files = open_files(pairs / "train")
    for place, file in enumerate([files[3], files[0], files[3]]):
        noisy = np.asarray(Image.open(file), np.float32) + rng.normal(0, 20, (64, 128, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(pairs / "val" / f"{place}.png")
    val = open_pairs(pairs / "val", FORM)
    nearest = Training(FORM, files).nearest(val)
    assert list(nearest.files) == [files[3], files[0], files[3]]
    _, target = nearest.reader()(tf.constant(1, tf.int64))
    np.testing.assert_allclose(target * 2 - 1, halves(files[0])[1], atol=1e-6)


def test_bad_training_files_are_left_out(pairs):
    files = open_files(pairs / "train")
    files[2].write_bytes(b"no image")
    training = Training(FORM, files)
    assert list(training.files) == [*files[:2], *files[3:]]
    expected = np.mean([halves(file)[1] for file in training.files], axis=0)
    np.testing.assert_allclose(training.mean_target(), expected, atol=1e-6)


def test_a_folder_without_good_files_is_refused(pairs):
    file = open_files(pairs / "train")[0]
    file.write_bytes(b"no image")
    with pytest.raises(InputError, match="--nobaselines"):
        Training(FORM, Files(file.parent, [file]))
