"""From a run directory to a served version, and back through plain TensorFlow in a process without Keras."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from export import saved_model
from export.formats.saved_model import export_saved_model
from export.formats.saved_model_parity import png_difference, png_psnr
from export.serving.servable import Servable
from export.serving.versions import SOURCES_FOLDER
from export.trained import weights_digest
from pipelines.images import transforms
from pipelines.storage.sample import spread_indices
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.image_files import pixels_of
from tests.helpers.runs import ROOT, untrained
from tests.helpers.serving import Model
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir.trained_generator import load_generator

SNIPPETS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "export.md").read_text(), re.M | re.S)

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


# The best step of the short run is the first, of weights as they were drawn.
LATEST = ("--checkpoint=latest", "--parity_images=3")


def export(run_dir, output, *options):
    return call(saved_model, f"--run_dir={run_dir}", f"--output={output}", *LATEST, *options)


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
        pytest.param(("--norm_statistics=moving",), marks=pytest.mark.slow),
        pytest.param(("--image_size=128x64",), marks=pytest.mark.slow),
        pytest.param(("--max_batch_size=4",), marks=pytest.mark.slow),
    ],
)
def test_without_keras_it_gives_what_keras_gives(short_run, exported, photos, tmp_path, options):
    statistics = "moving" if "--norm_statistics=moving" in options else None
    model = tmp_path / "m" if options else exported
    assert not options or export(short_run, model, *options) == 0
    generator, _, _ = load_generator(short_run, "latest", None, statistics)
    sources = np.random.default_rng(2).uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    generated, pngs = in_a_plain_process(model / "1", photos, sources, tmp_path)
    expected = np.concatenate([generator(source[None], training=False) for source in sources])
    np.testing.assert_allclose(generated, expected, atol=1e-5)
    assert np.ptp(generated) > 0.2

    arguments = [option for option in options if "batch" not in option]
    output = f"--output={tmp_path / 'translated'}"
    # One at a time, as they were sent.
    common = (f"--run_dir={short_run}", f"--input={photos}", output, "--checkpoint=latest", "--batch_size=1")
    assert call(translate, *common, *arguments) == 0
    translated = sorted((tmp_path / "translated").iterdir())
    assert [*map(pixels_of, pngs)] == [pixels_of(path.read_bytes()) for path in translated]
    shapes = [np.asarray(Image.open(io.BytesIO(png))).shape for png in pngs]
    assert shapes == [(64, 64, 3), (100, 70, 3), (31, 50, 3)]


def test_sources_to_begin_a_drawing_from_lie_beside_it(short_run, exported):
    """They are the right halves of validation pairs, BtoA."""
    found = sorted((exported / "1" / SOURCES_FOLDER).iterdir())
    assert [path.name for path in found] == ["source-1.png", "source-2.png", "source-3.png"]
    for path, index in zip(found, spread_indices(4, 3), strict=True):
        pair = np.asarray(Image.open(short_run.parent / "pairs" / "val" / f"{index}.png"))
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pair[:, 64:])


@pytest.mark.slow
def test_the_function_gives_what_the_command_gives(short_run, exported, tmp_path):
    folder = export_saved_model(str(short_run), str(tmp_path / "negative"), checkpoint="latest", parity_images=3)
    assert folder == tmp_path / "negative" / "1"
    assert (folder / "export.json").read_text() == (exported / "1" / "export.json").read_text()
    assert sorted(path.name for path in folder.rglob("*")) == sorted(path.name for path in (exported / "1").rglob("*"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("version", 0),
        ("max_pixels", 0),
        ("max_batch_size", -1),
        ("parity_images", 0),
        ("norm_statistics", "batch"),
        ("fit", "tile"),
        ("output_size", "half"),
        ("precision", "int8"),
    ],
)
def test_the_function_refuses_what_the_flags_refuse(short_run, tmp_path, option, value):
    with pytest.raises(InputError, match=f"{option}=.?{value}"):
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


def test_how_pictures_meet_the_network(short_run, exported, capsys):
    """These 64x64 pairs were trained at 64x64, so larger pictures keep their scale."""
    description = json.loads((exported / "1" / "export.json").read_text())
    assert (description["fit"], description["output_size"], description["native_size"]) == ("pad", "source", [64, 64])
    assert description["signatures"] == ["serving_default", "translate", "measure", "translate_with"]


def test_tiles_share_the_statistics_of_the_picture(short_run, exported):
    """With a picture's own statistics, translate_with gives what translate gives."""
    signatures = tf.saved_model.load(str(exported / "1")).signatures
    source = tf.constant(np.random.default_rng(3).uniform(-1, 1, (1, 128, 64, 3)).astype(np.float32))
    statistics = signatures["measure"](source=source)["statistics"]
    generated = signatures["translate_with"](source=source, statistics=statistics)["generated"]
    np.testing.assert_allclose(generated, signatures["translate"](source=source)["generated"], atol=1e-5)
    # The statistics of a paler picture give another result.
    other = signatures["measure"](source=source / 2)["statistics"]
    assert np.ptp(generated - signatures["translate_with"](source=source, statistics=other)["generated"]) > 1e-2
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples_of_8"):
        signatures["measure"](source=source[:, :63])


