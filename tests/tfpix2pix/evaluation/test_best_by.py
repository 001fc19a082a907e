"""Training chooses its best checkpoint by a metric with a published network."""

import json

import numpy as np
import pytest

from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.helpers.commands import call, command_module, entries
from tests.helpers.runs import SHALLOW, make_pairs
from tests.oracle import inputs
from tfpix2pix.config import Config
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.config_json import load
from tfpix2pix.run_dir.log_jsonl import read_log

train = command_module("tfpix2pix.train")

LPIPS_SHAPES = json.loads(str(np.load(inputs.__file__.replace("inputs.py", "published.npz"))["lpips_shapes"]))


@pytest.fixture
def weights(tmp_path):
    """Flags with files of random weights for AlexNet and the linear layers."""
    tensors = {name: inputs.weight(name, tuple(shape)) for name, shape in LPIPS_SHAPES.items()}
    files = {"alexnet_weights": tmp_path / "alexnet.pth", "lpips_weights": tmp_path / "linear.pth"}
    for file, is_linear in zip(files.values(), (False, True), strict=True):
        torch_writer.write(file, {n: t for n, t in tensors.items() if n.startswith("lin") == is_linear})
    return [f"--{option}={file}" for option, file in files.items()]


@pytest.mark.slow
def test_lpips(weights, tmp_path, capsys):
    run_dir, pairs = tmp_path / "r", make_pairs(tmp_path / "p", train=1)
    options = ("--best_by=lpips", "--max_steps=3", "--learning_rate=0.01", "--keep_checkpoints=9", *weights)
    assert call(train, *SHALLOW, f"--data={pairs}", f"--run_dir={run_dir}", *options) == 0
    logged = {r["step"]: r["validation/lpips"] for r in read_log(run_dir) if "validation/lpips" in r}
    assert list(logged) == [0, 1, 2, 3]
    best = min(logged, key=logged.get)
    assert Checkpoints(run_dir, best_by="lpips").best() == best
    assert f"best validation LPIPS {logged[best]:.4f} at step {best}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--best_by=fid", "--inception_weights=nowhere.pth"], ["best_by=fid", "inception_weights=nowhere.pth"]),
        (["--best_by=lpips", "--lpips_weights=nowhere.pth"], ["best_by=lpips", "lpips_weights=nowhere.pth"]),
        (["--perceptual_weight=1", "--vgg_weights=nowhere.h5"], ["vgg_weights=nowhere.h5"]),
        (["--best_by=ms_ssim"], ["best_by=ms_ssim", "161", "image_size=64x64"]),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry_run"]], ids=["train", "dry_run"])
def test_what_cannot_be_measured_is_refused_before_training(tmp_path, flags, words, more):
    pairs = make_pairs(tmp_path / "p")
    with pytest.raises(InputError) as error:
        call(train, *SHALLOW, f"--data={pairs}", f"--run_dir={tmp_path / 'r'}", *flags, *more)
    assert all(word in str(error.value) for word in words), error.value
    assert entries(tmp_path / "r") is None


def test_a_config_of_an_older_version_is_best_by_l1(tmp_path):
    values = json.loads(Config().to_json())
    (tmp_path / "config.json").write_text(json.dumps({n: v for n, v in values.items() if n != "best_by"}))
    assert load(tmp_path).best_by == "l1"
