"""Trains on stacks, translates them into stacks, and exports what takes their slices; context sees the neighbors."""

import csv
import json
import re

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from export import saved_model
from pipelines import prepare
from pipelines.stacks.stack import Neighborhoods
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import untrained
from tests.helpers.stacks import OME, make_stacks, numbers, write_ome
from tfpix2pix import translate
from tfpix2pix.config import Config
from tfpix2pix.run import load_run

train, evaluate = command_module("tfpix2pix.train"), command_module("tfpix2pix.evaluate")

SMALL = (
    "--source_channels=1",
    "--target_channels=1",
    "--image_size=16",
    "--preprocess=crop",
    "--depth=2",
    "--generator_width=8",
    "--discriminator_width=2",
    "--discriminator_layers=1",
    "--gan_weight=0",
    "--norm=none",
    "--dropout=0",
    "--learning_rate=0.004",
    "--batch_size=8",
    "--samples=2",
    "--val_fraction=0.3",
)


def beside(a):
    """The mean of the slices before and after each one, reflected at the ends."""
    around = np.pad(a, ((1, 1), (0, 0), (0, 0)), "reflect").astype(np.uint32)
    return ((around[:-2] + around[2:]) // 2).astype(np.uint16)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Slices that have nothing to do with their neighbors, of which the target consists."""
    return make_stacks(tmp_path_factory.mktemp("data"), count=8, depth=10, side=32, target=beside)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """The same training without neighbors and with one on either side."""
    folder = tmp_path_factory.mktemp("runs")
    for context in (0, 1):
        options = (f"--data={data}", *SMALL, "--epochs=30", "--decay_epochs=15", "--validate_every=30")
        assert call(train, *options, f"--source_context={context}", f"--run_dir={folder / str(context)}") == 0
    return {context: folder / str(context) for context in (0, 1)}


def test_the_answer_lies_in_the_neighbors(runs):
    l1 = {context: load_run(run_dir).metrics["l1"] for context, run_dir in runs.items()}
    assert l1[1] < l1[0] / 4


def test_translated_stack(runs, data, tmp_path, capsys):
    assert call(translate, f"--run_dir={runs[1]}", f"--input={data / 'A'}", f"--output={tmp_path}") == 0
    assert "10 slices along Z" in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 8
    source, path = data / "A/cell3.ome.tif", tmp_path / "cell3.ome.tif"
    with tifffile.TiffFile(path) as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (tif.series[0].axes, tif.series[0].dtype, tif.series[0].shape) == ("ZYX", np.uint16, (10, 32, 32))
        result = tif.asarray()
    assert {name: pixels[name] for name in OME} == OME
    assert pixels["Channel"]["Name"] == "DAPI & more"
    around = np.pad(tifffile.imread(source), ((1, 1), (0, 0), (0, 0)), "reflect")
    slices = [np.ascontiguousarray(np.moveaxis(around[i : i + 3], 0, -1)) for i in range(10)]
    expected = load_run(runs[1]).translate(slices)
    np.testing.assert_array_equal(result, np.stack(expected)[..., 0])
    # It learned what the targets are, in their own numbers.
    target = tifffile.imread(data / "B/cell3.ome.tif").astype(np.float64)
    assert np.abs(result - target).mean() < 0.2 * np.abs(target - target.mean()).mean()


def test_arrays_stay_arrays(runs, data, tmp_path, capsys):
    values = tifffile.imread(data / "A/cell3.ome.tif")
    np.save(tmp_path / "s.npy", values)
    output = tmp_path / "out"
    assert call(translate, f"--run_dir={runs[1]}", f"--input={tmp_path / 's.npy'}", f"--output={output}") == 0
    assert "s.npy are read as (Z, H, W), 10 slices of 32x32; --axes tells" in capsys.readouterr().out
    found = np.load(output / "s.npy")
    assert (found.shape, found.dtype) == ((10, 32, 32), np.uint16)
    arguments = (f"--run_dir={runs[1]}", f"--input={tmp_path / 's.npy'}", f"--output={output}", "--format=tif")
    assert call(translate, *arguments, "--fit=tile", "--tile=32", "--overlap=0") == 0
    np.testing.assert_array_equal(tifffile.imread(output / "s.tif"), found)


def test_stops_and_goes_on(runs, data, tmp_path, monkeypatch, capsys):
    """Stopped in the middle by an error, then given once more: the same numbers, and nothing is left beside them."""
    source, output = data / "A/cell3.ome.tif", tmp_path / "out"
    arguments = (f"--run_dir={runs[1]}", f"--input={source}", f"--output={output}")
    read = Neighborhoods.read

    def stop(self, index):
        if index == 6:
            raise KeyboardInterrupt
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(Neighborhoods, "read", stop)
        with pytest.raises(KeyboardInterrupt):
            call(translate, *arguments)
    assert not (output / source.name).exists()
    assert call(translate, *arguments) == 0
    assert "goes on after slice 6 of 10" in capsys.readouterr().out
    assert [path.name for path in output.iterdir()] == [source.name]
    assert call(translate, *arguments[:2], f"--output={tmp_path / 'whole'}") == 0
    found, whole = (tifffile.imread(folder / source.name) for folder in (output, tmp_path / "whole"))
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pairs"], "pairs=True is for side-by-side"),
        (["--format=png"], "format=png holds no stack; give --format=tif, ome.tif or npy"),
        (["--output_size=network"], "output_size=network: stacks keep"),
        (["--uncertainty", "--tta"], "uncertainty is for single pictures"),
    ],
)
def test_options_that_stacks_do_not_have(runs, tmp_path, arguments, words):
    path = tmp_path / "s.ome.tif"
    write_ome(path, numbers((5, 32, 32)))
    with pytest.raises(InputError, match=re.escape(words)):
        call(translate, f"--run_dir={runs[1]}", f"--input={path}", f"--output={tmp_path / 'o'}", *arguments)


