"""The Python API as the documentation has it: each line alone, with paths as text."""

import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tfpix2pix as p2p
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT
from tfpix2pix import translate
from tfpix2pix.run_dir.trained_generator import load_generator


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """An image of another size than training's."""
    pixels = np.random.default_rng(1).integers(0, 256, (10, 14, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("photo") / "a.png"
    Image.fromarray(pixels).resize((140, 100)).save(path)
    return path


@pytest.fixture(scope="module")
def run(short_run):
    return p2p.load_run(str(short_run))


def test_import_is_quick_and_changes_nothing():
    code = (
        "import os, sys; before = dict(os.environ); import tfpix2pix; from tfpix2pix import Config;"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib'} & set(sys.modules);"
        "print(before == dict(os.environ), sorted(heavy), tfpix2pix.__version__)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["True", "[]", p2p.__version__]


def test_the_version_is_the_packages():
    assert f'\nversion = "{p2p.__version__}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", p2p.__all__)
def test_every_name(name):
    assert name in dir(p2p)
    value = getattr(p2p, name)
    assert value is getattr(p2p, name)
    assert value.__doc__


def test_a_name_that_does_not_exist():
    with pytest.raises(AttributeError, match="generate"):
        _ = p2p.generate


def test_functions_stay_when_the_commands_of_their_names_are_imported():
    for name in ("train", "evaluate", "compare"):
        module = command_module(f"tfpix2pix.{name}")
        assert callable(module.main)
        assert getattr(p2p, name) is not module
        assert callable(getattr(p2p, name))


def test_load_run(short_run, run):
    generator, config, step = load_generator(short_run)
    assert (run.run_dir, run.config, run.step, run.image_size) == (short_run, config, step, None)
    assert (
        run.metrics == json.loads((short_run / "checkpoints" / f"{step:08d}" / "meta.json").read_text())["validation"]
    )
    sources = np.random.default_rng(2).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(run.generator(sources, training=False), generator(sources, training=False))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, ()),
        ({"checkpoint": 0}, ("--checkpoint=0",)),
        ({"checkpoint": "latest", "norm_statistics": "moving"}, ("--checkpoint=latest", "--norm_statistics=moving")),
        ({"image_size": (128, 64)}, ("--image_size=128x64",)),
    ],
    ids=str,
)
def test_an_image_equals_the_commands(short_run, photo, tmp_path, arguments, options):
    common = (f"--run_dir={short_run}", f"--input={photo}", f"--output={tmp_path}")
    assert call(translate, *common, *options) == 0
    expected = np.asarray(Image.open(tmp_path / "a.png"))
    got = p2p.load_run(str(short_run), **arguments).translate(str(photo))
    assert (got.dtype, got.shape) == (np.uint8, np.asarray(Image.open(photo)).shape)
    np.testing.assert_array_equal(got, expected)
    assert np.ptp(got) > 2


def test_path_bytes_and_array_are_the_same_image(run, photo):
    expected = run.translate(photo)
    np.testing.assert_array_equal(run.translate(photo.read_bytes()), expected)
    np.testing.assert_array_equal(run.translate(np.asarray(Image.open(photo))), expected)


