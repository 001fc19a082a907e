"""Two folders of single files, and pairs divided where they lie: trained, stopped, spoiled, resumed, sharded."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines import prepare
from pipelines.datasets.layout import open_dataset
from pipelines.loader import eval_dataset, train_dataset
from pipelines.storage import manifest
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import SHALLOW, assert_same_state
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log

evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")

FLAGS = (*SHALLOW, "--batch_size=2", "--cache_mib=0", "--checkpoint_every=1")
STEPS = {"image_size": (32, 32), "batch_size": 2, "seed": 3, "first_step": 1, "last_step": 8}


def make_sides(folder, train=6, val=2):
    """Writes A/ as TIFF by tifffile and B/ as PNG by Pillow, and the same pairs side by side as PNG; returns both."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for side in ("sides/A", "sides/B", "pairs"):
            (folder / side / split).mkdir(parents=True)
        for number in range(count):
            image = np.kron(rng.integers(0, 256, (4, 4, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
            tifffile.imwrite(folder / f"sides/A/{split}/{number}.tif", image, photometric="rgb")
            Image.fromarray(255 - image).save(folder / f"sides/B/{split}/{number}.PNG")
            Image.fromarray(np.hstack([image, 255 - image])).save(folder / f"pairs/{split}/{number}.png")
    return folder / "sides", folder / "pairs"


def batches(data, **options):
    return [np.stack(pair) for pair in train_dataset(data, **STEPS, **options).as_numpy_iterator()]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_sides(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("cache_mib", [0, pytest.param(100, marks=pytest.mark.slow)])
def test_two_folders_are_the_side_by_side_pairs(data, cache_mib):
    sides, pairs = data
    for direction in ("AtoB", "BtoA"):
        # Otherwise PNG is resized as bytes, and TIFF as floats.
        options = {"cache_mib": cache_mib, "direction": direction, "resize_precision": "exact"}
        ours = batches(open_dataset(sides).split("train"), **options)
        np.testing.assert_array_equal(ours, batches(pairs / "train", **options))
        del options["resize_precision"]
        fast = batches(pairs / "train", **options)
        # In [-1, 1]: a quarter of a level.
        np.testing.assert_allclose(batches(open_dataset(sides).split("train"), **options), fast, atol=0.27 * 2 / 255)
    val = [np.stack(pair) for pair in eval_dataset(open_dataset(sides).split("val"), image_size=(64, 64))]
    assert np.abs(val[0][0] + val[0][1]).max() < 1e-6


def test_shards_hold_both_files_of_a_pair(data, tmp_path, capsys):
    sides, _ = data
    shutil.copytree(sides, tmp_path / "sides")
    (tmp_path / "sides/A/train/9.gif").write_bytes(b"GIF89a")
    shutil.copy(sides / "B/train/0.PNG", tmp_path / "sides/B/train/8.PNG")
    arguments = ("shard", f"--data={tmp_path / 'sides'}", f"--output={tmp_path / 's'}", "--shards=2")
    with pytest.raises(InputError, match=r"B/train/8.PNG"):
        call(prepare, *arguments)
    capsys.readouterr()
    for _ in range(2):
        assert call(prepare, *arguments, "--bad_images=skip") == 0
    out = capsys.readouterr().out
    assert "1 .gif" in out
    assert "1 without partner" in out
    found = manifest.load(tmp_path / "s/train")
    assert (found.kind, found.records, found.channels) == ("pairs", 6, {"3 and 3": 6})
    assert (found.heights, found.widths) == ([64, 64], [64, 64])
    assert list(found.skipped) == [str(tmp_path / "sides/B/train/8.PNG")]
    files, shards = (open_dataset(root).split("train") for root in (sides, tmp_path / "s"))
    assert shards.names() == files.names()
    np.testing.assert_array_equal(batches(shards), batches(files))
    assert call(prepare, "check", f"--data={tmp_path / 's'}") == 0


def test_shards_of_arrays_whose_axes_are_told(tmp_path):
    for side, shape in (("A", (5, 16, 16)), ("B", (2, 16, 16))):
        (tmp_path / "p" / side / "train").mkdir(parents=True)
        np.save(tmp_path / "p" / side / "train" / "0.npy", np.zeros(shape, np.uint16))
    arguments = ("shard", f"--data={tmp_path / 'p'}", "--axes=CYX", f"--output={tmp_path / 's'}")
    assert call(prepare, *arguments) == 0
    found = manifest.load(tmp_path / "s/train")
    assert (found.channels, found.heights, found.widths) == ({"5 and 2": 1}, [16, 16], [16, 16])


def test_a_fraction_is_sharded_as_it_is_trained(data, tmp_path):
    flat = data[1] / "train"
    arguments = ("shard", f"--data={flat}", f"--output={tmp_path / 's'}", "--val_fraction=0.4")
    assert call(prepare, *arguments) == 0
    for split in ("train", "val"):
        files = open_dataset(flat, val_fraction=0.4).split(split)
        assert open_dataset(tmp_path / "s").split(split).names() == files.names()


def test_check_exits_with_1_where_something_is_left_out(data, tmp_path, capsys):
    sides = shutil.copytree(data[0], tmp_path / "sides")
    (sides / "A/train/.ipynb_checkpoints").mkdir()
    shutil.copy(sides / "A/train/0.tif", sides / "A/train/.ipynb_checkpoints/0-checkpoint.tif")
    (sides / "B/train/readme.txt").write_text("nothing")
    assert call(prepare, "check", f"--data={sides}") == 0
    out = capsys.readouterr().out
    assert "6 good, 0 bad" in out
    assert "1 hidden" in out
    (sides / "B/val/1.PNG").rename(sides / "B/val/1.gif")
    (sides / "old").mkdir()
    shutil.copy(sides / "A/train/0.tif", sides / "old")
    assert call(prepare, "check", f"--data={sides}") == 1
    err = capsys.readouterr().err
    for words in ("A/val/1.tif: left out: ", "B/val/1.gif: left out", "old: left out: 1 images"):
        assert words in err


EPOCHS, LAST = "--epochs=3", 9


@pytest.fixture(scope="module")
def begun(data, tmp_path_factory):
    """Three of nine steps on two folders."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copytree(data[0], folder / "p")
    assert resume(folder, "--max_steps=3") == 0
    return folder


@pytest.fixture
def folder(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "copy")


def resume(folder, *options):
    return call(train, *FLAGS, EPOCHS, f"--data={folder / 'p'}", f"--run_dir={folder / 'r'}", "--max_steps=0", *options)


@pytest.mark.slow
def test_a_run_on_two_folders_resumes_to_the_last_bit(folder, data, tmp_path):
    """Hidden copies between the two starts are no data."""
    for side in "AB":
        shutil.copytree(folder / "p" / side / "train", folder / "p" / side / "train" / ".ipynb_checkpoints")
        (folder / "p" / side / "train" / "Thumbs.db").write_bytes(b"x")
    assert resume(folder) == 0
    assert call(train, *FLAGS, EPOCHS, f"--data={data[1]}", f"--run_dir={tmp_path / 'whole'}") == 0
    # Side by side, in one go: the same bits.
    assert_same_state(*(Checkpoints(run).path(LAST) for run in (folder / "r", tmp_path / "whole")))
    known = json.loads((folder / "r/data.json").read_text())
    assert list(known["files"]) == [str(number) for number in range(6)]


@pytest.mark.slow
def test_a_file_of_each_side_is_lost(folder, capsys):
    """Alone, each is refused by its partner's name; both are skipped, whenever the training stops afterwards."""
    for lost, other in (("A/train/2.tif", "B/train/2.PNG"), ("B/train/5.PNG", "A/train/5.tif")):
        file = folder / "p" / lost
        contents = file.read_bytes()
        file.unlink()
        with pytest.raises(InputError) as error:
            resume(folder)
        assert str(folder / "p" / other) in str(error.value)
        file.write_bytes(contents)
    for lost in ("A/train/2.tif", "B/train/5.PNG"):
        (folder / "p" / lost).unlink()
    other_run = shutil.copytree(folder, folder.with_name("other"))
    assert resume(folder, "--bad_images=skip") == 0
    assert sum(line.startswith("lost ") for line in capsys.readouterr().out.splitlines()) == 2
    assert read_log(folder / "r")[-2]["lost_pairs"] == 2
    assert resume(other_run, "--bad_images=skip", "--max_steps=5") == 0
    assert resume(other_run, "--bad_images=skip") == 0
    assert_same_state(*(Checkpoints(each / "r").path(LAST) for each in (folder, other_run)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A/train/4.tif", "B/train/4.PNG"])
def test_a_file_of_one_side_has_changed(folder, name):
    shutil.copy(folder / "p" / name.replace("4.", "3."), folder / "p" / name)
    with pytest.raises(InputError, match="4 has changed"):
        resume(folder)


@pytest.mark.slow
def test_a_flat_folder_is_trained_and_measured_where_it_lies(data, tmp_path, capsys):
    run = tmp_path / "r"
    options = (f"--data={data[1] / 'train'}", "--val_fraction=0.4", f"--run_dir={run}", "--max_steps=1")
    assert call(train, *FLAGS, *options) == 0
    known = json.loads((run / "data.json").read_text())
    assert sorted([*known["files"], *known["validation"]["files"]]) == [f"{number}.png" for number in range(6)]
    capsys.readouterr()
    assert call(evaluate, f"--run_dir={run}", "--nofeatures", "--nobaselines", f"--output={tmp_path / 'report'}") == 0
    assert f"val: {known['validation']['pairs']} pair" in capsys.readouterr().out