def test_inputs_that_are_left_out(runs, tmp_path, capsys):
    """A picture, a stack of colors and one of two axes are named; the rest is translated."""
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(numbers((32, 32), np.uint8)).save(folder / "picture.png")
    np.save(folder / "three.npy", numbers((32, 32, 3), np.uint8))  # as many channels as three slices
    tifffile.imwrite(
        folder / "colors.tif", numbers((5, 32, 32, 3), np.uint8), photometric="rgb", metadata={"axes": "ZYXS"}
    )
    tifffile.imwrite(folder / "both.tif", numbers((5, 4, 32, 32)), ome=True, metadata={"axes": "TZYX"})
    write_ome(folder / "good.ome.tif", numbers((5, 32, 32)))
    assert call(translate, f"--run_dir={runs[1]}", f"--input={folder}", f"--output={output}") == 1
    errors = capsys.readouterr().err.splitlines()
    for name, words in {
        "picture.png": "it is a single picture, and this run translates slices with 1 neighbors on either side",
        "three.npy": "it is a single picture",
        "colors.tif": "its slices have 3 channels, and 1 are asked for",
        "both.tif": "5 along T and 4 along Z",
    }.items():
        (line,) = [line for line in errors if name in line]
        assert words in line
        assert line.endswith("it was left out")
    assert [path.name for path in output.iterdir()] == ["good.ome.tif"]


def test_a_stack_is_no_image_in_python(runs, data):
    with pytest.raises(ValueError, match=r"cell3.*is a stack.*translate_files"):
        load_run(runs[1]).translate(data / "A/cell3.ome.tif")


