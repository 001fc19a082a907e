"""Shards of pairs that were resized before: training sees what it sees of the files with rounded levels."""

import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from pipelines import prepare
from pipelines.images import packed_pair
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.loader import train_dataset
from pipelines.pairs import open_pairs
from pipelines.sharding.resizing import Resizing
from pipelines.sharding.shard import shard_count
from pipelines.storage.image_files import Files
from pipelines.storage.shards import Shards
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.pictures import encoded, noise
from tfpix2pix.config import Config
from tfpix2pix.training.open_data import warn

CONFIG = Config(image_size=(24, 24), load_size=(24, 30), depth=2, direction="AtoB")
SIZE = (24, 30)
CROP = (20, 22)
OPTIONS = ("--load_size=24x30", "--resize_method_b=nearest", "--shards=1")
FORM = PairFormat(
    "BtoA",
    SIZE,
    ImageFormat(3, "nearest"),
    ImageFormat(3, "bicubic"),
    crop=CROP,
    random_crop=True,
    precision="levels",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pairs that are enlarged, made smaller, and neither; gray ones are read as color."""
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        (folder / split).mkdir()
        for i, (height, width) in enumerate([(17, 42), (50, 64), (24, 60)]):
            (folder / split / f"{i}.png").write_bytes(encoded(noise(height, width, seed=i)))
        Image.fromarray(noise(40, 90, seed=9)).save(folder / split / "3.jpg")
    return folder


@pytest.fixture(scope="module")
def shards(data):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    folder = data.parent / "shards"
    assert call(prepare, "shard", f"--data={data}", f"--output={folder}", *OPTIONS) == 0
    return folder


def batches(pairs):
    dataset = train_dataset(pairs, image_size=CROP, batch_size=2, seed=2, last_step=8)
    return [np.stack(batch) for batch in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("cache_mib", [0, 10], ids=["records", "cache"])
def test_training_sees_rounded_levels_of_the_files(data, shards, cache_mib):
    expected = batches(open_pairs(data / "train", FORM))
    # What needs no resizing is exact.
    for precision in ("levels", "fast", "exact"):
        form = dataclasses.replace(FORM, precision=precision)
        np.testing.assert_array_equal(batches(open_pairs(shards / "train", form, cache_mib=cache_mib)), expected)


def test_validation_keeps_the_files(data, shards):
    train, val = Shards(shards / "train"), Shards(shards / "val")
    assert (train.load_size, val.load_size) == (SIZE, None)
    assert train.manifest.heights == [24, 24]
    assert train.manifest.widths == [60, 60]
    assert val[1].read_bytes() == (data / "val" / "1.png").read_bytes()


def test_training_says_where_it_asks_for_another_resize_method(data, shards, capsys):
    config = dataclasses.replace(CONFIG, data=str(shards)).resolved()
    for methods, said in (({"target_resize_method": "nearest"}, 0), ({"source_resize_method": "nearest"}, 1)):
        asked = dataclasses.replace(config, **methods)
        train = open_pairs(shards / "train", asked.train_format())
        warn(asked, train, None)
        lines = [line for line in capsys.readouterr().out.splitlines() if "when they were sharded" in line]
        assert len(lines) == said
    assert "resized by bicubic and nearest" in lines[0]
    assert "ask for nearest and bicubic" in lines[0]


def test_shards_of_another_size_are_not_overwritten(data, shards, capsys):
    again = ("shard", f"--data={data}", f"--output={shards}")
    assert call(prepare, *again, *OPTIONS) == 0
    for options in (("--shards=1",), ("--load_size=24", "--shards=1"), ("--load_size=24x30", "--shards=1")):
        with pytest.raises(InputError, match="other shards"):
            call(prepare, *again, *options)


def test_shards_are_as_large_as_others():
    files = Files(pathlib.Path(), [pathlib.Path(f"{i}.png") for i in range(1000)])
    # 1000 pairs of 286x286 are 468 MiB.
    assert shard_count(files, Resizing((286, 286))) == 2


def test_two_files_and_gray(data):
    resizing = Resizing(SIZE)
    a, b = encoded(noise(17, 21, 1)), encoded(noise(34, 42, 1, seed=1))
    gray = ImageFormat(1)
    form = dataclasses.replace(FORM, source=gray, target=gray)
    resized = resizing.apply(packed_pair.pack(a, b), max_pixels=10_000)
    for one, other in zip(form.read(packed_pair.pack(a, b)), form.read(resized), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (encoded(noise(17, 42, 4)), "alpha"),
        (encoded(noise(17, 42), "webp"), "no other file is resized"),
        (packed_pair.pack(encoded(noise(17, 21)), encoded(noise(17, 40))), "side A is 17x21"),
    ],
)
def test_what_is_not_resized(contents, reason):
    with pytest.raises(BadImageError, match=reason):
        Resizing(SIZE).apply(contents, max_pixels=10_000)
