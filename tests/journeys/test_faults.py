"""A training survives each fault once; `make stress` does the same many times (stress.py)."""

import signal

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.faults import (
    asked_to_stop,
    damaged_checkpoint,
    file_gone,
    flipped,
    full_disk,
    killed,
    second_is_refused,
)
from tests.helpers.runs import run, tensors
from tests.helpers.victim import FLAGS, STEPS, Bench, last
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log

train = command_module("tfpix2pix.train")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("faults"))


@pytest.mark.slow
def test_a_life_of_faults_ends_with_the_same_bytes(bench):
    victim = bench.victim("life")
    asked_to_stop(victim, "tracing", signal.SIGINT)
    # The lock of the one that was killed is free.
    killed(victim, "save", second_is_refused)
    asked_to_stop(victim, "validation")
    damaged_checkpoint(victim, flipped)
    file_gone(victim)
    full_disk(victim, "clock")
    # The test can fail: two moments of one run differ.
    before = Checkpoints(bench.undisturbed).steps()[-2]
    earlier, later = tensors(Checkpoints(bench.undisturbed).path(before)), tensors(last(bench.undisturbed))
    changed = [name for name in earlier if earlier[name].tobytes() != later[name].tobytes()]
    assert any("generator" in name for name in changed)
    assert any("pools" in name for name in changed)


@pytest.mark.slow
def test_a_complete_run_stays_as_it_is(bench):
    log = (bench.undisturbed / "log.jsonl").read_bytes()
    result = run("tfpix2pix.train", f"--data={bench.pairs}", f"--run_dir={bench.undisturbed}", *FLAGS)
    assert result.returncode == 0
    assert "is complete" in result.stdout
    assert (bench.undisturbed / "log.jsonl").read_bytes() == log


@pytest.mark.slow
def test_log_has_validation_at_step_0_and_each_epoch(bench):
    validated = [record["step"] for record in read_log(bench.undisturbed) if "validation/l1" in record]
    assert validated == list(range(0, STEPS + 1, 3))
    assert (
        Checkpoints(bench.undisturbed).validation(STEPS)["l1"]
        == [record for record in read_log(bench.undisturbed) if "validation/l1" in record][-1]["validation/l1"]
    )


@pytest.mark.slow
def test_a_loss_that_is_not_finite_leaves_no_checkpoint(bench, tmp_path):
    """The first update makes every weight of the discriminator infinite, and the generator learns through it."""
    arguments = (f"--data={bench.pairs}", f"--run_dir={tmp_path / 'r'}", *FLAGS, "--checkpoint_every=1")
    with pytest.raises(InputError, match=r"loss .* step 1"):
        call(train, *arguments, "--learning_rate=1e39")
    assert Checkpoints(tmp_path / "r").steps() == [0]
