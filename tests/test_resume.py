"""A run that is killed and started again ends as one that never stopped."""

import json
import pathlib
import signal

import numpy as np
import pytest
from runs import TINY, assert_same_state, make_pairs, run, start, tensors, wait_for

from tfpix2pix.journal import read_log

STEPS = 20
# Batch 2 of 7 pairs: 3 steps an epoch, one pair left out each time; dropout, jitter, flip and pool are all on.
FLAGS = (*TINY, "--batch_size=2", "--pool_size=3", "--epochs=7", "--checkpoint_every=4", f"--max_steps={STEPS}")
LAST = pathlib.Path("checkpoints") / f"{STEPS:08d}"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make_pairs(tmp_path_factory.mktemp("pairs") / "p", train=7)


@pytest.fixture(scope="module")
def undisturbed(pairs, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("undisturbed") / "r"
    result = run("tfpix2pix.train", f"--data={pairs}", f"--run_dir={run_dir}", *FLAGS)
    assert result.returncode == 0, result.stderr
    return run_dir


def losses(run_dir):
    return {
        (record["step"], name): value
        for record in read_log(run_dir)
        for name, value in record.items()
        if "/" in name or name == "learning_rate"
    }


def test_killed_at_random_moments_ends_with_the_same_bytes(pairs, undisturbed, tmp_path):
    run_dir = tmp_path / "r"
    command = ("tfpix2pix.train", f"--data={pairs}", f"--run_dir={run_dir}", *FLAGS)
    rng = np.random.default_rng()
    for stop_at in sorted(rng.choice(np.arange(1, STEPS), 3, replace=False)):
        process = start(*command)
        wait_for(lambda at=stop_at: max([r["step"] for r in read_log(run_dir)], default=0) >= at, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert run(*command).returncode == 0
    assert_same_state(run_dir / LAST, undisturbed / LAST)
    assert losses(run_dir) == losses(undisturbed)
    # The test can fail: two moments of one run differ.
    before = next(path for path in sorted((undisturbed / "checkpoints").iterdir()) if path.name != LAST.name)
    earlier, later = tensors(before), tensors(undisturbed / LAST)
    changed = [name for name in earlier if earlier[name].tobytes() != later[name].tobytes()]
    assert any("generator" in name for name in changed)
    assert any("pools" in name for name in changed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first(pairs, undisturbed, tmp_path, number):
    run_dir = tmp_path / "r"
    command = ("tfpix2pix.train", f"--data={pairs}", f"--run_dir={run_dir}", *FLAGS)
    process = start(*command)
    wait_for(lambda: any(record["step"] >= 5 for record in read_log(run_dir)), process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr
    stopped = max(record["step"] for record in read_log(run_dir))
    assert f"stopped by {number.name} after step {stopped}" in stdout
    assert (run_dir / "checkpoints" / f"{stopped:08d}").is_dir()
    resumed = run(*command)
    assert f"going on after step {stopped} of {STEPS}" in resumed.stdout
    assert_same_state(run_dir / LAST, undisturbed / LAST)


def test_a_damaged_newest_checkpoint_is_set_aside(pairs, undisturbed, tmp_path):
    run_dir = tmp_path / "r"
    command = ("tfpix2pix.train", f"--data={pairs}", f"--run_dir={run_dir}", *FLAGS)
    assert run(*command, "--max_steps=9", "--keep_checkpoints=3").returncode == 0
    data = run_dir / "checkpoints" / "00000009" / "state.data-00000-of-00001"
    damaged = bytearray(data.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    data.write_bytes(damaged)
    result = run(*command)
    assert "the checkpoint of step 9 is damaged" in result.stdout
    assert "going on after step 8 of 20" in result.stdout
    assert_same_state(run_dir / LAST, undisturbed / LAST)


def test_a_complete_run_stays_as_it_is(pairs, undisturbed):
    log = (undisturbed / "log.jsonl").read_bytes()
    result = run("tfpix2pix.train", f"--data={pairs}", f"--run_dir={undisturbed}", *FLAGS)
    assert result.returncode == 0
    assert "is complete" in result.stdout
    assert (undisturbed / "log.jsonl").read_bytes() == log


def test_log_has_validation_at_step_0_and_each_epoch(undisturbed):
    validated = [record["step"] for record in read_log(undisturbed) if "validation/l1" in record]
    assert validated == [0, 3, 6, 9, 12, 15, 18, 20]
    meta = json.loads((undisturbed / LAST / "meta.json").read_text())
    assert meta["validation"]["l1"] == [r for r in read_log(undisturbed) if "validation/l1" in r][-1]["validation/l1"]
