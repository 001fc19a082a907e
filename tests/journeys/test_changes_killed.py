"""A run of three epochs is changed, killed at random moments during and after the change, and ends with the same bits.

Which moments they are depends on the machine. PIX2PIX_SEED chooses others than those of today.
"""

import os
import random
import shutil
import time

import pytest

from tests.helpers.commands import call, command_module
from tests.helpers.runs import SHALLOW, assert_same_state, make_pairs, run, start
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.history import HISTORY_FILE, TRAINING_PAIRS, changes
from tfpix2pix.run_dir.log_jsonl import read_log

train = command_module("tfpix2pix.train")

SEED = int(os.environ.get("PIX2PIX_SEED", "0"))
PAIRS, FEWER, KILLS = 56, 50, 5
FLAGS = (*SHALLOW, "--image_size=32", "--pool_size=3", "--checkpoint_every=7", "--batch_size=4", "--epochs=3")


def add_one(train_dir):
    shutil.copy(train_dir / "7.png", train_dir / "new.png")


def remove_some(train_dir):
    for number in range(FEWER):
        (train_dir / f"{number}.png").unlink()


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """42 steps, three epochs of 14."""
    folder = tmp_path_factory.mktemp("begun")
    make_pairs(folder / "p", train=PAIRS, size=32)
    assert call(train, *FLAGS, f"--data={folder / 'p'}", f"--run_dir={folder / 'r'}") == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "spoil", "last", "recorded"),
    [
        (("--epochs=6",), None, 84, {"epochs"}),
        (
            ("--epochs=4", "--learning_rate=1e-3", "--decay_epochs=2"),
            None,
            56,
            {"epochs", "learning_rate", "decay_epochs"},
        ),
        # 57 pairs have as many steps an epoch, but another order.
        (("--epochs=5",), add_one, 70, {"epochs", TRAINING_PAIRS}),
        (("--epochs=12", "--batch_size=2"), remove_some, 69, {"epochs", "batch_size", TRAINING_PAIRS}),
    ],
    ids=["epochs", "rate", "one-more", "50-fewer"],
)
def test_a_changed_run_that_is_killed(begun, tmp_path, options, spoil, last, recorded):
    shutil.copytree(begun / "p", tmp_path / "p")
    if spoil:
        spoil(tmp_path / "p" / "train")
    whole, killed = (shutil.copytree(begun / "r", tmp_path / name) for name in ("whole", "killed"))
    command = ("tfpix2pix.train", f"--data={tmp_path / 'p'}", *options, "--change")
    begin = time.monotonic()
    result = run(*command, f"--run_dir={whole}")
    assert result.returncode == 0, result.stderr
    seconds = time.monotonic() - begin
    moments = random.Random(f"{SEED} {options}")
    for _ in range(KILLS):
        # From the second start on the run is what it was changed to, if it got so far.
        is_changed = (killed / HISTORY_FILE).exists()
        process = start(*(command[:2] if is_changed else command), f"--run_dir={killed}")
        time.sleep(moments.uniform(0.2, 1) * seconds)
        process.kill()
        process.communicate()
    result = run(*(command[:2] if (killed / HISTORY_FILE).exists() else command), f"--run_dir={killed}")
    assert result.returncode == 0, result.stderr
    assert_same_state(*(Checkpoints(each).path(last) for each in (whole, killed)))
    written = [[c for c in changes(each) if c.is_of_training] for each in (whole, killed)]
    assert written[0] == written[1]
    assert {change.option for change in written[0]} == recorded
    assert {change.step for change in written[0]} == {42}
    logs = [[r for r in read_log(each) if "generator/loss" in r] for each in (whole, killed)]
    assert [r["generator/loss"] for r in logs[0]] == [r["generator/loss"] for r in logs[1]]
    for name in ("config.json", "data.json"):
        assert (whole / name).read_text() == (killed / name).read_text()
