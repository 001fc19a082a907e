"""Run directories that version 0.1 wrote still resume, translate and export.

earlier_runs/ has two of them at step 4, of 64×64 and width 1: `pool` with dropout, jitter, flip and a pool of 1, `half`
in float16 with instance norm, after its loss scale had overflowed. NAME.npz and NAME.log.jsonl are what version 0.1
itself had at step 7, and translated/ is what it translated at step 4.
"""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.helpers.commands import call, command_module
from tests.helpers.runs import tensors
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.log_jsonl import read_log

train = command_module("tfpix2pix.train")

FOLDER = pathlib.Path(__file__).with_name("earlier_runs")
OPTIONS = (
    "--image_size=64",
    "--generator_width=1",
    "--discriminator_width=1",
    "--discriminator_layers=1",
    "--samples=2",
    "--log_every=1",
    "--batch_size=2",
    "--learning_rate=1e-5",
    "--keep_checkpoints=1",
    "--validate_every=1",
)


@pytest.fixture
def runs(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "runs")


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        # With oneDNN and without it, version 0.1 differed from itself by 4e-9, and in float16 by 3e-5.
        ("pool", ("--pool_size=1",), 1e-5),
        pytest.param("half", ("--mixed_precision=float16", "--norm=instance"), 1e-4, marks=pytest.mark.slow),
    ],
)
def test_resuming_gives_what_version_0_1_gave(runs, capsys, name, options, tolerance):
    arguments = (f"--data={runs / 'pairs'}", f"--run_dir={runs / name}", "--max_steps=7")
    assert call(train, *OPTIONS, *options, *arguments) == 0
    assert "resuming after step 4 of 7" in capsys.readouterr().out
    found = tensors(runs / name / "checkpoints" / "00000007")
    with np.load(FOLDER / f"{name}.npz") as expected:
        assert len(expected) > 60
        for tensor in expected:
            np.testing.assert_allclose(found[tensor], expected[tensor], rtol=0, atol=tolerance, err_msg=tensor)
    (runs / "expected").mkdir()
    shutil.copy(FOLDER / f"{name}.log.jsonl", runs / "expected" / "log.jsonl")
    before, now = read_log(runs / "expected"), read_log(runs / name)
    assert [record["step"] for record in now] == [record["step"] for record in before]
    for old, new in zip(before, now, strict=True):
        for key in old.keys() - {"images_per_second", "epoch_seconds"}:
            np.testing.assert_allclose(new[key], old[key], rtol=100 * tolerance, atol=tolerance, err_msg=key)


def test_pairs_are_resized_as_then():
    """Now they are resized faster; a run's config.json says how its pixels came about, or is older than that option."""
    assert Config().resize_precision == "fast"
    assert config_json.load(FOLDER / "pool").resize_precision == "exact"


def test_translating_gives_the_same_pixels(runs, tmp_path):
    translate = command_module("tfpix2pix.translate")
    images = (f"--input={runs / 'pairs' / 'val'}", "--pairs", f"--output={tmp_path / 'out'}")
    assert call(translate, f"--run_dir={runs / 'pool'}", *images) == 0
    for name in ("0.png", "1.png"):
        now, before = (
            np.asarray(Image.open(folder / name), int) for folder in (tmp_path / "out", FOLDER / "translated")
        )
        assert np.abs(now - before).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pool", "half"])
def test_exporting(runs, tmp_path, name):
    """The export compares what it wrote with the generator, by itself."""
    export = command_module("export.saved_model")
    shutil.copytree(runs / "pairs", runs.parent / "pairs")
    with pytest.MonkeyPatch.context() as patch:
        # The run's config.json names its data as `pairs`.
        patch.chdir(runs.parent)
        assert call(export, f"--run_dir={runs / name}", f"--output={tmp_path / 'model'}", "--parity_images=2") == 0
    assert (tmp_path / "model" / "1" / "saved_model.pb").exists()
