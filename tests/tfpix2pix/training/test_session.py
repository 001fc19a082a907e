"""Training as a function: with a Config and paths as text, without flags."""

import shutil

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.runs import assert_same_state, make_pairs, run
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.training.session import train

OPTIONS = {
    "image_size": (64, 64),
    "generator_width": 2,
    "discriminator_width": 2,
    "discriminator_layers": 1,
    "samples": 2,
    "max_steps": 2,
}


@pytest.mark.slow
def test_the_same_as_the_command(tmp_path, capsys):
    data = str(make_pairs(tmp_path / "p"))
    assert train(Config(data=data, **OPTIONS), str(tmp_path / "a")) == 0
    assert f"{tmp_path / 'a'} is complete: 2 steps" in capsys.readouterr().out
    assert (config_json.load(tmp_path / "a").depth, config_json.load(tmp_path / "a").load_size) == (6, (72, 72))
    flags = [f"--{name}={value[0] if isinstance(value, tuple) else value}" for name, value in OPTIONS.items()]
    assert run("tfpix2pix.train", f"--data={data}", f"--run_dir={tmp_path / 'b'}", *flags).returncode == 0
    assert_same_state(*(tmp_path / name / "checkpoints" / "00000002" for name in "ab"))
    assert train(Config(data=data, **OPTIONS), str(tmp_path / "a")) == 0
    assert "nothing is left to train" in capsys.readouterr().out


def test_a_resumed_run_has_the_same_bits(tmp_path):
    """Dropout, jitter, flip and pool are on; it stops within an epoch."""
    options = OPTIONS | {"max_steps": 4, "checkpoint_every": 2, "discriminator_layers": 0}
    config = Config(data=make_pairs(tmp_path / "p"), pool_size=2, log_every=1, **options)
    assert train(config, tmp_path / "whole") == 0
    # As if it had been killed between its last two checkpoints.
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "00000004")
    assert train(config, tmp_path / "resumed") == 0
    states = [tmp_path / name / "checkpoints" for name in ("whole", "resumed")]
    assert_same_state(*(folder / "00000004" for folder in states))
    # The test can fail: two steps of one run differ.
    with pytest.raises(AssertionError):
        assert_same_state(states[1] / "00000002", states[1] / "00000004")
    losses = [
        {r["step"]: r["generator/loss"] for r in read_log(tmp_path / name) if "generator/loss" in r}
        for name in ("whole", "resumed")
    ]
    assert losses[0] == losses[1]
    assert losses[0].keys() == {1, 2, 3, 4}


def test_it_refuses_what_the_command_refuses(tmp_path):
    with pytest.raises(InputError, match="data=nowhere "):
        train(Config(data="nowhere", **OPTIONS), tmp_path / "run")
    data = make_pairs(tmp_path / "p")
    with pytest.raises(InputError, match="batch_size=7"):
        train(Config(data=data, batch_size=7, **OPTIONS), tmp_path / "run")
    with pytest.raises(InputError, match="warmup_steps=13 is more than the 12 steps"):
        train(Config(data=data, epochs=2, warmup_steps=13, **OPTIONS), tmp_path / "run")
    assert not (tmp_path / "run").exists()
