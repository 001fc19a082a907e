"""The commands of prepare."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines import prepare
from pipelines.images.header import DAMAGED
from pipelines.images.transforms import ODD_WIDTH
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, run_all
from tests.helpers.runs import assert_one_clear_line, make_pairs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "'nothing' .* fetch, demo, combine, check, shard"),
        (("check", "--data=a", "b"), "'check b'"),
        (("check",), "--data "),
        (("fetch",), "--data "),
        (("fetch", "--data=faces"), "data=faces .* facades"),
        (("combine", "--a=a", "--b=b"), "--output "),
        (("combine", "--a=a", "--output=pairs"), "--b "),
        (("check", "--data=nowhere"), "data=nowhere .* facades"),
    ],
)
def test_errors_name_the_option(arguments, message):
    with pytest.raises(InputError, match=message):
        call(prepare, *arguments)


def counts(out):
    """The lines of check that count pairs, without those that describe them."""
    return [line for line in out.splitlines() if not line.startswith(("  ", "warning: "))]


def test_check_says_what_would_train_and_be_wrong(tmp_path, capsys):
    """Sources of 12 bits in 16, targets of floats, and a pair of train that is in val in another format."""
    rng = np.random.default_rng(0)
    for split, names in (("train", "abc"), ("val", "de")):
        for side in ("A", "B"):
            (tmp_path / split / side).mkdir(parents=True)
        for name in names:
            tifffile.imwrite(tmp_path / split / "A" / f"{name}.tif", rng.integers(0, 4000, (16, 16), np.uint16))
            np.save(tmp_path / split / "B" / f"{name}.npy", np.linspace(-2, 40, 256, dtype=np.float32).reshape(16, 16))
    Image.fromarray(tifffile.imread(tmp_path / "train" / "A" / "b.tif")).save(tmp_path / "val" / "A" / "d.png")
    (tmp_path / "val" / "A" / "d.tif").unlink()
    assert call(prepare, "check", f"--data={tmp_path}") == 0
    out, err = capsys.readouterr()
    assert err == ""
    warnings = [line for line in out.splitlines() if line.startswith("warning: ")]
    for words in ("--source_range=0,4095", "--target_range=-2,40", "all 3 targets are the same image", "d is b"):
        assert any(words in line for line in warnings), words
    assert call(prepare, "check", f"--data={tmp_path}", "--direction=BtoA") == 0
    assert "--target_range=0,4095" in capsys.readouterr().out


def test_check_says_what_training_would_miss(tmp_path, capsys):
    make_pairs(tmp_path / "p", train=2, val=1)
    assert call(prepare, "check", f"--data={tmp_path / 'p'}") == 0
    assert counts(capsys.readouterr().out) == [f"{tmp_path}/p/train: 2 good, 0 bad", f"{tmp_path}/p/val: 1 good, 0 bad"]
    (tmp_path / "p" / "val").rename(tmp_path / "p" / "test")
    assert call(prepare, "check", f"--data={tmp_path / 'p'}") == 1
    out, err = capsys.readouterr()
    assert f"{tmp_path}/p/test: 1 good, 0 bad" in out
    assert err.count("\n") == 1
    for words in (f"{tmp_path}/p has train, test, but no val", "--val_fraction", "rename"):
        assert words in err


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Commands that fail, as a shell sees them."""
    folder = tmp_path_factory.mktemp("processes")
    for name, size in (("A/0.png", (8, 6)), ("A/1.png", (8, 6)), ("B/0.jpg", (8, 6)), ("B/1.jpg", (16, 6))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(folder / name)
    train = make_pairs(folder / "p", train=3) / "train"
    (train / "1.png").write_bytes((train / "1.png").read_bytes()[:-30])
    Image.new("RGB", (7, 4)).save(train / "odd.jpg")
    combined = ("combine", f"--a={folder / 'A'}", f"--b={folder / 'B'}", f"--output={folder / 'pairs'}")
    results = run_all(
        {
            "unknown": ("pipelines.prepare", "chekc"),
            "combine": ("pipelines.prepare", *combined),
            "check": ("pipelines.prepare", "check", f"--data={folder / 'p'}"),
        }
    )
    return folder, results


def test_process_of_an_unknown_command(processes):
    _, results = processes
    assert_one_clear_line(results["unknown"], "error: 'chekc'", "fetch, demo, combine, check", "--help")


def test_process_of_combine(processes):
    folder, results = processes
    assert_one_clear_line(results["combine"], f"{folder}/A/1.png has 6x8", f"{folder}/B/1.jpg has 6x16")
    assert not (folder / "pairs").exists()
    assert not list(folder.glob(".*"))


def test_process_of_check(processes):
    folder, results = processes
    assert results["check"].returncode == 1
    assert [line for line in results["check"].stderr.splitlines() if str(folder) in line] == [
        f"{folder}/p/train/1.png: {DAMAGED}",
        f"{folder}/p/train/odd.jpg: {ODD_WIDTH}",
    ]
    assert counts(results["check"].stdout) == [f"{folder}/p/train: 2 good, 2 bad", f"{folder}/p/val: 2 good, 0 bad"]
