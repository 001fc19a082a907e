"""TFLite and ONNX files at sizes that they were not converted at, and what they say of themselves."""

import json
import re

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from export import onnx, tflite
from export.formats.litert import convert, with_metadata
from export.formats.metadata import metadata
from export.formats.onnx import convert as convert_to_onnx
from export.formats.parity import compare, table
from export.formats.release import brought_to, other_sizes
from export.trained import Trained, weights_digest
from tests.helpers.commands import call
from tests.helpers.runs import ROOT
from tfpix2pix.config import Config
from tfpix2pix.exported.tflite_file import Runner, read_metadata
from tfpix2pix.model.state import generator_of
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.translation.any_size import AnySize

SNIPPETS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "export.md").read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def folder(short_run, tmp_path_factory):
    """Where the documents' snippets run: their models and a photo lie where they look for them."""
    folder = tmp_path_factory.mktemp("exported")
    common = (f"--run_dir={short_run}", "--parity_images=1", "--license=CC-BY-4.0", "--checkpoint=latest")
    assert call(tflite, *common, "--kinds=float32", f"--output={folder / 'models' / 'facades_tflite'}") == 0
    assert call(onnx, *common, f"--output={folder / 'models' / 'facades_onnx'}") == 0
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    Image.fromarray(pixels).resize((97, 70)).save(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def generator(short_run):
    return load_generator(short_run, "latest", (None, None))[0]


@pytest.mark.parametrize("file", ["float32.tflite", "model.onnx"])
def test_the_documented_snippet_translates_a_photo_of_any_size(folder, generator, monkeypatch, file):
    monkeypatch.chdir(folder)
    (snippet,) = [text for text in SNIPPETS if file in text and "photo.png" in text]
    exec(snippet, {})
    result = np.asarray(Image.open("result.png"))
    photo = np.asarray(Image.open("photo.png"), np.float32) / 127.5 - 1
    expected = (AnySize(generator, 8)(photo[None])[0].numpy() + 1) * 127.5
    assert result.shape == (70, 97, 3)
    assert np.abs(result - expected).max() < 0.51


def test_the_documented_recipe_for_onnx_runtime(folder, generator, monkeypatch):
    monkeypatch.chdir(folder)
    (snippet,) = [text for text in SNIPPETS if "onnxruntime" in text and "photo.png" not in text]
    names = {"source": np.random.default_rng(2).uniform(-1, 1, (2, 24, 16, 3)).astype(np.float32)}
    exec(snippet, names)
    np.testing.assert_allclose(names["generated"], generator(names["source"], training=False), atol=1e-5)


def test_metadata_as_the_documents_read_it(short_run, folder, generator, monkeypatch):
    monkeypatch.chdir(folder)
    (snippet,) = [text for text in SNIPPETS if "tfpix2pix.json" in text]
    names = {}
    exec(snippet, names)
    about = names["about"]
    session = onnxruntime.InferenceSession("models/facades_onnx/model.onnx")
    texts = session.get_modelmeta().custom_metadata_map
    assert {
        name: value if isinstance(about[name], str) else json.loads(value) for name, value in texts.items()
    } == about
    assert session.get_modelmeta().description == about["description"]
    config = json.loads((short_run / "config.json").read_text())
    assert {name: about[name] for name in config.keys() & about.keys()} == {
        name: config[name] for name in config.keys() & about.keys()
    } | {"target_type": "uint8"}
    assert (about["license"], about["direction"], about["multiple"], about["step"]) == ("CC-BY-4.0", "BtoA", 8, 2)
    assert (about["native_size"], about["scale_size"], about["any_size"]) == ([64, 64], [64, 64], True)
    assert about["source_channel_names"] == ["red", "green", "blue"]
    assert about["weights_sha256"] == weights_digest(generator)
    assert json.loads((folder / "models" / "facades_onnx" / "export.json").read_text())["license"] == "CC-BY-4.0"


def test_named_axes(folder):
    session = onnxruntime.InferenceSession(folder / "models" / "facades_onnx" / "model.onnx")
    shapes = [(image.name, image.shape) for image in (*session.get_inputs(), *session.get_outputs())]
    axes = ["batch", "height", "width", 3]
    assert shapes == [("source", axes), ("generated", axes)]


def test_metadata_change_no_bit_of_the_results():
    source = np.random.default_rng(0).uniform(-1, 1, (16, 16, 3)).astype(np.float32)
    generator = unet((None, None), width=2, depth=2, products=False)
    ((_, small),) = convert(generator, (16, 16), ["float32"], [], {"any_size": False})
    about = {"any_size": True, "license": "é" * 1001}
    large = with_metadata(small, about)
    assert (read_metadata(small), read_metadata(large)) == ({"any_size": False}, about)
    np.testing.assert_array_equal(Runner(large, 1)(source), Runner(small, 1)(source))


@pytest.mark.parametrize(
    ("options", "names", "meaning"),
    [
        ({"source_channels": 12, "source_range": "0,4095"}, [], "0 and 4095"),
        ({"source_labels": 3, "target_labels": 5}, ["class 0", "class 1", "class 2"], "channel of the pixel's class"),
    ],
    ids=["12 channels", "labels"],
)
def test_channels_and_label_maps(options, names, meaning):
    config = Config(image_size=(32, 32), depth=2, generator_width=2, **options).resolved("AtoB")
    generator = generator_of(config, (None, None), products=False)
    for variable in generator.variables:
        if "kernel" in variable.path:
            variable.assign(variable * 5)
    run = Trained(generator, config, config.pair_format(), 7, {}, [])
    about = metadata(run, True, "")
    assert about["source_channel_names"] == names
    assert meaning in about["source_meaning"]
    source = np.random.default_rng(0).uniform(-1, 1, (32, 96, config.source_channels)).astype(np.float32)
    expected = generator(source[None], training=False)[0].numpy()
    assert np.std(expected) > 0.01
    ((_, file),) = convert(generator, (32, 32), ["float32"], [], about)
    np.testing.assert_allclose(Runner(file, 1)(source), expected, atol=1e-5)
    session = onnxruntime.InferenceSession(convert_to_onnx(generator, None, about))
    np.testing.assert_allclose(session.run(None, {"source": source[None]})[0][0], expected, atol=1e-5)
    if config.target_labels:
        np.testing.assert_allclose((expected + 1).sum(-1) / 2, 1, atol=1e-5)


def test_a_file_that_fails_at_another_size_is_named():
    image = np.zeros((16, 16, 3), np.float32)
    wide = np.zeros((16, 32, 3), np.float32)
    row = compare(
        "f", 1, lambda source: source + source.shape[1] // 32, image[None], [(image, image)], 50, [(wide,) * 2]
    )
    assert not row.passed
    assert "FAILED: under 50 dB at 16x32" in table([row])


def test_other_sizes_by_hand():
    assert other_sizes((64, 64), 32) == [(96, 64), (32, 128)]
    assert other_sizes((256, 256), 256) == [(512, 256), (256, 768)]
    image = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    assert brought_to(image, (1, 7))[..., 0].tolist() == [[0, 1, 2, 2, 1, 0, 0]]


def test_sizes_that_do_not_fit_are_refused(short_run, tmp_path):
    for module in (tflite, onnx):
        with pytest.raises(Exception, match=r"92x64.*multiples of 8.*88x64 and 96x64"):
            call(module, f"--run_dir={short_run}", f"--output={tmp_path / 'x'}", "--image_size=92x64")
        with pytest.raises(Exception, match=r"'big' is not a size.*dynamic"):
            call(module, f"--run_dir={short_run}", f"--output={tmp_path / 'x'}", "--image_size=big")
    assert not (tmp_path / "x").exists()
