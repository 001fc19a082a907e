"""A command refuses what cannot fit into memory, and ends in one line when memory runs out."""

import json
import shutil
import types

import numpy as np
import psutil
import pytest
import tensorflow as tf

from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY, make_pairs
from tfpix2pix import translate
from tfpix2pix.config import Config
from tfpix2pix.model.state import check_trainable
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.networks.memory_estimate import check_fits

evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")


def fits(monkeypatch, gib, build, **options):
    """Whether networks pass on a machine with this much memory."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(total=int(gib * 2**30)))
    try:
        check_fits("x", build, **options)
    except InputError:
        return False
    return True


def test_the_limit_is_the_size_of_weights_and_the_largest_array(monkeypatch):
    def build():
        return [unet((256, 256)), patchgan((256, 256))]

    weights = sum(np.prod(w.shape) for network in build() for w in network.weights)
    # The U-Net's first level and the PatchGAN's have 128×128×64 numbers, the last skip 128×128×128.
    expected = (weights * 4 * 4 + 128 * 128 * 128 * 4) / 2**30
    assert fits(monkeypatch, expected * 1.0001, build, copies=4)
    assert not fits(monkeypatch, expected * 0.9999, build, copies=4)


def test_networks_for_any_size_count_their_weights(monkeypatch):
    assert fits(monkeypatch, 0.21, lambda: [unet((None, None))])
    assert not fits(monkeypatch, 0.20, lambda: [unet((None, None))])


def test_the_check_leaves_nothing_behind():
    """Layers that are built afterwards are the same as without it."""
    before = len(tf.compat.v1.global_variables())
    check_trainable(Config().resolved())
    network = unet((32, 32), width=1, depth=5)
    assert len(tf.compat.v1.global_variables()) == before
    assert np.isfinite(network(tf.zeros((1, 32, 32, 3)))).all()


@pytest.mark.parametrize("flag", ["--generator_width=4096", "--discriminator_width=4096", "--image_size=262144"])
def test_training_is_refused_before_anything_is_written(tmp_path, flag):
    data = make_pairs(tmp_path / "p")
    with pytest.raises(InputError, match=rf"{flag[2:]}\D.*GiB of memory or more"):
        call(train, f"--data={data}", f"--run_dir={tmp_path / 'r'}", flag)
    assert not (tmp_path / "r").exists()
    with pytest.raises(InputError, match=r"a pair of size 999999x999999 needs .* GiB of memory or more"):
        call(train, f"--data={data}", f"--run_dir={tmp_path / 'r'}", *TINY, "--load_size=999999")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "values", [{"generator_width": 4096, "depth": 8, "image_size": [256, 256]}, {"image_size": [600064] * 2}]
)
@pytest.mark.parametrize("module", [translate, evaluate])
def test_a_run_from_elsewhere_is_refused(short_run, tmp_path, module, values):
    run_dir = shutil.copytree(short_run, tmp_path / "run")
    config = json.loads((run_dir / "config.json").read_text()) | values | {"load_size": [0, 0]}
    (run_dir / "config.json").write_text(json.dumps(config))
    pairs = short_run.parent / "pairs"
    options = (f"--input={pairs / 'val'}", "--pairs") if module is translate else ("--nofeatures",)
    with pytest.raises(InputError, match=r"(the generator of run_dir=|a pair of size).*GiB of memory or more"):
        call(module, f"--run_dir={run_dir}", f"--output={tmp_path / 'o'}", *options)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "{{node x}} OOM when allocating tensor [Op:Mul] name:"),
    ],
)
def test_out_of_memory_ends_in_one_line(monkeypatch, capsys, error):
    def main(argv):
        raise error

    monkeypatch.setattr("sys.argv", ["x"])
    with pytest.raises(SystemExit) as end:
        terminal.run(main)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    words = "MemoryError" if isinstance(error, MemoryError) else "OOM when allocating tensor"
    assert line.startswith("error: out of memory")
    for named in (words, "--batch_size", "--image_size"):
        assert named in line


def test_other_errors_pass(monkeypatch):
    def main(argv):
        raise ZeroDivisionError

    monkeypatch.setattr("sys.argv", ["x"])
    with pytest.raises(ZeroDivisionError):
        terminal.run(main)
