"""Checks that measurements of the benchmark are kept with what they are of, and compared."""

import importlib
import json

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tfpix2pix.config import Config
from tfpix2pix.devices import speed, speed_record

FIGURES = {
    "name": "tfpix2pix",
    "batch_size": 1,
    "seconds_per_step": 0.5,
    "seconds_per_inference": 0.1,
    "pipeline_images_per_second": 300.0,
    "peak_rss_mib": 1500.0,
    "seconds_to_first_step": 6.0,
}


def test_ratios_above_one_are_better_whichever_way_the_figure_goes():
    old = FIGURES | {"seconds_per_step": 1.0, "pipeline_images_per_second": 200.0, "peak_rss_mib": 1200.0}
    ratios = {line.split()[0]: float(line.split()[-1]) for line in list(speed_record.compare(FIGURES, old))[1:]}
    assert ratios["seconds_per_step"] == 2.0
    assert ratios["pipeline_images_per_second"] == 1.5
    assert ratios["peak_rss_mib"] == 0.8
    assert "batch_size" not in ratios


def test_what_differs_beside_the_figures_is_said():
    old = FIGURES | {"machine": {"processor": "another"}, "options": {"batch_size": "4"}}
    new = FIGURES | speed_record.circumstances(Config())
    said = "\n".join(speed_record.compare(new, old))
    assert "batch_size: 4 before, the default now" in said
    assert f"processor: another before, {new['machine']['processor']} now" in said
    assert new["machine"]["processor"]
    assert new["machine"]["cores"] >= 1


def test_the_command_writes_a_record_that_it_compares_with_later(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "measure_speed", lambda *_: dict(FIGURES))
    command, file = importlib.import_module("tfpix2pix.benchmark"), tmp_path / "before.json"
    assert call(command, f"--output={file}", "--batch_size=2") == 0
    record = json.loads(file.read_text())
    assert record["options"]["batch_size"] == "2"
    assert record["versions"]["tensorflow"]
    capsys.readouterr()
    assert call(command, f"--against={file}", "--batch_size=2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all(line.endswith("1.00") for line in lines[1:])


@pytest.mark.parametrize("text", [None, "no JSON", "[]", '{"seconds_per_step": 0}'])
def test_another_file_is_refused_before_anything_is_measured(text, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "measure_speed", pytest.fail)
    file = tmp_path / "before.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=r"before\.json.*benchmark --output"):
        call(importlib.import_module("tfpix2pix.benchmark"), f"--against={file}")


def test_a_folder_that_is_not_there_is_named_first(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "measure_speed", pytest.fail)
    with pytest.raises(InputError, match=r"output=.*no such folder"):
        call(importlib.import_module("tfpix2pix.benchmark"), f"--output={tmp_path}/none/x.json")
