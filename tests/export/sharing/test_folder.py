"""A shared folder gives what the run gives: in Python, on the command line, from a hub's cache, as a beginning."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy

import tfpix2pix as p2p
from export.sharing.folder import export_card
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY, assert_one_clear_line, run, start, untrained, with_best
from tfpix2pix.run_dir.shared import name_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(short_run, tmp_path_factory):
    """A short run, shared."""
    folder = tmp_path_factory.mktemp("shared") / "a"
    export_card(short_run, folder, checkpoint="latest")
    return folder


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)


def in_cache(home, folder):
    """Lays a folder where Hugging Face's library keeps what it has downloaded of OWNER/NAME, as links to blobs."""
    cache = home / "hub" / "models--owner--name"
    for path in filter(pathlib.Path.is_file, folder.rglob("*")):
        blob, link = cache / "blobs" / path.name, cache / "snapshots" / COMMIT / path.relative_to(folder)
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(COMMIT)


def test_everyone_may_read_it_who_may_read_other_files(folder):
    assert len({path.stat().st_mode for path in folder.iterdir() if path.is_file()}) == 1


def test_load_run_opens_it(short_run, folder, picture):
    ours, theirs = p2p.load_run(short_run, "latest"), p2p.load_run(folder)
    assert theirs.step == ours.step == 2
    assert theirs.metrics == ours.metrics
    assert theirs.config.image_size == ours.config.image_size
    np.testing.assert_array_equal(theirs.translate(picture), ours.translate(picture))


@pytest.mark.parametrize(
    "options",
    [
        {"generator": "resnet", "blocks": 1, "depth": 2, "norm": "instance", "upsample": "resize"},
        {"generator_spectral_norm": True, "attention_at": "16", "norm": "none"},
        {"target_labels": 3, "source_channels": 5, "source_range": "0,9", "norm_statistics": "moving"},
    ],
    ids=["resnet", "spectral", "labels"],
)
def test_every_generator_has_the_same_weights(strategies, tmp_path, options):
    source = untrained(tmp_path / "run", strategies[1], **options)
    export_card(source, tmp_path / "a")
    ours, theirs = p2p.load_run(source).generator, p2p.load_run(tmp_path / "a").generator
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_command_opens_what_a_hub_has(short_run, folder, tmp_path):
    in_cache(tmp_path, folder)
    pairs = short_run.parent / "pairs" / "val"
    for name, run_dir in (("ours", short_run), ("theirs", "hf://owner/name"), ("named", f"hf://owner/name@{COMMIT}")):
        options = (f"--run_dir={run_dir}", f"--input={pairs}", "--pairs", f"--output={tmp_path / name}")
        process = start("tfpix2pix.translate", *options, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
    for path in (tmp_path / "ours").iterdir():
        assert path.read_bytes() == (tmp_path / "theirs" / path.name).read_bytes()
        assert path.read_bytes() == (tmp_path / "named" / path.name).read_bytes()


def test_only_what_a_run_needs_is_downloaded(folder, monkeypatch):
    asked = {}

    def download(name, **options):
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert p2p.load_run("hf://owner/name@v2").step == 2
    assert (asked["name"], asked["revision"]) == ("owner/name", "v2")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in there if any(pathlib.PurePath(name).match(each) for each in asked["allow_patterns"])} == {
        "config.json",
        "data.json",
        "model.safetensors",
        "checkpoints/00000002/meta.json",
    }


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("Repo id must be")])
def test_a_hub_that_does_not_answer_is_one_error(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError, match=f"run_dir=hf://owner/name .*{error}.*OWNER/NAME"):
        p2p.load_run("hf://owner/name")


def test_exporters_take_it(short_run, folder, tmp_path):
    pytest.importorskip("tf2onnx")
    pairs = short_run.parent / "pairs"
    for name, run_dir in (("ours", short_run), ("theirs", folder)):
        options = (f"--run_dir={run_dir}", f"--output={tmp_path / name}", f"--data={pairs}", "--checkpoint=latest")
        assert call(command_module("export.onnx"), *options) == 0
    ours, theirs = (json.loads((tmp_path / name / "export.json").read_text()) for name in ("ours", "theirs"))
    assert ours["weights_sha256"] == theirs["weights_sha256"]
    assert ours["parity"]["files"]["model.onnx"]["l1"] == theirs["parity"]["files"]["model.onnx"]["l1"]


def test_a_training_does_not_go_on_there_but_begins_with_it(short_run, folder, tmp_path):
    data = f"--data={short_run.parent / 'pairs'}"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused = run("tfpix2pix.train", *TINY, data, f"--run_dir={folder}", "--direction=BtoA")
    assert_one_clear_line(refused, str(folder), "--init_from")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    options = (*TINY, data, f"--run_dir={tmp_path / 'b'}", f"--init_from={folder}", "--max_steps=1", "--direction=BtoA")
    begun = run("tfpix2pix.train", *options)
    assert begun.returncode == 0, begun.stderr
    assert "tensors are taken whole" in begun.stdout
    assert "discriminator: not given" in begun.stdout


def test_weights_that_do_not_fit_are_one_error(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "a")
    path = broken / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    name = next(iter(tensors))
    safetensors.numpy.save_file({**tensors, name: tensors[name][..., :1].copy()}, path)
    with pytest.raises(InputError, match=name):
        p2p.load_run(broken)
    safetensors.numpy.save_file({name: tensor.astype(np.float16) for name, tensor in tensors.items()}, path)
    with pytest.raises(InputError, match="holds no generator"):
        p2p.load_run(broken)
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="no tensors can be read"):
        p2p.load_run(broken)


def test_a_run_is_not_written_over(short_run, tmp_path):
    copy = shutil.copytree(short_run, tmp_path / "run")
    with pytest.raises(InputError, match="holds other files"):
        export_card(short_run, copy)


def test_other_files_are_not_written_over(short_run, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        export_card(short_run, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_another_checkpoint_takes_the_place_of_the_first(short_run, tmp_path):
    """Nothing of the first is left that would be taken for the second's."""
    run = shutil.copytree(short_run, tmp_path / "run")
    with_best(2, run)
    p2p.evaluate(run, checkpoint="latest", batch_size=2, features=False, baselines=False)
    export_card(run, tmp_path / "a", checkpoint=2)
    assert (tmp_path / "a" / "metrics.json").exists()
    export_card(run, tmp_path / "a", checkpoint=0)
    shared = p2p.load_run(tmp_path / "a")
    assert shared.step == 0
    np.testing.assert_array_equal(shared.generator.get_weights()[0], p2p.load_run(run, 0).generator.get_weights()[0])
    assert not (tmp_path / "a" / "metrics.json").exists()
    assert not list((tmp_path / "a").glob("*.webp"))
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="the folder of run_dir itself"):
        export_card(tmp_path / "a", tmp_path / "a")
    assert before == {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}


def test_what_a_hub_has_goes_by_the_name_of_its_repository():
    assert name_of(pathlib.Path("hub", "models--me--my-houses", "snapshots", "0a1b2c")) == "my-houses"
    assert name_of(pathlib.Path("runs", "houses")) == "houses"
