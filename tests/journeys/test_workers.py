"""Two workers as two processes: what they compute, and what happens when one is killed or gets a signal."""

import pathlib
import shutil
import signal

import numpy as np
import pytest

from tests.helpers.runs import (
    TINY,
    assert_one_clear_line,
    assert_same_state,
    finish_workers,
    make_pairs,
    run,
    start_workers,
    tensors,
    wait_for,
)
from tfpix2pix.devices.cluster import LOST_EXIT_CODE
from tfpix2pix.run_dir.journal import read_log

TRAIN = "tfpix2pix.train"
STEPS = 40
# 15 pairs at batch 2: 7 steps an epoch. Dropout, jitter, flip and pools are all on.
NOISY = (*TINY, "--batch_size=2", "--pool_size=3", "--epochs=6", "--checkpoint_every=4", f"--max_steps={STEPS}")
# Nothing that a replica draws for itself, and batch norm over all replicas.
EXACT = (*TINY, "--batch_size=2", "--dropout=0", "--nocrop", "--noflip", "--sync_batch_norm", "--max_steps=3")


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


def wait_for_step(run_dir, step, process):
    wait_for(lambda: max([record["step"] for record in read_log(run_dir)], default=0) >= step, process)


def test_equal_to_one_process(pairs, tmp_path):
    command = (f"--data={pairs}", *EXACT)
    results = finish_workers(start_workers(2, TRAIN, f"--run_dir={tmp_path / 'two'}", *command))
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    assert run(TRAIN, f"--run_dir={tmp_path / 'one'}", *command).returncode == 0
    one, two = (tensors(folder(tmp_path / name, 3)) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)
    for a, b in zip(read_log(tmp_path / "one"), read_log(tmp_path / "two"), strict=True):
        for name in a.keys() - {"images_per_second", "epoch_seconds"}:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [1, 0])
def test_a_killed_worker_ends_the_other_and_both_resume(victim, pairs, undisturbed, tmp_path):
    command = (TRAIN, f"--data={pairs}", f"--run_dir={tmp_path}", *NOISY)
    processes = start_workers(2, *command)
    wait_for_step(tmp_path, 13, processes[0])
    processes[victim].kill()
    survivor = finish_workers(processes)[1 - victim]
    assert survivor.returncode == LOST_EXIT_CODE
    lines = [line for line in survivor.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert f"worker {victim} at 127.0.0.1:" in lines[0]
    assert "is gone" in lines[0]
    assert "Traceback" not in survivor.stderr
    results = finish_workers(start_workers(2, *command))
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    assert "resuming after step" in results[0].stdout
    assert_same_end(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_lost_file_ends_all_workers_with_its_name(pairs, tmp_path):
    copied = shutil.copytree(pairs, tmp_path / "p")
    mark, file = tmp_path / "mark", copied / "train" / "7.png"
    command = (f"--data={copied}", f"--run_dir={tmp_path / 'r'}", *NOISY, "--cache_mib=0")
    # Every file has been read once by then, and the chief alone stands there.
    processes = start_workers(2, "tests.helpers.moments", "opened", mark, 3, *command)
    wait_for(mark.exists, processes[0])
    file.unlink()
    for result in finish_workers(processes):
        assert result.returncode == 2, result.stderr
        assert_one_clear_line(result, f"error: {file}: ", "No such file or directory")


@pytest.mark.slow
def test_a_signal_to_one_stops_all_after_the_same_step(pairs, undisturbed, tmp_path):
    arguments, mark = (f"--data={pairs}", f"--run_dir={tmp_path}", *NOISY), tmp_path / "mark"
    command = (TRAIN, *arguments)
    # Both stand still for a while where they save, so that the signal comes long before the end.
    processes = start_workers(2, "tests.helpers.moments", "save", mark, 5, *arguments)
    wait_for(mark.exists, processes[0])
    processes[1].send_signal(signal.SIGTERM)
    results = finish_workers(processes)
    assert [result.returncode for result in results] == [128 + signal.SIGTERM] * 2
    stopped = max(record["step"] for record in read_log(tmp_path))
    for result, why in zip(results, ("with another worker", "by SIGTERM"), strict=True):
        assert f"stopped {why} after step {stopped};" in result.stdout
    assert folder(tmp_path, stopped).is_dir()
    results = finish_workers(start_workers(2, *command))
    assert f"resuming after step {stopped} of {STEPS}" in results[0].stdout
    assert_same_end(tmp_path, undisturbed)