def test_evaluated_slice_by_slice(runs, data, capsys):
    assert call(evaluate, f"--run_dir={runs[1]}") == 0
    metrics = json.loads(next(runs[1].rglob("metrics.json")).read_text())
    said = capsys.readouterr().out
    assert "pairs of slices in" in said
    assert "sources: slices of stacks, with 1 neighbors on either side" in said
    # The identity is the slice itself, without its neighbors.
    rows = csv.DictReader(next(runs[1].rglob("images.csv")).read_text().splitlines())
    stacks = {row["image"].split("/")[0] for row in rows}
    source, target = (np.stack([tifffile.imread(data / side / f"{name}.tif") for name in stacks]) for side in "AB")
    l1 = np.abs(source.astype(float) - target).mean() / 65535 * 2
    assert metrics["metrics"]["identity"]["l1"]["mean"] == pytest.approx(l1, rel=1e-4)
    assert metrics["data"] == str(data)


def test_axes_of_files_that_do_not_say(runs, tmp_path, capsys):
    stack = numbers((5, 32, 32))
    tifffile.imwrite(tmp_path / "plain.tif", stack, photometric="minisblack", metadata=None)
    write_ome(tmp_path / "same.ome.tif", stack)
    arguments = (f"--run_dir={runs[0]}", f"--output={tmp_path / 'o'}")
    assert call(translate, *arguments, f"--input={tmp_path / 'plain.tif'}") == 1
    assert "--axes=ZYX" in capsys.readouterr().err
    assert call(translate, *arguments, f"--input={tmp_path / 'plain.tif'}", "--axes=ZYX") == 0
    assert call(translate, *arguments, f"--input={tmp_path / 'same.ome.tif'}") == 0
    found, expected = (tifffile.imread(tmp_path / "o" / name) for name in ("plain.tif", "same.ome.tif"))
    np.testing.assert_array_equal(found, expected)


def test_exports_take_the_channels_of_all_slices(runs, tmp_path, capsys):
    assert call(saved_model, f"--run_dir={runs[1]}", f"--output={tmp_path}") == 0
    said = capsys.readouterr().out
    assert "the sources are slices of stacks with 1 neighbors on either side, 3 channels" in said
    model = tf.saved_model.load(str(tmp_path / "1"))
    assert "serving_default" not in model.signatures
    assert model.signatures["translate"].structured_input_signature[1]["source"].shape == (None, None, None, 3)


def test_check_reads_every_slice(data, capsys):
    assert call(prepare, "check", f"--data={data}", "--val_fraction=0.3") == 0
    said = capsys.readouterr().out
    assert " 0 bad" in said
    assert " of the slices in " in said


def test_stacks_are_not_sharded(data, tmp_path):
    with pytest.raises(ValueError, match="10 pictures along Z"):
        call(prepare, "shard", f"--data={data}", f"--output={tmp_path}")


def test_context_is_part_of_the_run(strategies, tmp_path):
    run_dir = untrained(tmp_path / "run", strategies[1], source_channels=2, source_context=2, target_channels=1)
    run = load_run(run_dir)
    assert run.generator.input_shape[-1] == 10
    assert run.config.display("source").channels == (4,)
    path = run_dir / "config.json"
    values = json.loads(path.read_text())
    assert values.pop("source_context") == 2
    # Runs of versions without the option have no neighbors.
    path.write_text(json.dumps({**values, "source_channels": 10}))
    assert load_run(run_dir).config.input_channels == 10


def test_the_source_alone_has_neighbors():
    for direction, contexts in (("AtoB", (2, 0)), ("BtoA", (0, 2))):
        config = Config(direction=direction, source_channels=1, target_channels=4, source_context=2)
        assert tuple(form.context for form in config.stack_forms()) == contexts
        assert {form.context: form.channels for form in config.stack_forms()} == {2: 1, 0: 4}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source_labels": 3}, "source_context=1 and source_labels=3 exclude"),
        ({"color_jitter": 0.1}, "source_context=1 and color_jitter=0.1 exclude"),
        ({"axes": "CYX"}, "axes=CYX names no Z or T"),
        ({"axes": "ZTYX"}, "--axes=ZTYX does not name axes"),
        ({"source_channels": 100}, "300 channels"),
    ],
)
def test_options_without_neighbors(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Config(source_context=1, **options)
