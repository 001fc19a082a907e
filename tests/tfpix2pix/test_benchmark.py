"""Checks the figures of the benchmark, as a function and as a command."""

import importlib
import json
import sys
import time

import psutil
import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.runs import TINY, make_pairs
from tfpix2pix.devices import speed
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.unet import unet

SECONDS = ("seconds_per_step", "seconds_per_inference", "seconds_to_first_step")


@pytest.mark.slow
def test_the_command_prints_one_json_object_of_all_figures(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "pairs")
    command = importlib.import_module("tfpix2pix.benchmark")
    before = time.monotonic() - command.START
    assert call(command, *TINY, f"--data={pairs}", "--batch_size=2", "--steps=2", "--json") == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["batch_size"] == 2
    assert figures["images_per_second"] == pytest.approx(2 / figures["seconds_per_step"])
    assert all(figures[name] > 0 for name in (*SECONDS, "pipeline_images_per_second"))
    # Counted from the module's start, not from the call.
    assert figures["seconds_to_first_step"] > before
    networks = unet((64, 64), width=2, depth=3), patchgan((64, 64), width=2, n_layers=1)
    for network, name in zip(networks, ("generator", "discriminator"), strict=True):
        trained = network.count_params() - sum(v.numpy().size for v in network.non_trainable_variables)
        assert figures[f"{name}_parameters"] == trained


def test_data_that_is_not_there_is_named_before_networks_are_built(monkeypatch):
    monkeypatch.setattr(speed, "Pix2Pix", pytest.fail)
    with pytest.raises(InputError, match="data=nowhere "):
        call(importlib.import_module("tfpix2pix.benchmark"), "--data=nowhere")


def test_the_median_is_of_the_runs_after_warming_up(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 13.0, 20.0, 22.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    runs = []
    assert speed.median_seconds(lambda: runs.append(1), times=3) == 2.0
    assert len(runs) == speed.WARM_UP_RUNS + 3


def test_the_peak_is_at_least_what_the_process_has_now():
    now = psutil.Process().memory_info().rss / 2**20
    assert now * 0.99 < speed.peak_memory_mib() < psutil.virtual_memory().total / 2**20


def test_the_peak_without_the_module_of_posix(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert speed.peak_memory_mib() == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.05)
