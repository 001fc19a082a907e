"""The model card: each of its figures is one of metrics.json, and what was not measured is said so."""

import json
import pathlib
import re
import shutil

import pytest
from huggingface_hub import ModelCard
from PIL import Image

import tfpix2pix as p2p
from export.sharing.folder import export_card
from tests.helpers.commands import call, command_module
from tests.helpers.runs import untrained
from tfpix2pix.run_dir.trained_weights import trained_weights
from tfpix2pix.weights.torch.networks import to_torch
from tfpix2pix.weights.weight_file import write_file

NUMBER = re.compile(r"-?\d+\.\d+")


@pytest.fixture(scope="module")
def evaluated(short_run, tmp_path_factory):
    """A copy of a run that was evaluated on its validation pairs, and has signs in its log."""
    run = shutil.copytree(short_run, tmp_path_factory.mktemp("card") / "run")
    p2p.evaluate(run, checkpoint="latest", batch_size=2, features=False)
    return run


@pytest.fixture(scope="module")
def card(evaluated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "a"
    options = ("--checkpoint=latest", "--license=CC-BY-4.0", "--title=Houses_*")
    assert call(command_module("export.card"), f"--run_dir={evaluated}", f"--output={folder}", *options) == 0
    return folder


def leaves(value):
    """All numbers in JSON, at any depth."""
    if isinstance(value, dict | list):
        return [x for part in (value.values() if isinstance(value, dict) else value) for x in leaves(part)]
    return [value] if isinstance(value, int | float) else []


def section(text, title):
    return text.partition(f"\n## {title}")[2].partition("\n## ")[0]


def test_every_figure_is_of_metrics_json(evaluated, card):
    (path,) = evaluated.glob("evaluation/*/metrics.json")
    known = json.loads(path.read_text())
    text = (card / "README.md").read_text()
    shown = {f"{value:.{digits}f}" for value in leaves(known) for digits in range(2, 6)}
    measured = section(text, "Validation") + section(text, "Learned by heart?")
    found = NUMBER.findall(measured)
    assert len(found) >= 12
    assert set(found) <= shown
    assert f"Means over {known['images']} images of val" in measured
    assert known["conclusion"] in measured
    # What else has a point is an option, or a fact of the run.
    body = text.partition("\n---\n")[2].replace("CC-BY-4.0", "")
    assert set(NUMBER.findall(body)) <= shown | {f"{value:g}" for value in leaves(known["config"])} | set(
        NUMBER.findall(" ".join(known["run"].values()))
    )
    # The test can fail: of another run's numbers, not all would be known.
    assert not set(found) <= {f"{value * 1.01:.{digits}f}" for value in leaves(known) for digits in range(2, 6)}


def test_the_metadata_are_read_by_hugging_faces_library(evaluated, card):
    (path,) = evaluated.glob("evaluation/*/metrics.json")
    known = json.loads(path.read_text())["metrics"]["step 2"]
    data = ModelCard.load(card / "README.md").data
    assert (data.license, data.pipeline_tag, data.library_name) == ("cc-by-4.0", "image-to-image", "tfpix2pix")
    assert {each.metric_type: each.metric_value for each in data.eval_results} == {
        name: entry["mean"] for name, entry in known.items()
    }
    assert {each.dataset_split for each in data.eval_results} == {"val"}


def test_data_recipe_and_pictures_are_there(evaluated, card):
    text = (card / "README.md").read_text()
    data = json.loads((evaluated / "data.json").read_text())
    for name, split in (("training", data), ("validation", data["validation"])):
        assert f"- {name}: {split['pairs']}\n" in text
        assert f"`{split['fingerprint']}`" in text
        assert f"`{split['contents']}`" in text
    assert "--direction=BtoA" in section(text, "Recipe")
    assert "# Houses\\_\\*\n" in text
    for word in ("best", "median", "worst"):
        assert f"]({word}.webp)" in text
        with Image.open(card / f"{word}.webp") as picture:
            # Source, result and target of 64x64, three times as large.
            assert picture.size == (3 * 64 * 3, 64 * 3)


def test_nothing_tells_where_files_lay_or_what_they_are_called(evaluated, card):
    names = [*json.loads((evaluated / "data.json").read_text())["files"]]
    for path in [*card.rglob("*.json"), card / "README.md"]:
        text = path.read_text()
        assert str(evaluated.parent) not in text
        assert "/pairs" not in text
        assert not any(name in text for name in names), path


def test_what_was_not_measured_is_said(short_run, tmp_path):
    export_card(short_run, tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "It was not evaluated." in text
    assert "It was not measured how near" in text
    assert "no evaluation was found" in section(text, "What it was not tried on")
    assert ModelCard.load(tmp_path / "a" / "README.md").data.eval_results is None
    assert not NUMBER.search(section(text, "Validation"))


@pytest.mark.parametrize("named", ["demo", "/x/confocal and /y/stained"])
def test_two_folders_are_both_named(evaluated, tmp_path, named):
    """Also where an earlier version called them demo."""
    run = shutil.copytree(evaluated, tmp_path / "run")
    values = json.loads((run / "config.json").read_text())
    two = {"data": "demo", "data_a": "/x/confocal", "data_b": "/y/stained"}
    (run / "config.json").write_text(json.dumps(values | two))
    (path,) = run.glob("evaluation/*/metrics.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": named}))
    export_card(run, tmp_path / "a", checkpoint="latest")
    card = ModelCard.load(tmp_path / "a" / "README.md")
    assert {each.dataset_name for each in card.data.eval_results} == {"confocal and stained"}
    assert "demo" not in str(card)
    assert "Another data set." in str(card)


