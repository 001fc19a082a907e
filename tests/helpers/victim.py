"""Starts real, tiny trainings that harm is done to, and asserts what must hold afterwards."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np

from tests.helpers.runs import DEEP, PATIENCE, assert_same_state, make_pairs, run, start, tensors, wait_for
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import LOG_FILE, read_log

TRAIN = "tfpix2pix.train"
STEPS = 24
# Batch 2 of 7 pairs: 3 steps an epoch, one pair left out each time; dropout, jitter, flip and pool are all on.
FLAGS = (*DEEP, "--batch_size=2", "--pool_size=3", "--epochs=8", "--checkpoint_every=4", "--cache_mib=0")
# At most so many steps between two checkpoints: there is one at each epoch's end.
GAP = 3
# Seconds that a process stands still at the moment of harm.
STAND = 3600.0


@dataclasses.dataclass
class Victim:
    """A training that harm is done to."""

    pairs: pathlib.Path
    run_dir: pathlib.Path
    undisturbed: pathlib.Path
    flags: tuple = FLAGS
    rng: np.random.Generator = dataclasses.field(default_factory=np.random.default_rng)

    @property
    def arguments(self) -> tuple:
        return (f"--data={self.pairs}", f"--run_dir={self.run_dir}", *self.flags)

    def start(self, moment: str | None = None, seconds: float = STAND) -> subprocess.Popen:
        """Starts or resumes it; with a moment, returns when it stands still there."""
        if not moment:
            return start(TRAIN, *self.arguments)
        mark = self.run_dir.with_name(f"{self.run_dir.name}.mark")
        mark.unlink(missing_ok=True)
        process = start("tests.helpers.moments", moment, mark, seconds, *self.arguments)
        wait_for(mark.exists, process)
        return process

    def started(self, steps: int = 1) -> subprocess.Popen:
        """Starts it, and returns when it has done so many more steps."""
        newest = self.newest()
        target = newest + steps
        # Steps that a killed training logged after its last checkpoint are no progress.
        kept = [json.dumps(record) + "\n" for record in read_log(self.run_dir) if record["step"] <= newest]
        if kept:
            (self.run_dir / LOG_FILE).write_text("".join(kept))
        process = self.start()
        wait_for(lambda: self.step() >= target, process)
        return process

    def step(self) -> int:
        """Returns the last step on record."""
        return max([record["step"] for record in read_log(self.run_dir)], default=0)

    def newest(self) -> int:
        """Returns the step of the newest checkpoint, 0 if there is none."""
        return max(Checkpoints(self.run_dir).steps(), default=0)

    def completes(self, moment: str | None = None) -> None:
        """Resumes it to its end, and asserts that this is an undisturbed training's to the last bit."""
        process = start("tests.helpers.moments", moment, os.devnull, 0, *self.arguments) if moment else self.start()
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, stderr
        assert "is complete" in stdout
        assert_same_end(self.run_dir, self.undisturbed)


@dataclasses.dataclass
class Bench:
    """Holds pairs, an undisturbed training on them, and a folder for other trainings."""

    folder: pathlib.Path

    def __post_init__(self):
        self.pairs = make_pairs(self.folder / "pairs", train=7)
        self.undisturbed = self.folder / "undisturbed"
        result = run(TRAIN, f"--data={self.pairs}", f"--run_dir={self.undisturbed}", *FLAGS)
        assert result.returncode == 0, result.stderr

    def victim(self, name: str) -> Victim:
        """Makes a new training, on its own copy of the pairs."""
        pairs = shutil.copytree(self.pairs, self.folder / f"{name}.pairs")
        (self.folder / name).mkdir()
        return Victim(pairs, self.folder / name / "run", self.undisturbed)


def last(run_dir: pathlib.Path) -> pathlib.Path:
    return run_dir / "checkpoints" / f"{STEPS:08d}"


def losses(run_dir: pathlib.Path) -> dict:
    return {
        (record["step"], name): value
        for record in read_log(run_dir)
        for name, value in record.items()
        if "/" in name or name == "learning_rate"
    }


def assert_same_end(a: pathlib.Path, b: pathlib.Path) -> None:
    assert_same_state(last(a), last(b))
    assert losses(a) == losses(b)


def finish(process: subprocess.Popen) -> subprocess.CompletedProcess:
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def assert_nothing_lost(victim: Victim, before: int) -> int:
    """Asserts that every checkpoint is whole; returns how many steps on record will be done again."""
    checkpoints = Checkpoints(victim.run_dir)
    for step in checkpoints.steps():
        assert tensors(checkpoints.path(step))
        assert json.loads((checkpoints.path(step) / "meta.json").read_text())["step"] == step
    assert victim.newest() >= before
    lost = victim.step() - victim.newest()
    assert lost <= GAP
    return lost
