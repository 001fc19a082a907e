"""TensorBoard reads back what log.jsonl has, what the options are, and no step twice."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata

from tests.helpers.commands import command_module
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json, options_shown
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.run_dir.log_jsonl import read_log

command_module("tfpix2pix.train")


def events(run_dir, run):
    """As TensorBoard itself reads them."""
    found = EventAccumulator(str(run_dir / "tensorboard" / run), {"tensors": 0})
    found.Reload()
    return found


def points(run_dir, run):
    """Tag to (step, value) of each chart."""
    found = events(run_dir, run)
    charts = {tag: found.Tensors(tag) for tag in found.Tags()["tensors"]}
    return {
        tag: [(each.step, each.tensor_proto.float_val[0]) for each in chart]
        for tag, chart in charts.items()
        if found.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    }


@pytest.fixture(scope="module")
def of_short_run(short_run):
    return read_log(short_run), {run: points(short_run, run) for run in ("train", "validation")}


def logged(records, name):
    return [(record["step"], pytest.approx(record[name], rel=1e-6)) for record in records if name in record]


@pytest.mark.parametrize(
    ("name", "run", "tag"),
    [
        ("generator/l1", "train", "quality/l1"),
        ("generator/loss", "train", "generator/loss"),
        ("discriminator/accuracy", "train", "discriminator/accuracy"),
        ("learning_rate", "train", "optimizer/learning_rate"),
        ("images_per_second", "train", "time/images_per_second"),
        ("epoch_seconds", "train", "time/epoch_seconds"),
        ("validation/l1", "validation", "quality/l1"),
        ("validation/psnr", "validation", "quality/psnr"),
    ],
)
def test_charts_have_the_numbers_of_the_log(of_short_run, name, run, tag):
    records, charts = of_short_run
    assert logged(records, name)
    assert charts[run][tag] == logged(records, name)


def test_every_value_of_the_log_has_a_chart_and_no_other_is_there(of_short_run):
    records, charts = of_short_run
    names = {name for record in records for name in record} - {"step"}
    assert sum(len(each) for each in charts.values()) == len(names)
    # The HParams table takes all charts of this run for its metrics.
    assert set(charts["validation"]) == {f"quality/{name[11:]}" for name in names if name.startswith("validation/")}


def test_samples_are_those_of_the_folder(short_run):
    found = events(short_run, "validation")
    files = sorted((short_run / "samples").glob("*.png"))
    shown = [each.tensor_proto.string_val for each in found.Tensors("samples")]
    assert [png for _, _, png in shown] == [file.read_bytes() for file in files]
    for width, height, png in shown:
        assert Image.open(io.BytesIO(png)).size == (int(width), int(height))


def test_texts_say_what_was_chosen(short_run):
    found = events(short_run, "train")
    (text,) = (each.tensor_proto.string_val[0].decode() for each in found.Tensors("options"))
    ours, others = text.split("### All others")
    assert "\n    python -m tfpix2pix.train " in ours
    assert "| learning\\_rate | 0.05 |" in ours
    assert "| batch\\_size | 1 |" in others
    # What follows from image_size was not chosen.
    assert "| load\\_size | 72x72 |" in others
    assert text.count("| learning\\_rate |") == 1
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| value |" not in line]
    assert len(rows) == len(dataclasses.fields(Config))


def test_the_table_of_runs_has_the_options(short_run):
    content = events(short_run, "validation").SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    info = hparams_metadata.parse_session_start_info_plugin_data(content)
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in info.hparams.items()}
    assert info.group_name == f"{short_run.name} in {short_run.parent}"
    config = config_json.load(short_run)
    some = ("image_size", "generator_width", "learning_rate", "discriminator_layers", "seed", "direction", "batch_size")
    assert [values[name] for name in some] == ["64x64", 2, 0.05, 1, 0, "BtoA", 1]
    # The rest says when something is written, is the machine's, or is the default.
    assert set(values) == {*options_shown.MAIN, "depth", "max_steps", "discriminator_layers"}
    assert values == options_shown.hparams(config)


def test_a_resumed_run_has_each_step_once(tmp_path):
    """Killed after step 4, with a checkpoint of step 2."""
    for first, last, value in ((0, 4, 1.0), (2, 5, 2.0)):
        journal = Journal(tmp_path, first, 5)
        for step in range(first + 1, last + 1):
            journal.scalars(step, step / 5, {"generator/l1": value})
            journal.scalars(step, step / 5, {"validation/l1": value})
        journal.close()
    expected = [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]
    for run in ("train", "validation"):
        assert points(tmp_path, run)["quality/l1"] == expected
    assert [step for step, _ in points(tmp_path, "train")["time/epoch"]] == [1, 2, 3, 4, 5]


def test_a_path_in_the_command_cannot_become_markdown():
    config = Config(image_size=(32, 32)).resolved()
    assert "evil" not in options_shown.as_markdown(config, "train\n# evil")
    assert "\n    train '**a**'\n" in options_shown.as_markdown(config, "train '**a**'")
    assert np.all([name in options_shown.hparams(config) for name in options_shown.MAIN])
