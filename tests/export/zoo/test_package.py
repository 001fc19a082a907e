"""What a package says of a run: axes, sizes, tests; its steps, computed by NumPy, are those of the run."""

import json
import pathlib

import bioimageio.spec
import numpy as np
import pytest
import tensorflow as tf
from bioimageio.spec.model import v0_5 as spec
from PIL import Image

from export.zoo import numbers, tensors
from export.zoo.about import cite_entry, zoo_name
from export.zoo.package import export_bioimage
from export.zoo.samples import tolerance
from pipelines.images.codecs import Raster
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import assert_one_clear_line, run, untrained
from tfpix2pix.config import Config

SIXTEEN = {"source_channels": 1, "target_channels": 1, "target_type": "uint16"}
SIDES = {
    "8 bits": ({}, "uint8"),
    "range": (SIXTEEN | {"source_range": "200,3000", "target_range": "100,5000"}, "uint16"),
    "beyond the type": (SIXTEEN | {"source_range": "-50,300", "target_range": "-1000,70000"}, "float32"),
    "percentiles": (SIXTEEN | {"source_normalize": "percentile:2,99"}, "float32"),
    "floats": (SIXTEEN | {"source_range": "0,1.5", "target_range": "-1,1", "target_type": "float32"}, "float32"),
    "32 bits": (SIXTEEN | {"target_type": "uint32", "target_range": "0,4000000000"}, "uint8"),
    "signed": (SIXTEEN | {"target_type": "int16", "target_range": "-500,500"}, "uint8"),
}


def computed(steps, x):
    """What bioimageio's specification says that these steps do to `(N, H, W, C)`."""
    for step in steps:
        k = step.kwargs
        match step.id:
            case "scale_linear":
                x = x * k.gain + k.offset
            case "clip":
                x = np.clip(x, k.min, k.max)
            case "ensure_dtype":
                x = x.astype(k.dtype)
            case "scale_range":
                places = tuple("byxc".index(str(axis)) for axis in k.axes)
                low, high = (np.percentile(x, q, places, keepdims=True) for q in (k.min_percentile, k.max_percentile))
                x = (x - low) / (high - low + k.eps)
    return x


@pytest.mark.parametrize("name", SIDES)
def test_the_steps_are_those_of_the_run(name):
    options, kind = SIDES[name]
    config = Config(**options).resolved()
    assert numbers.source_type(config) == kind
    rng = np.random.default_rng(0)
    low, high = numbers.source_range(config, kind)
    stored = rng.uniform(low - 20, high + 20, (2, 9, 7, config.source_channels))
    if kind != "float32":
        stored = np.clip(np.round(stored), 0, np.iinfo(kind).max)
    stored = stored.astype(kind)
    source = computed(tensors.preprocessing(config, kind), stored)
    expected = [config.image_format("source").from_raster(Raster(image)) * 2 - 1 for image in stored]
    assert source.dtype == np.float32
    np.testing.assert_allclose(source, expected, atol=1e-6)
    generated = rng.uniform(-1.2, 1.2, (2, 40, 40, config.target_channels)).astype(np.float32)
    generated[1] = np.sign(generated[1])
    result = computed(tensors.postprocessing(config), generated)
    wanted = config.image_format("target").to_stored(tf.constant(generated), config.result_type).numpy()
    assert result.dtype == (wanted.dtype if wanted.dtype.kind == "u" else np.float32)
    off = np.abs(result.astype(np.float64) - wanted)
    # Signed integers are not rounded; of 32 bits, float32 holds no more than 24.
    assert off.max() <= {"signed": 0.51, "32 bits": 256}.get(name, 1)
    assert name in ("signed", "32 bits", "floats") or np.mean(off > 0) < 0.005


@pytest.mark.parametrize(
    ("options", "halo", "least", "step"),
    [
        # Its own statistics: no tiles.
        ({"depth": 3}, 0, 8, 8),
        ({"depth": 3, "norm_statistics": "moving"}, 32, 72, 8),
        ({"depth": 6, "norm_statistics": "moving"}, 64, 192, 64),
        ({"generator": "resnet", "depth": 2, "blocks": 1, "norm": "none"}, 32, 68, 4),
        ({"generator": "resnet", "depth": 2, "blocks": 1, "norm": "instance"}, 0, 4, 4),
    ],
)
def test_sizes_and_halo_are_those_of_the_network(strategies, short_run, tmp_path, options, halo, least, step):
    path = untrained(tmp_path / "run", strategies[1], gain=5, **options)
    data = str(short_run.parent / "pairs")
    rows = export_bioimage(path, tmp_path / "zoo", data=data, parity_images=1, license_text="MIT", authors=["A"])
    assert all(row.passed for row in rows)
    model = bioimageio.spec.load_description(tmp_path / "zoo" / "rdf.yaml")
    assert isinstance(model, spec.ModelDescr)
    assert [str(axis.id) for axis in model.inputs[0].axes] == ["batch", "y", "x", "channel"]
    for axis, result in zip(model.inputs[0].axes[1:3], model.outputs[0].axes[1:3], strict=True):
        assert (axis.size.min, axis.size.step, axis.concatenable) == (least, step, halo > 0)
        assert getattr(result, "halo", 0) == halo
    source = np.load(tmp_path / "zoo" / "source.npy")
    assert source.shape[1] != source.shape[2]
    assert not any(side % step for side in source.shape[1:3])