def test_a_card_of_stacks_says_how_they_are_translated(strategies, tmp_path):
    options = {"source_context": 2, "source_channels": 1, "target_channels": 1, "target_type": "uint16"}
    export_card(untrained(tmp_path / "run", strategies[1], **options), tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "the 2 slices before it and after it" in text
    assert "translate_files" in section(text, "Use")
    assert "picture.png" not in section(text, "Use")
    assert "target_type" not in section(text, "What it translates")
    config = p2p.load_run(tmp_path / "a").config
    assert config.source_context == 2


def test_the_check_for_copies_is_that_of_the_log(evaluated, tmp_path):
    run = shutil.copytree(evaluated, tmp_path / "run")
    (path,) = run.glob("evaluation/*/metrics.json")
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"signs": {"nearest": 0.87654}}))
    export_card(run, tmp_path / "a", checkpoint="latest")
    assert "is 0.877 of the distance" in (tmp_path / "a" / "README.md").read_text()


def test_an_export_with_dropout_tells_what_was_measured_with_dropout(noisy_run, short_run, tmp_path):
    run = shutil.copytree(noisy_run, tmp_path / "run")
    data = f"{short_run.parent / 'pairs'}"
    p2p.evaluate(run, data=data, baselines=False, features=False)
    folder = p2p.export_saved_model(run, tmp_path / "a", data=data, dropout_at_inference=True, parity_images=1)
    assert "It was not evaluated." in (folder / "model_card.md").read_text()
    export_card(run, tmp_path / "b")
    assert "Means over 4 images" in (tmp_path / "b" / "README.md").read_text()


def test_an_evaluation_of_other_norm_statistics_is_not_its_own(short_run, tmp_path):
    run = shutil.copytree(short_run, tmp_path / "run")
    p2p.evaluate(run, norm_statistics="moving", baselines=False, features=False)
    export_card(run, tmp_path / "a")
    assert "It was not evaluated." in (tmp_path / "a" / "README.md").read_text()


@pytest.mark.parametrize("exporter", ["saved_model", "onnx"])
def test_it_lies_in_every_export(evaluated, tmp_path, exporter):
    options = (f"--run_dir={evaluated}", f"--output={tmp_path / 'm'}", "--checkpoint=latest")
    assert call(command_module(f"export.{exporter}"), *options) == 0
    (path,) = pathlib.Path(tmp_path).rglob("model_card.md")
    text = path.read_text()
    assert "Means over 4 images of val" in text
    assert (path.parent / "best.webp").exists()
    assert {"saved_model": "--model=m ", "onnx": '"m/model.onnx"'}[exporter] in section(text, "Use")
    assert str(tmp_path) not in text


def test_it_lies_beside_files_for_torch(strategies, tmp_path):
    run = untrained(tmp_path / "run", strategies[1], depth=5)
    assert call(command_module("export.torch"), f"--run_dir={run}", f"--output={tmp_path / 'm'}") == 0
    assert "pix2pixHD" in section((tmp_path / "m" / "model_card.md").read_text(), "Use")


def test_of_an_imported_network_it_tells_no_recipe_and_no_path(noisy_run, tmp_path):
    write_file(to_torch(trained_weights(noisy_run)[0][0], 0), tmp_path / "G.pth")
    assert call(command_module("tfpix2pix.import_torch"), tmp_path / "G.pth", f"--run_dir={tmp_path / 'run'}") == 0
    export_card(tmp_path / "run", tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "how it was trained is not known" in section(text, "Recipe")
    assert "tfpix2pix.train" not in text
    assert "| generator | G.pth, " in text
    assert str(tmp_path) not in text
