"""A run directory from somebody else: nothing is written or deleted outside it, and no command hangs."""

import json
import os
import shutil

import pytest

from pipelines.system.disk import check_writable, write_whole
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY
from tfpix2pix import translate
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.lock import Lock

evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")


@pytest.fixture
def run_dir(short_run, tmp_path):
    return shutil.copytree(short_run, tmp_path / "run")


def commands(run_dir, short_run):
    pairs = short_run.parent / "pairs"
    training = (*TINY, "--direction=BtoA", "--learning_rate=0.05", f"--data={pairs}", "--max_steps=3")
    return (
        (train, *training, f"--run_dir={run_dir}"),
        (evaluate, f"--run_dir={run_dir}", "--nofeatures", "--nobaselines"),
        (translate, f"--run_dir={run_dir}", f"--input={pairs / 'val'}", f"--output={run_dir.parent / 'o'}", "--pairs"),
    )


@pytest.mark.parametrize(
    "name",
    [".log.jsonl", "lock", ".writable", "curves.png", "samples/step-00000003.png", "evaluation", "checkpoints/x"],
)
def test_links_are_refused(run_dir, short_run, tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (run_dir / name).parent.mkdir(exist_ok=True)
    if (run_dir / name).is_dir():
        shutil.rmtree(run_dir / name)
    (run_dir / name).unlink(missing_ok=True)
    (run_dir / name).symlink_to(outside)
    for command in commands(run_dir, short_run):
        with pytest.raises(InputError, match=f"run_dir={run_dir} has {name}, "):
            call(*command)
    assert outside.read_text() == "precious"


def test_a_linked_folder_of_checkpoints_loses_nothing(run_dir, short_run, tmp_path):
    photos = tmp_path / "photos"
    (photos / "00000001").mkdir(parents=True)
    (photos / "00000001" / "letter.txt").write_text("dear")
    shutil.rmtree(run_dir / "checkpoints")
    (run_dir / "checkpoints").symlink_to(photos)
    for command in commands(run_dir, short_run):
        with pytest.raises(InputError, match="has checkpoints, "):
            call(*command)
    assert (photos / "00000001" / "letter.txt").read_text() == "dear"


def test_the_run_directory_itself_may_be_a_link(run_dir, short_run, tmp_path):
    (tmp_path / "link").symlink_to(run_dir)
    assert call(*commands(tmp_path / "link", short_run)[2]) == 0


@pytest.mark.parametrize("name", ["config.json", "log.jsonl", "data.json", "lost"])
def test_a_pipe_is_not_read(run_dir, short_run, name):
    if (run_dir / name).is_dir():
        shutil.rmtree(run_dir / name)
    (run_dir / name).unlink(missing_ok=True)
    os.mkfifo(run_dir / name)
    for command in commands(run_dir, short_run):
        with pytest.raises(InputError, match=f"has {name}, "):
            call(*command)


def test_a_link_is_replaced_and_not_followed(tmp_path):
    """The link was made after the check for links."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (".file", ".writable", "lock"):
        (folder / name).symlink_to(outside)
    write_whole(folder / "file", "new")
    check_writable(folder, "folder")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Lock(folder).take()
    assert (folder / "file").read_text() == "new"
    assert outside.read_text() == "precious"


def test_only_names_that_a_training_gives_are_checkpoints(tmp_path):
    folder = tmp_path / "checkpoints"
    for name in ("00000003", "9", "٠٠٠٠٠٠٠٤", "000000010", "damaged-00000001", "123456789"):
        (folder / name).mkdir(parents=True)
    (folder / "00000005").write_text("no folder")
    (folder / "00000006").symlink_to(tmp_path / "nowhere")
    assert Checkpoints(tmp_path).steps() == [3, 123456789]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "/etc/hostname"}, "name"),
        ({"name": "../0.png"}, "name"),
        ({"name": None}, "text"),
        ({"digest": "00"}, "digest"),
        ({"index": "0"}, "number"),
        ({"index": 2**70}, "number"),
        ({"index": -1}, "number"),
        ({"size": 1.5}, "number"),
    ],
)
def test_lost_pairs_that_no_training_writes(run_dir, short_run, change, words):
    pair = {"index": 0, "name": "0.png", "reason": "gone", "size": 1, "digest": "0" * 16}
    (run_dir / "lost").mkdir()
    (run_dir / "lost" / "00000000.json").write_text(json.dumps(pair | change))
    with pytest.raises(InputError, match=f"00000000.json .*{words}"):
        call(*commands(run_dir, short_run)[0])


def test_all_pairs_lost(run_dir, short_run):
    (run_dir / "lost").mkdir()
    for index, file in enumerate(sorted((short_run.parent / "pairs" / "train").iterdir())):
        pair = {"index": index, "name": file.name, "reason": "gone", "size": 1, "digest": "0" * 16}
        (run_dir / "lost" / f"{index:08d}.json").write_text(json.dumps(pair))
    with pytest.raises(InputError, match="pairs"):
        call(*commands(run_dir, short_run)[0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ('{"dropout": 1%s}' % ("0" * 400), "64 bits"),
        ('{"max_pixels": 1%s}' % ("0" * 30), "more than 64 bits"),
        ('{"data_dir": "\\u0000"}', "data_dir="),
        ('{"image_size": [0, 0]}', "image_size=0x0"),
    ],
)
def test_options_that_no_training_writes(run_dir, short_run, values, words):
    config = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps(config | json.loads(values)))
    for command in commands(run_dir, short_run)[1:]:
        with pytest.raises(InputError, match=f"config.json .*{words}"):
            call(*command)


def test_an_option_that_was_left_open_is_resolved(run_dir, short_run):
    config = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps(config | {"depth": 0, "load_size": [0, 0]}))
    assert call(*commands(run_dir, short_run)[2]) == 0