def test_a_package_of_a_run_is_whole(short_run, tmp_path):
    words = ("--license=CC-BY-4.0", "--author=Ann Author", "--tag=nuclei", "--cite=A paper; https://example.org/a")
    arguments = (f"--run_dir={short_run}", f"--output={tmp_path / 'zoo'}", "--checkpoint=latest", *words)
    assert call(command_module("export.bioimage"), *arguments) == 0
    model = bioimageio.spec.load_description(tmp_path / "zoo" / "rdf.yaml")
    assert isinstance(model, spec.ModelDescr)
    assert str(model.license) == "CC-BY-4.0"
    assert [each.name for each in model.authors] == ["Ann Author"]
    assert "nuclei" in model.tags
    assert [str(each.doi or each.url) for each in model.cite] == ["10.1109/CVPR.2017.632", "https://example.org/a"]
    data = json.loads((short_run / "data.json").read_text())
    assert f"{data['pairs']} training" in model.training_data.description
    assert data["fingerprint"] in model.training_data.description
    with Image.open(tmp_path / "zoo" / "cover.png") as cover:
        assert cover.size == (512, 256)
    assert "## Validation" in (tmp_path / "zoo" / "README.md").read_text()
    for path in (tmp_path / "zoo").glob("*.[ym][ad]*"):
        assert str(short_run.parent) not in path.read_text(), path
    # Again, over itself.
    assert call(command_module("export.bioimage"), *arguments) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"license_text": "CC-BY-4"}, "license=CC-BY-4 .*spdx.org"),
        ({"title": "a/b"}, "title=a/b.*--title='pix2pix a b'"),
        ({"authors": ["a/b"]}, "refuses name"),
        ({"cite": ["a paper"]}, "cite=a paper"),
        ({"cite": ["a paper; nowhere"]}, "cite=a paper; nowhere"),
        ({"source_type": "float32"}, "source_type=float32"),
        ({"source_type": "int8"}, "source_type"),
        ({"halo": -1}, "halo"),
    ],
)
def test_what_does_not_fit_is_one_error(short_run, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        export_bioimage(short_run, tmp_path / "zoo", parity_images=1, **options)
    assert not (tmp_path / "zoo").exists()


def test_label_maps_as_sources_are_refused(strategies, short_run, tmp_path):
    path = untrained(tmp_path / "run", strategies[1], source_labels=3)
    np.save(tmp_path / "a.npy", np.zeros((64, 64), np.uint8))
    done = run(
        "export.bioimage", f"--run_dir={path}", f"--output={tmp_path / 'zoo'}", f"--sources={tmp_path / 'a.npy'}"
    )
    assert_one_clear_line(done, "source_labels=3", "export.onnx")


def test_slices_of_a_stack_have_their_neighbors_as_channels(strategies, tmp_path):
    options = {"source_context": 1, "source_channels": 1, "target_channels": 1, "source_range": "0,4000"}
    path = untrained(tmp_path / "run", strategies[1], gain=5, **options)
    # A pair that the run has kept: a slice between its neighbors, then the target.
    (path / "kept_pairs").mkdir()
    np.save(path / "kept_pairs" / "00.npy", np.random.default_rng(0).integers(0, 65536, (64, 64, 4), np.uint16))
    rows = export_bioimage(path, tmp_path / "zoo", license_text="MIT")
    assert all(row.passed for row in rows)
    model = bioimageio.spec.load_description(tmp_path / "zoo" / "rdf.yaml")
    assert isinstance(model, spec.ModelDescr)
    assert model.inputs[0].axes[3].channel_names == ["slice -1", "slice +0", "slice +1"]
    assert np.load(tmp_path / "zoo" / "source.npy").shape[-1] == 3


def test_other_files_are_not_deleted(short_run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        export_bioimage(short_run, tmp_path)
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize(
    ("expected", "off", "worst", "absolute", "relative", "mismatches"),
    [
        # Of integers a level more, unless the specification allows less of so dark a picture.
        (np.full(1000, 200, np.uint8), 0, 0.001, 1.01, 0, 100),
        (np.full(1000, 40000, np.uint16), 1, 0.3, 4, 0, 100),
        (np.full(1000, 50, np.uint8), 0, 0.001, 0.5, 0, 100),
        (np.full(1000, 50, np.uint8), 1, 0.001, 0.5, 0, 1000),
        (np.full(1000, 2, np.float32), 1e-4, 1e-4, 1e-3 + 1e-6, 0, 100),
        (np.full(1000, -2, np.float32), 0, 0, 0, 1e-3, 100),
    ],
)
def test_the_tolerance_is_what_was_measured(expected, off, worst, absolute, relative, mismatches):
    result = expected.copy()
    # One number of a thousand.
    result[7] += expected.dtype.type(off)
    found = tolerance("onnx", expected, result, worst)
    assert found.absolute_tolerance == pytest.approx(absolute, rel=2e-3)
    assert (found.relative_tolerance, found.mismatched_elements_per_million) == (relative, mismatches)


@pytest.mark.parametrize(
    ("title", "name"),
    [("nuclei", "nuclei"), ("a", "pix2pix a"), ("Zellkerne: ä/b", "Zellkerne b"), ("x" * 99, "x" * 64)],
)
def test_names_are_of_letters_that_the_zoo_takes(title, name):
    assert zoo_name(title) == name


def test_a_citation_has_a_doi_or_an_address():
    assert str(cite_entry("A; B 2020; 10.1000/182").doi) == "10.1000/182"
    assert cite_entry("A; B 2020; 10.1000/182").text == "A; B 2020"
    assert pathlib.PurePath(str(cite_entry("A; https://example.org/x").url)).name == "x"
