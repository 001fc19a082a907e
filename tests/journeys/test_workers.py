"""Two workers as two processes: what they compute, and what happens when one is killed or gets a signal."""

import pathlib
import shutil
import signal

import numpy as np
import pytest

from tests.helpers.commands import call, command_module
from tests.helpers.runs import (
    DEEP,
    TINY,
    assert_one_clear_line,
    assert_same_state,
    finish_workers,
    make_pairs,
    start_workers,
    tensors,
    wait_for,
)
from tfpix2pix.devices.cluster import LOST_EXIT_CODE
from tfpix2pix.run_dir.history import changes
from tfpix2pix.run_dir.log_jsonl import read_log

TRAIN = "tfpix2pix.train"
train = command_module(TRAIN)
STEPS = 40
# 15 pairs at batch 2: 7 steps an epoch. Dropout, jitter, flip and pools are all on.
NOISY = (*DEEP, "--batch_size=2", "--pool_size=3", "--epochs=6", "--checkpoint_every=4", f"--max_steps={STEPS}")
# Nothing that a replica draws for itself, and batch norm over all replicas.
EXACT = (
    *TINY,
    "--depth=2",
    "--batch_size=2",
    "--dropout=0",
    "--nocrop",
    "--noflip",
    "--sync_batch_norm",
    "--max_steps=2",
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make_pairs(tmp_path_factory.mktemp("pairs") / "p", train=15)


@pytest.fixture(scope="module")
def undisturbed(pairs, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("undisturbed") / "r"
    results = finish_workers(start_workers(2, TRAIN, f"--data={pairs}", f"--run_dir={run_dir}", *NOISY))
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    return run_dir


def folder(run_dir, step=STEPS):
    return run_dir / "checkpoints" / f"{step:08d}"


def assert_same_end(a: pathlib.Path, b: pathlib.Path) -> None:
    """Asserts that the chief's and the other worker's parts of the last checkpoint are the same."""
    assert_same_state(folder(a), folder(b))
    assert_same_state(folder(a), folder(b), "worker-1")
    losses = [
        {r["step"]: (r["generator/loss"], r["discriminator/loss"]) for r in read_log(d) if "generator/loss" in r}
        for d in (a, b)
    ]
    assert losses[0] == losses[1]


def last_step(run_dir):
    return max([record["step"] for record in read_log(run_dir)], default=0)


@pytest.mark.slow
def test_equal_to_one_process(pairs, tmp_path):
    command = (f"--data={pairs}", *EXACT)
    processes = start_workers(2, TRAIN, f"--run_dir={tmp_path / 'two'}", *command)
    assert call(train, f"--run_dir={tmp_path / 'one'}", *command) == 0
    results = finish_workers(processes)
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    one, two = (tensors(folder(tmp_path / name, 2)) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)
    for a, b in zip(read_log(tmp_path / "one"), read_log(tmp_path / "two"), strict=True):
        for name in a.keys() - {"images_per_second", "epoch_seconds", "pause_seconds"}:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.fixture
def pair_of(pairs, tmp_path):
    """Starts or resumes the same training as two processes, at the moment of harm or without any."""

    def begin(*moment):
        module, before = ("tests.helpers.moments", moment) if moment else (TRAIN, ())
        arguments = (f"--data={tmp_path / 'p'}", f"--run_dir={tmp_path / 'r'}", *NOISY, "--cache_mib=0")
        return start_workers(2, module, *before, *arguments)

    shutil.copytree(pairs, tmp_path / "p")
    return begin


def lost_file(tmp_path, begin):
    """Removes a file: all workers end with its name, and with the file back they resume."""
    mark, file = tmp_path / "lost", tmp_path / "p" / "train" / "7.png"
    # Every file has been read once by then, and the chief alone stands there.
    processes = begin("opened", mark, 3)
    wait_for(mark.exists, processes[0])
    contents = file.read_bytes()
    file.unlink()
    for result in finish_workers(processes):
        assert result.returncode == 2, result.stderr
        assert_one_clear_line(result, f"error: {file}: ", "No such file or directory")
    file.write_bytes(contents)


def killed(tmp_path, begin, victim):
    """Kills a worker: the other ends with one line, and with the code that asks for another start."""
    # More steps than between two checkpoints, so that none of those on record is taken for a new one.
    step = last_step(tmp_path / "r") + 5
    processes = begin()
    wait_for(lambda: last_step(tmp_path / "r") >= step, processes[0])
    processes[victim].kill()
    survivor = finish_workers(processes)[1 - victim]
    assert survivor.returncode == LOST_EXIT_CODE
    lines = [line for line in survivor.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert f"worker {victim} at 127.0.0.1:" in lines[0]
    assert "is gone" in lines[0]
    assert "Traceback" not in survivor.stderr


def asked_to_stop(tmp_path, begin):
    """Sends SIGTERM to one: all stop after the same step, which is returned, and save it."""
    mark = tmp_path / "asked"
    # Both stand still for a while where they save, so that the signal comes long before the end.
    processes = begin("save", mark, 5)
    wait_for(mark.exists, processes[0])
    processes[1].send_signal(signal.SIGTERM)
    results = finish_workers(processes)
    assert [result.returncode for result in results] == [128 + signal.SIGTERM] * 2
    assert "resuming after step" in results[0].stdout
    stopped = last_step(tmp_path / "r")
    for result, why in zip(results, ("with another worker", "by SIGTERM"), strict=True):
        assert f"stopped {why} after step {stopped};" in result.stdout
    assert folder(tmp_path / "r", stopped).is_dir()
    return stopped


@pytest.mark.slow
def test_a_life_of_faults_ends_with_the_same_bytes(undisturbed, pair_of, tmp_path):
    """Each fault once, in one training that resumes after each; at the end it equals one without faults."""
    lost_file(tmp_path, pair_of)
    killed(tmp_path, pair_of, victim=1)
    killed(tmp_path, pair_of, victim=0)
    stopped = asked_to_stop(tmp_path, pair_of)
    results = finish_workers(pair_of())
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    assert f"resuming after step {stopped} of {STEPS}" in results[0].stdout
    assert_same_end(tmp_path / "r", undisturbed)


@pytest.mark.slow
def test_a_changed_run_is_the_same_on_all_workers(undisturbed, pairs, tmp_path):
    """From within an epoch on with one more picture and another batch; stopped and resumed, it has the same bits."""
    data = shutil.copytree(pairs, tmp_path / "p")
    shutil.copy(data / "train" / "0.png", data / "train" / "new.png")
    whole, stopped = (shutil.copytree(undisturbed, tmp_path / name) for name in ("whole", "stopped"))
    change = (f"--data={data}", "--batch_size=4", "--epochs=7", "--change")
    for run_dir, *options in (
        (whole, *change, "--max_steps=0"),
        (stopped, *change, "--max_steps=43"),
        (stopped, "--max_steps=0"),
    ):
        results = finish_workers(start_workers(2, TRAIN, f"--run_dir={run_dir}", *options))
        assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    # 40 of 7 steps are 5.71 epochs; the rest of 7 takes 5.14 steps of 4.
    for prefix in ("state", "worker-1"):
        assert_same_state(folder(whole, 46), folder(stopped, 46), prefix)
    assert [change for change in changes(whole) if change.is_of_training] == [
        change for change in changes(stopped) if change.is_of_training
    ]
    assert {change.step for change in changes(whole)} == {STEPS}
