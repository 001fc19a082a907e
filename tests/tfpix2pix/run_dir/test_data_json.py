"""A run resumes with the files that it was begun with, and names those that differ."""

import json
import shutil

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import SHALLOW, assert_same_state, make_pairs
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log

train = command_module("tfpix2pix.train")

FLAGS = (*SHALLOW, "--batch_size=2", "--epochs=3", "--cache_mib=0", "--checkpoint_every=1")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Three of nine steps."""
    folder = tmp_path_factory.mktemp("begun")
    assert call(train, *FLAGS, f"--data={make_pairs(folder / 'p')}", f"--run_dir={folder / 'r'}", "--max_steps=3") == 0
    return folder


@pytest.fixture
def folder(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "copy")


def resume(folder, *options):
    # Where the pairs are may change.
    return call(train, *FLAGS, f"--data={folder / 'p'}", f"--run_dir={folder / 'r'}", "--max_steps=0", *options)


def test_what_is_written(begun):
    data = json.loads((begun / "r" / "data.json").read_text())
    assert list(data["files"]) == [f"{i}.png" for i in range(6)]
    size, digest = data["files"]["3.png"].split(" ")
    assert int(size) == (begun / "p" / "train" / "3.png").stat().st_size
    assert len(bytes.fromhex(digest)) == 8
    assert data["pairs"] == 6
    assert data["validation"]["pairs"] == len(data["validation"]["files"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: (p / "3.png").unlink(), "6 training pairs, and now there are 5.*: 3.png is gone;"),
        (lambda p: shutil.copy(p / "3.png", p / "9.png"), "6 training pairs, and now there are 7.*: 9.png is new;"),
        (lambda p: shutil.copy(p / "3.png", p / "4.png"), ": 4.png has changed;"),
        (lambda p: (p / "4.png").rename(p / "x.png"), "now there are 6.*: 4.png is gone;"),
    ],
)
def test_the_first_difference_is_named(folder, change, words):
    change(folder / "p" / "train")
    for _ in range(2):
        with pytest.raises(InputError, match=f"run_dir=.*{words}"):
            resume(folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["is gone", "has changed"])
def test_other_validation_pairs(folder, capsys, how):
    val = folder / "p" / "val"
    if how == "is gone":
        (val / "1.png").unlink()
    else:
        shutil.copy(val / "0.png", val / "1.png")
    for _ in range(2):
        with pytest.raises(InputError, match=f"validation .*: 1.png {how}"):
            resume(folder)
    # That this is said, and that nothing fails, takes no further step.
    assert resume(folder, "--bad_images=skip", "--max_steps=3") == 0
    assert f": 1.png {how}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_data_json_of_older_versions(folder):
    path = folder / "r" / "data.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({name: data[name] for name in ("pairs", "fingerprint", "skipped")}))
    (folder / "p" / "val" / "1.png").unlink()
    assert resume(folder) == 0


@pytest.mark.slow
def test_gone_between_two_starts_is_as_gone_meanwhile(folder, capsys):
    """A training that resumes without a file gives the same weights, whenever it was stopped afterwards."""
    (folder / "p" / "train" / "2.png").unlink()
    other = shutil.copytree(folder, folder.with_name("other"))
    assert resume(folder, "--bad_images=skip") == 0
    assert f"lost {folder / 'p' / 'train' / '2.png'}: " in capsys.readouterr().out
    assert read_log(folder / "r")[-2]["lost_pairs"] == 1
    assert resume(other, "--bad_images=skip", "--max_steps=5") == 0
    assert resume(other, "--bad_images=skip") == 0
    states = [Checkpoints(each / "r").path(9) for each in (folder, other)]
    assert_same_state(*states)


def test_most_missing_between_two_starts(folder):
    for number in range(4):
        (folder / "p" / "train" / f"{number}.png").unlink()
    with pytest.raises(InputError, match=r"4 of 6 files in .*train are gone"):
        resume(folder, "--bad_images=skip")
    assert not (folder / "r" / "lost").exists()


@pytest.mark.slow
def test_only_damaged_checkpoints_are_refused_each_time(folder):
    for step in Checkpoints(folder / "r").steps():
        (Checkpoints(folder / "r").path(step) / "state.data-00000-of-00001").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(InputError, match=r"no checkpoint in .*damaged-\*"):
            resume(folder)
    for path in (folder / "r" / "checkpoints").glob("damaged-*"):
        shutil.rmtree(path)
    assert resume(folder, "--max_steps=1") == 0


@pytest.mark.parametrize(
    ("written", "aspects"),
    [
        ("[0.75, 1.5]", (0.75, 1.5)),
        ("null", None),
        ("[1]", None),
        ("[2, 1]", None),
        ("[0, 1]", None),
        ("[1, NaN]", None),
        ("[1, 1e400]", None),
        ('"ab"', None),
        ("{}", None),
    ],
)
def test_aspects_are_those_of_data_json_or_unknown(tmp_path, written, aspects):
    path = tmp_path / data_json.DATA_FILE
    assert data_json.load_aspects(tmp_path) is None
    path.write_text(f'{{"pairs": 1, "fingerprint": "", "aspects": {written}}}')
    assert data_json.load_aspects(tmp_path) == aspects
