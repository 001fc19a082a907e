"""Runs with options that keep state of their own are killed at random moments; they end with the bits of others.

Which moments they are depends on the machine. PIX2PIX_SEED chooses others than those of today.
"""

import os
import random
import time

import pytest

from tests.helpers.runs import SHALLOW, assert_same_state, make_pairs, run, start
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log

SEED = int(os.environ.get("PIX2PIX_SEED", "0"))
KILLS, STEPS = 4, 60
FLAGS = (*SHALLOW, "--image_size=32", "--checkpoint_every=4", "--epochs=10", "--samples=1")
AVERAGE = ("--ema=0.9", "--optimizer=adamw", "--weight_decay=0.1", "--clip_norm=0.5")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        # A rate at which validation often gets worse, so that it falls several times.
        (*AVERAGE, "--schedule=plateau", "--decay_patience=1", "--learning_rate=0.02"),
        (*AVERAGE, "--schedule=step", "--decay_every=3", "--discriminator_steps=4", "--warmup_steps=9"),
    ],
    ids=["plateau", "step"],
)
def test_a_run_that_is_killed(options, tmp_path):
    command = ("tfpix2pix.train", *FLAGS, *options, f"--data={make_pairs(tmp_path / 'p', size=32)}")
    begin = time.monotonic()
    result = run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert result.returncode == 0, result.stderr
    seconds = time.monotonic() - begin
    moments = random.Random(f"{SEED} {options}")
    for _ in range(KILLS):
        process = start(*command, f"--run_dir={tmp_path / 'killed'}")
        time.sleep(moments.uniform(0.2, 1) * seconds)
        process.kill()
        process.communicate()
    result = run(*command, f"--run_dir={tmp_path / 'killed'}")
    assert result.returncode == 0, result.stderr
    assert_same_state(*(Checkpoints(tmp_path / name).path(STEPS) for name in ("whole", "killed")))
    logs = [[r for r in read_log(tmp_path / name) if "learning_rate" in r] for name in ("whole", "killed")]
    rates = [{record["step"]: record["learning_rate"] for record in log} for log in logs]
    assert rates[0] == rates[1]
    assert len({rates[0][step] for step in range(10, STEPS + 1)}) > 1