def test_an_array_of_other_channels_is_read_as_its_png(run):
    rng = np.random.default_rng(3)
    for shape in ((40, 30), (40, 30, 2), (40, 30, 4)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(run.translate(pixels), run.translate(png(pixels)))
    gray = rng.integers(0, 256, (40, 30), dtype=np.uint8)
    np.testing.assert_array_equal(run.translate(gray[..., None]), run.translate(gray))


def test_a_list_gives_a_list(run, short_run, photo):
    files = sorted((short_run.parent / "pairs" / "val").glob("*.png"))
    found = run.translate([str(files[0]), files[1], photo.read_bytes(), np.asarray(Image.open(photo))], batch_size=3)
    assert [image.shape for image in found] == [(64, 128, 3), (64, 128, 3), (100, 140, 3), (100, 140, 3)]
    for image, one in zip(found, [run.translate(file) for file in (files[0], files[1], photo, photo)], strict=True):
        # In a batch floats may have another last bit, and round to the next level.
        assert np.abs(image.astype(int) - one).max() <= 1
    assert run.translate([]) == []
    assert isinstance(run.translate([photo]), list)


def test_pairs_are_translated_from_their_source_half(run, short_run):
    file = short_run.parent / "pairs" / "val" / "0.png"
    half = np.asarray(Image.open(file))[:, 64:]  # BtoA
    np.testing.assert_array_equal(run.translate(file, pairs=True), run.translate(half))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("none.png", "none.png"),
        (b"", "image: "),
        (b"text", "image: "),
        (png(np.zeros((9, 9, 3), np.uint8))[:-30], "image: "),
        (np.zeros((9, 9, 3)), "image: .*floats"),
        (np.zeros((2, 9, 9, 3), np.uint8), r"image .*\(2, 9, 9, 3\)"),
        (np.zeros((9, 9, 5), np.uint8), "image: .*5 channels"),
        (np.zeros((9, 9, 3), complex), "image .*complex128"),
        (np.array([["a"]]), "image .*<U1"),
        (np.zeros((0, 9, 3), np.uint8), r"image .*\(0, 9, 3\)"),
        (None, "image .*NoneType"),
        ([b"text"], r"images\[0\]"),
        ([np.zeros((9, 9, 3), np.uint8), 7], r"images\[1\]"),
        ([np.zeros((9, 9, 3), np.uint8), pathlib.Path("x", "none.png")], "none.png"),
    ],
    ids=str,
)
def test_a_wrong_image_is_named(run, image, words):
    with pytest.raises(p2p.InputError, match=words):
        run.translate(image)


@pytest.mark.parametrize("option", ["batch_size", "max_pixels"])
def test_a_number_below_one(run, photo, option):
    with pytest.raises(p2p.InputError, match=f"{option}=0"):
        run.translate(photo, **{option: 0})


def test_max_pixels(run, photo):
    with pytest.raises(p2p.InputError, match="100x140"):
        run.translate(photo, max_pixels=13_999)
    assert run.translate(photo, max_pixels=14_000).shape == (100, 140, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"checkpoint": "7"},
        {"norm_statistics": "batch"},
        {"image_size": "64x64"},
        {"image_size": 0},
        {"run_dir": "nowhere"},
    ],
    ids=str,
)
def test_a_run_that_cannot_be_loaded(short_run, arguments):
    name, value = next(iter(arguments.items()))
    with pytest.raises(p2p.InputError, match=f"{name}='?{value}"):
        p2p.load_run(**{"run_dir": str(short_run), **arguments})


def test_networks_by_size_alone():
    generator, discriminator = p2p.unet((64, 64), width=2), p2p.patchgan((64, 64), width=2)
    image = np.zeros((1, 64, 64, 3), np.float32)
    assert generator(image).shape == (1, 64, 64, 3)
    assert p2p.resnet((64, 64), width=1, blocks=1).output_shape == (None, 64, 64, 3)
    assert p2p.local_enhancer((64, 64), width=1, blocks=1).output_shape == (None, 64, 64, 3)
    assert discriminator([image, image]).shape == (1, 6, 6, 1)


def test_batches_from_a_folder(short_run):
    folder = str(short_run.parent / "pairs" / "train")
    batches = p2p.train_dataset(folder, image_size=(64, 64), batch_size=2, direction="BtoA")
    source, target = next(iter(batches))
    assert source.shape == target.shape == (2, 64, 64, 3)
    # Each image is the other's negative.
    np.testing.assert_allclose(source, -target, atol=1e-5)
    every = list(p2p.eval_dataset(folder, 4, image_size=(64, 64), direction="BtoA"))
    assert [source.shape[0] for source, _ in every] == [4, 2]


def test_train_evaluate_export(tmp_path, short_run):
    data, run_dir = str(short_run.parent / "pairs"), str(tmp_path / "x")
    config = p2p.Config(
        data=data,
        image_size=(64, 64),
        depth=2,
        generator_width=2,
        discriminator_width=2,
        discriminator_layers=1,
        epochs=2,
        max_steps=2,
        samples=1,
    )
    assert p2p.train(config, run_dir=run_dir) == 0
    assert p2p.load_run(run_dir).step in (0, 2)
    metrics = p2p.evaluate(run_dir)
    assert 0 < metrics["l1"] < 2
    folder = p2p.export_saved_model(run_dir, str(tmp_path / "models" / "x"))
    assert (folder / "saved_model.pb").is_file()
