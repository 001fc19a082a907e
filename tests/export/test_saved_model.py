"""From a run directory to a served version, and back through plain TensorFlow in a process without Keras."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from export import saved_model
from export.formats.saved_model import export_saved_model, png_difference
from export.serving.servable import Servable
from export.trained import weights_digest
from pipelines.images import transforms
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY
from tests.helpers.serving import Model
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir.trained_generator import load_generator

train = command_module("tfpix2pix.train")

# Keras and this project's modules cannot be imported here.
PLAIN = """
import sys
for name in ("keras", "export", "pipelines", "tfpix2pix"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
folder, data, result = sys.argv[1:]
signatures = tf.saved_model.load(folder).signatures
data = np.load(data, allow_pickle=False)
generated = signatures["translate"](source=tf.constant(data["sources"]))["generated"]
files = [file.tobytes() for file in np.split(data["files"], data["ends"][:-1])]
pngs = [signatures["serving_default"](image_bytes=tf.constant([file]))["image_bytes"].numpy()[0] for file in files]
lengths = np.cumsum([len(png) for png in pngs])
np.savez(result, generated=generated, pngs=np.frombuffer(b"".join(pngs), np.uint8), ends=lengths)
"""


def export(run_dir, export_dir, *options):
    return call(saved_model, f"--run_dir={run_dir}", f"--export_dir={export_dir}", "--parity_images=3", *options)


@pytest.fixture(scope="module")
def exported(short_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "negative"
    assert export(short_run, folder) == 0
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of several sizes and kinds, in files."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(3)
    for name, size, mode in (("a.png", (64, 64), "RGB"), ("b.jpg", (100, 70), "RGB"), ("c.png", (31, 50), "L")):
        pixels = rng.integers(0, 256, (*size, len(mode)), dtype=np.uint8).squeeze()
        Image.fromarray(pixels, mode).save(folder / name)
    return folder


def in_a_plain_process(version, photos, sources, tmp_path):
    """What both signatures give there."""
    files = [path.read_bytes() for path in sorted(photos.iterdir())]
    ends = np.cumsum([len(file) for file in files])
    np.savez(tmp_path / "in.npz", sources=sources, files=np.frombuffer(b"".join(files), np.uint8), ends=ends)
    paths = (version, tmp_path / "in.npz", tmp_path / "out.npz")
    subprocess.run([sys.executable, "-c", PLAIN, *map(str, paths)], check=True, capture_output=True, timeout=120)
    result = np.load(tmp_path / "out.npz")
    return result["generated"], [png.tobytes() for png in np.split(result["pngs"], result["ends"][:-1])]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--norm_statistics=moving",),
        pytest.param(("--image_size=128x64",), marks=pytest.mark.slow),
        pytest.param(("--max_batch_size=4",), marks=pytest.mark.slow),
    ],
)
def test_without_keras_it_gives_what_keras_gives(short_run, photos, tmp_path, options):
    statistics = "moving" if "--norm_statistics=moving" in options else None
    size = (128, 64) if "--image_size=128x64" in options else (64, 64)
    assert export(short_run, tmp_path / "m", *options) == 0
    generator, _, _ = load_generator(short_run, "latest", None, statistics)
    sources = np.random.default_rng(2).uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    generated, pngs = in_a_plain_process(tmp_path / "m" / "1", photos, sources, tmp_path)
    expected = np.concatenate([generator(source[None], training=False) for source in sources])
    np.testing.assert_allclose(generated, expected, atol=1e-5)
    assert np.ptp(generated) > 0.2

    arguments = [option for option in options if "batch" not in option]
    output = f"--output={tmp_path / 'translated'}"
    # One at a time, as they were sent.
    common = (f"--run_dir={short_run}", f"--input={photos}", output, "--checkpoint=latest", "--batch_size=1")
    assert call(translate, *common, *arguments) == 0
    assert pngs == [path.read_bytes() for path in sorted((tmp_path / "translated").iterdir())]
    assert np.asarray(Image.open(io.BytesIO(pngs[0]))).shape == (*size, 3)


def test_the_function_gives_what_the_command_gives(short_run, exported, tmp_path):
    folder = export_saved_model(str(short_run), str(tmp_path / "negative"), parity_images=3)
    assert folder == tmp_path / "negative" / "1"
    assert (folder / "export.json").read_text() == (exported / "1" / "export.json").read_text()
    assert sorted(path.name for path in folder.rglob("*")) == sorted(path.name for path in (exported / "1").rglob("*"))


@pytest.mark.parametrize(
    ("option", "value"),
    [("version", 0), ("max_pixels", 0), ("max_batch_size", -1), ("parity_images", 0), ("norm_statistics", "batch")],
)
def test_the_function_refuses_what_the_flags_refuse(short_run, tmp_path, option, value):
    with pytest.raises(InputError, match=f"{option}={value}"):
        export_saved_model(short_run, tmp_path / "m", **{option: value})
    assert not (tmp_path / "m").exists()


def test_what_lies_beside_it(short_run, exported):
    description = json.loads((exported / "1" / "export.json").read_text())
    assert description["step"] == 2
    assert description["validation"]["l1"] > 0
    assert description["config"] == json.loads((short_run / "config.json").read_text())
    assert description["parity"]["images"] == 3
    assert description["parity"]["max_difference"] <= 1e-5
    assert (description["tensorflow"], description["norm_statistics"]) == (tf.__version__, "image")
    generator, _, _ = load_generator(short_run, "latest")
    assert description["weights_sha256"] == weights_digest(generator)
    # Other weights, another digest.
    generator.trainable_variables[0].assign_add(tf.fill(generator.trainable_variables[0].shape, 1e-6))
    assert description["weights_sha256"] != weights_digest(generator)


def test_warm_up_is_replayed(exported):
    assert Model(exported).warmed_up == ["serving_default", "translate"]


def test_weights_are_there_once(short_run, exported):
    generator, _, _ = load_generator(short_run, "latest")
    weights = sum(variable.numpy().nbytes for variable in generator.variables)
    size = (exported / "1" / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert weights <= size < 1.2 * weights


@pytest.mark.slow
def test_versions_count_up(short_run, tmp_path):
    assert export(short_run, tmp_path / "m", "--version=5") == 0
    assert export(short_run, tmp_path / "m", "--dropout_at_inference") == 0
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["5", "6"]
    with pytest.raises(InputError, match="version=5"):
        export(short_run, tmp_path / "m", "--version=5")


@pytest.mark.parametrize("spoiled", ["translate", "serving_default", "nan"])
def test_a_broken_export_is_not_shipped(short_run, tmp_path, monkeypatch, spoiled):
    class Broken(Servable):
        def _translate(self, source):
            add = {"translate": 1e-3, "nan": np.nan}.get(spoiled, 0.0)
            return {"generated": super()._translate(source)["generated"] + add}

        def _translate_bytes(self, image_bytes):
            result = super()._translate_bytes(image_bytes)
            black = transforms.encode(tf.fill((64, 64, 3), -1.0), ".png")
            return {"image_bytes": tf.fill([1], black)} if spoiled == "serving_default" else result

    monkeypatch.setattr("export.formats.saved_model.Servable", Broken)
    with pytest.raises(InputError, match=r"exported (model|serving_default)"):
        export(short_run, tmp_path / "m")
    assert not list((tmp_path / "m").iterdir())


def test_batches_over_requests_may_round_otherwise(short_run, tmp_path):
    options = ("--max_batch_size=8", "--norm_statistics=moving", "--dropout_at_inference")
    assert export(short_run, tmp_path / "m", *options) == 0


def test_png_difference():
    pngs = [
        transforms.encode(tf.fill((2, width, 3), value), ".png") for width, value in ((2, 0.0), (2, 3 / 255), (3, 0.0))
    ]
    assert [png_difference(pngs[0], png) for png in pngs] == [(0, 0.0), (1, 1.0), (65536, 1.0)]
    deep = [np.full((2, 2, 3), 300, np.uint16), np.full((2, 2, 3), 300, np.uint16)]
    deep[1][0, 0, 0] = 303
    assert png_difference(*map(tf.io.encode_png, deep)) == (3, 1 / 12)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--run_dir=nowhere", "run_dir=nowhere"),
        ("--checkpoint=3", "checkpoint=3"),
        ("--image_size=96", "image_size=96x96.*64"),
        ("--data=nowhere", "data=nowhere"),
        ("--export_dir=file/m", "export_dir=file/m"),
    ],
)
def test_what_users_get_wrong(short_run, tmp_path, monkeypatch, option, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=words):
        export(short_run, tmp_path / "m", option)
    assert not (tmp_path / "m").exists()


def test_an_empty_run_directory(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"run_dir=.*empty.*config\.json"):
        export(tmp_path / "empty", tmp_path / "m")


def test_a_data_set_without_val(short_run, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"val.*--data"):
        export(short_run, tmp_path / "m", f"--data={tmp_path / 'data'}")


def test_max_pixels_is_kept(short_run, tmp_path):
    assert export(short_run, tmp_path / "m", "--max_pixels=4096") == 0
    serve = tf.saved_model.load(str(tmp_path / "m" / "1")).signatures["serving_default"]
    png = transforms.encode(tf.zeros((64, 65, 3)), ".png")
    with pytest.raises(tf.errors.InvalidArgumentError, match="64x65 pixels, and at most 4096"):
        serve(image_bytes=tf.stack([png]))


def halves(folder, kind, count=2):
    """Side-by-side TIFFs of 12 bits in 16, or PNGs of classes, whose right half follows from the left."""
    rng = np.random.default_rng(6)
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            if kind == "deep":
                a = np.kron(rng.integers(0, 4096, (8, 8)), np.ones((8, 8))).astype(np.uint16)
                tifffile.imwrite(folder / split / f"{i}.tif", np.hstack([a, 4095 - a]))
            elif kind == "bands":
                a = rng.uniform(0, 1, (64, 64, 12)).astype(np.float32)
                np.save(folder / split / f"{i}.npy", np.hstack([a, 1 - a]))
            else:
                a = np.kron(rng.integers(0, 3, (8, 8)), np.ones((8, 8))).astype(np.uint8)
                Image.fromarray(np.hstack([a, 2 - a])).save(folder / split / f"{i}.png")
    return folder


DEEP = {"source_channels": 1, "target_channels": 1, "source_range": "0,4095", "target_range": "0,4095"}
BANDS = {"source_channels": 12, "target_channels": 12, "source_range": "0,1", "target_range": "0,1"}


@pytest.mark.parametrize(
    ("kind", "options", "result_type", "signatures"),
    [
        ("deep", DEEP, "uint16", ["serving_default", "translate"]),
        ("bands", BANDS, "float32", ["translate"]),
        ("classes", {"source_labels": 3, "target_labels": 3}, "uint8", ["translate"]),
    ],
)
def test_runs_of_other_numbers(tmp_path, capsys, kind, options, result_type, signatures):
    data = halves(tmp_path / "data", kind)
    flags = [f"--{name}={value}" for name, value in options.items()]
    run_dir = tmp_path / "r"
    assert call(train, *TINY, f"--data={data}", f"--run_dir={run_dir}", "--max_steps=2", *flags) == 0
    capsys.readouterr()
    assert export(run_dir, tmp_path / "m") == 0
    said = capsys.readouterr().out
    description = json.loads((tmp_path / "m" / "1" / "export.json").read_text())
    assert (description["target_type"], description["signatures"]) == (result_type, signatures)
    assert description["target_range"] == options.get("target_range", "")
    assert description["parity"]["max_difference"] <= 1e-5
    assert Model(tmp_path / "m").warmed_up == signatures
    if "serving_default" not in signatures:
        assert "serving_default was left out" in said
        return
    source = tifffile.imread(data / "val" / "0.tif")[:, :64]
    serve = tf.saved_model.load(str(tmp_path / "m" / "1")).signatures["serving_default"]
    png = serve(image_bytes=tf.stack([tf.io.encode_png(source[..., None])]))["image_bytes"][0].numpy()
    served = np.asarray(Image.open(io.BytesIO(png)))
    run = load_run(run_dir, "latest")
    # In the targets' own numbers, as translate gives them.
    assert abs(served.astype(int) - run.translate(source)[..., 0]).max() <= 1
    assert len(np.unique(served)) > 256
