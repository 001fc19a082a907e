"""Makes tiny data sets, and runs tiny trainings as real processes."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf
from PIL import Image

from tests.helpers.forks import Fork
from tests.helpers.ports import reserved_ports
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.config_json import save

# Seconds. A busy machine may take long over anything; this limit only finds what hangs.
PATIENCE = 900.0
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Three levels have every kind of layer but dropout, and a training of half as many takes half as long to trace.
TINY = (
    "--image_size=64",
    "--depth=3",
    "--generator_width=2",
    "--discriminator_width=2",
    "--discriminator_layers=1",
    "--samples=2",
    "--log_every=1",
    "--validate_every=1",
)
SHALLOW = (*TINY, "--depth=2")
# The smallest depth with a dropout layer.
DEEP = (*TINY, "--depth=6")


def make_pairs(folder: pathlib.Path, train: int = 6, val: int = 2, size: int = 64, seed: int = 0) -> pathlib.Path:
    """Makes side-by-side PNGs of random color blocks, whose right half is the negative of the left."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            a = np.kron(blocks, np.ones((size // 4, size // 4, 1), np.uint8))
            Image.fromarray(np.hstack([a, 255 - a])).save(folder / split / f"{i}.png")
    return folder


def untrained(
    folder: pathlib.Path, strategy: tf.distribute.Strategy, gain: float = 1.0, **options: object
) -> pathlib.Path:
    """Makes a run directory with the weights of the start: what needs no training takes no time for one.

    At a gain of 5, results use most of the range.
    """
    values = {"image_size": (64, 64), "depth": 3, "generator_width": 2, "discriminator_width": 2}
    config = Config(**values | {"discriminator_layers": 1} | options).resolved()
    folder.mkdir()
    save(config, folder)
    model = Pix2Pix(config, strategy, total_steps=1)
    for variable in model.generator.trainable_variables:
        if "kernel" in variable.path:
            variable.assign(gain * variable)
    Checkpoints(folder).save(model)
    return folder


def with_best(step: int, run_dir: pathlib.Path, copy: pathlib.Path | None = None) -> pathlib.Path:
    """Makes a step the best of a run by L1, or of a copy of the run; returns its folder."""
    folder = shutil.copytree(run_dir, copy) if copy else run_dir
    for each in Checkpoints(folder).steps():
        meta = Checkpoints(folder).path(each) / "meta.json"
        meta.write_text(json.dumps({"step": each, "validation": {"l1": float(each != step)}}))
    return folder


def start(module: str, *arguments: object, **environment: str) -> subprocess.Popen:
    """Starts `python -m module` from the repository's root, with more variables in its environment."""
    return _start([module, *map(str, arguments)], ["-m"], environment)


def start_code(code: str) -> subprocess.Popen:
    """Starts `python -c code` from the repository's root; TensorFlow may be imported already."""
    return _start(["-c", code], [], {})


def _start(words: list[str], options: list[str], environment: dict[str, str]) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    if sys.platform == "linux":
        return Fork(words, cwd=ROOT, env=env, **pipes)
    return subprocess.Popen([sys.executable, *options, *words], cwd=ROOT, env=env, **pipes)


def start_workers(count: int, module: str, *arguments: object) -> list[subprocess.Popen]:
    """Starts a command as so many workers on loopback."""
    reserved = contextlib.ExitStack()
    addresses = [f"127.0.0.1:{port}" for port in reserved.enter_context(reserved_ports(count))]
    processes = []
    for index in range(count):
        task = {"type": "worker", "index": index}
        process = start(module, *arguments, TF_CONFIG=json.dumps({"cluster": {"worker": addresses}, "task": task}))
        # The ports stay reserved as long as there is someone who may ask for the processes.
        process.reserved = reserved
        processes.append(process)
    return processes


def finish_workers(processes: list[subprocess.Popen], seconds: float = PATIENCE) -> list[subprocess.CompletedProcess]:
    """Waits for all; each is killed after a time limit."""
    results = []
    for process in processes:
        try:
            output = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()
        results.append(subprocess.CompletedProcess(process.args, process.returncode, *output))
    for process in processes:
        process.reserved.close()
    return results


def run(module: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs a command to its end."""
    process = start(module, *arguments)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def assert_one_clear_line(result: subprocess.CompletedProcess, *words: str) -> None:
    """Asserts a non-zero exit code, no traceback, and exactly one line with all these words."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, result.stderr


def wait_for(condition, process: subprocess.Popen, seconds: float = PATIENCE) -> None:
    """Polls until the condition holds; fails if the process ends before it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def tensors(checkpoint: pathlib.Path, prefix: str = "state") -> dict[str, np.ndarray]:
    """Reads all tensors of one part of a checkpoint folder, by name."""
    reader = tf.train.load_checkpoint(str(checkpoint / prefix))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: reader.get_tensor(name) for name in names}


def assert_same_state(a: pathlib.Path, b: pathlib.Path, prefix: str = "state") -> None:
    """Asserts that every tensor of two checkpoints has the same bytes."""
    a, b = tensors(a, prefix), tensors(b, prefix)
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert value.tobytes() == b[name].tobytes(), name