@pytest.mark.parametrize("words", ["TFSMLayer", "translate(source=tf.constant(source))"])
def test_documented_recipes(short_run, exported, tmp_path, monkeypatch, words):
    """Keras and plain TensorFlow on floats."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "facades").symlink_to(exported)
    (snippet,) = [text for text in SNIPPETS if words in text]
    names = {"source": np.random.default_rng(2).uniform(-1, 1, (2, 24, 16, 3)).astype(np.float32)}
    exec(snippet, names)
    generator, _, _ = load_generator(short_run, "latest", (None, None))
    np.testing.assert_allclose(names["generated"], generator(names["source"], training=False), atol=1e-5)


def test_weights_are_there_once(short_run, exported):
    generator, _, _ = load_generator(short_run, "latest")
    saved = tf.train.load_checkpoint(str(exported / "1" / "variables" / "variables"))
    tensors = [saved.get_tensor(name) for name in saved.get_variable_to_shape_map()]
    assert sum(t.nbytes for t in tensors if isinstance(t, np.ndarray)) == sum(
        v.numpy().nbytes for v in generator.variables
    )


@pytest.mark.slow
def test_with_dropout_no_two_results_are_the_same_and_that_is_no_fault(short_run, noisy_run, tmp_path):
    """Nor that batches over requests may round otherwise."""
    options = ("--max_batch_size=8", "--norm_statistics=moving", "--dropout_at_inference")
    assert export(noisy_run, tmp_path / "m", *options, f"--data={short_run.parent / 'pairs'}") == 0


def test_a_version_stays_and_keeps_its_options(short_run, tmp_path):
    assert export(short_run, tmp_path / "m", "--version=5", "--max_pixels=4096") == 0
    with pytest.raises(InputError, match="version=5"):
        export(short_run, tmp_path / "m", "--version=5")
    serve = tf.saved_model.load(str(tmp_path / "m" / "5")).signatures["serving_default"]
    png = transforms.encode(tf.zeros((64, 65, 3)), ".png")
    with pytest.raises(tf.errors.InvalidArgumentError, match="64x65 pixels, and at most 4096"):
        serve(image_bytes=tf.stack([png]))


@pytest.mark.parametrize("spoiled", ["serving_default", "nan", pytest.param("translate_with", marks=pytest.mark.slow)])
def test_a_broken_export_is_not_shipped(short_run, tmp_path, monkeypatch, spoiled):
    class Broken(Servable):
        def _translate(self, source):
            add = np.nan if spoiled == "nan" else 0.0
            return {"generated": super()._translate(source)["generated"] + add}

        def _translate_bytes(self, image_bytes):
            result = super()._translate_bytes(image_bytes)
            black = transforms.encode(tf.fill((64, 64, 3), -1.0), ".png")
            return {"image_bytes": tf.fill([1], black)} if spoiled == "serving_default" else result

        def _translate_with(self, source, statistics):
            add = 1e-3 if spoiled == "translate_with" else 0.0
            return {"generated": super()._translate_with(source, statistics)["generated"] + add}

    monkeypatch.setattr("export.formats.saved_model.Servable", Broken)
    with pytest.raises(InputError, match=r"exported (model|serving_default|translate_with)"):
        export(short_run, tmp_path / "m")
    assert not list((tmp_path / "m").iterdir())


@pytest.mark.parametrize(
    ("precision", "statistics"), [("bfloat16", "image"), pytest.param("float16", "moving", marks=pytest.mark.slow)]
)
def test_half_precision_halves_the_kernels_and_says_how_near_it_is(
    short_run, exported, tmp_path, precision, statistics
):
    options = (f"--precision={precision}", f"--norm_statistics={statistics}")
    assert export(short_run, tmp_path / "m", *options) == 0
    description = json.loads((tmp_path / "m" / "1" / "export.json").read_text())
    assert description["precision"] == precision
    assert description["parity"]["bound"] <= description["parity"]["psnr"] < 100
    saved = tf.train.load_checkpoint(str(tmp_path / "m" / "1" / "variables" / "variables"))
    kinds = [saved.get_variable_to_dtype_map()[name] for name, shape in shapes_of(saved) if len(shape) == 4]
    # The last convolution is float32.
    assert sorted(kinds, key=str) == [getattr(tf, precision)] * (len(kinds) - 1) + [tf.float32]
    png = tf.io.encode_png(np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8))
    results = [
        tf.saved_model.load(str(folder / "1")).signatures["serving_default"](image_bytes=tf.stack([png]))[
            "image_bytes"
        ][0]
        for folder in (tmp_path / "m", exported)
    ]
    if statistics == "image":
        assert png_difference(*results)[1] > 0
        assert png_psnr(*results) > 35


@pytest.mark.parametrize("spoiled", ["floats", pytest.param("png", marks=pytest.mark.slow)])
def test_half_precision_that_is_too_far_from_keras_is_not_shipped(short_run, tmp_path, monkeypatch, spoiled):
    monkeypatch.setattr("export.formats.saved_model_parity.HALF_BOUNDS", {"bfloat16": 99.0})
    monkeypatch.setattr("export.formats.saved_model_parity.png_psnr", lambda *_: 98.0 if spoiled == "png" else 99.0)
    with pytest.raises(InputError, match="exported model" if spoiled == "floats" else "PNG of the exported"):
        export(short_run, tmp_path / "m", "--precision=bfloat16")
    assert not list((tmp_path / "m").iterdir())


def shapes_of(saved):
    return saved.get_variable_to_shape_map().items()


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
        ("--image_size=92", "image_size=92x92.*8"),
        ("--data=nowhere", "data=nowhere"),
        ("--output=file/m", "output=file/m"),
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
        pytest.param("deep", DEEP, "uint16", ["serving_default", "translate"], marks=pytest.mark.slow),
        ("bands", BANDS, "float32", ["translate"]),
        ("classes", {"source_labels": 3, "target_labels": 3}, "uint8", ["translate"]),
    ],
)
def test_runs_of_other_numbers(strategies, tmp_path, capsys, kind, options, result_type, signatures):
    data = halves(tmp_path / "data", kind)
    run_dir = untrained(tmp_path / "r", strategies[1], data=str(data), target_type=result_type, **options)
    assert export(run_dir, tmp_path / "m") == 0
    said = capsys.readouterr().out
    description = json.loads((tmp_path / "m" / "1" / "export.json").read_text())
    tiles = ["measure", "translate_with"]
    assert (description["target_type"], description["signatures"]) == (result_type, [*signatures, *tiles])
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
