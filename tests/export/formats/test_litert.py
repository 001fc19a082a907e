"""TFLite and ONNX files against Keras, and files that are too far from it."""

import json

import numpy as np
import onnxruntime
import pytest

from export import onnx, tflite
from export.formats.choices import TFLITE_BOUNDS
from export.formats.litert import CONVERSIONS, Runner, dequantize, quantize
from export.formats.onnx import export_onnx
from export.formats.tflite import export_tflite
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tfpix2pix.run_dir.trained_generator import load_generator


def export(module, run_dir, folder, *options):
    return call(module, f"--run_dir={run_dir}", f"--export_dir={folder}", "--parity_images=3", *options)


@pytest.fixture(scope="module")
def exported(short_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tflite")
    assert export(tflite, short_run, folder) == 0
    return folder


def keras_and(run_dir, translate):
    """The same five images by Keras and by an export."""
    generator, _, _ = load_generator(run_dir, "latest")
    sources = np.random.default_rng(3).uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    sources = np.kron(sources[:, ::8, ::8], np.ones((1, 8, 8, 1), np.float32))
    expected = np.concatenate([generator(source[None], training=False) for source in sources])
    return expected, np.stack([translate(source) for source in sources])


# The largest difference of values in [-1, 1]. Generated ones span more than 0.5 here, so a black image would not pass.
@pytest.mark.parametrize(
    ("kind", "most"),
    [("float32", 1e-4), ("float16", 2e-3), ("dynamic_int8", 0.05), ("int8_float_norm", 0.2), ("int8", 0.25)],
)
def test_each_kind_in_litert(short_run, exported, kind, most):
    expected, generated = keras_and(short_run, Runner((exported / f"{kind}.tflite").read_bytes(), threads=1))
    assert np.ptp(expected) > 0.5
    assert np.abs(expected - generated).max() < most


def test_sizes_and_types(exported):
    sizes = {kind: (exported / f"{kind}.tflite").stat().st_size for kind in TFLITE_BOUNDS}
    assert sizes["float16"] < 0.8 * sizes["float32"]
    assert sizes["dynamic_int8"] < 0.7 * sizes["float32"]
    runner = Runner((exported / "int8.tflite").read_bytes(), 1)
    assert runner.input["dtype"] == runner.output["dtype"] == np.int8
    assert list(runner.input["shape"]) == [1, 64, 64, 3]


def test_the_table_beside_them(exported, capsys):
    files = json.loads((exported / "export.json").read_text())["parity"]["files"]
    assert list(files) == [f"{kind}.tflite" for kind in TFLITE_BOUNDS]
    assert all(row["passed"] for row in files.values())
    assert files["float32.tflite"]["bytes"] == (exported / "float32.tflite").stat().st_size
    assert files["float32.tflite"]["psnr"] > files["int8_float_norm.tflite"]["psnr"] > files["int8.tflite"]["psnr"] > 28


def test_what_is_too_far_from_keras_is_not_written(short_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(TFLITE_BOUNDS, "float16", 300.0)
    assert export(tflite, short_run, tmp_path, "--kinds=float16", "--kinds=float32") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "float32.tflite"]
    assert "FAILED: under 300 dB" in capsys.readouterr().out
    assert not json.loads((tmp_path / "export.json").read_text())["parity"]["files"]["float16.tflite"]["passed"]


def test_an_older_file_does_not_survive_a_failure(short_run, tmp_path, monkeypatch):
    (tmp_path / "float32.tflite").write_text("of another run")
    monkeypatch.setitem(TFLITE_BOUNDS, "float32", 300.0)
    assert export(tflite, short_run, tmp_path, "--kinds=float32") == 1
    assert not (tmp_path / "float32.tflite").exists()


def test_onnx(short_run, tmp_path):
    assert export(onnx, short_run, tmp_path, "--norm_statistics=image") == 0
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    expected, generated = keras_and(short_run, lambda source: session.run(None, {"source": source[None]})[0][0])
    np.testing.assert_allclose(generated, expected, atol=1e-5)
    both = session.run(["generated"], {"source": np.zeros((2, 64, 64, 3), np.float32)})[0]
    assert both.shape == (2, 64, 64, 3)


def test_the_functions_take_text_and_refuse_what_the_flags_refuse(short_run, tmp_path):
    (row,) = export_tflite(str(short_run), str(tmp_path / "t"), kinds=["float32"], parity_images=1)
    assert row.passed
    assert (tmp_path / "t" / "float32.tflite").stat().st_size == row.size
    with pytest.raises(InputError, match="kinds=float64"):
        export_tflite(short_run, tmp_path / "x", kinds=["float64"])
    with pytest.raises(InputError, match="calibration_images=0"):
        export_tflite(short_run, tmp_path / "x", calibration_images=0)
    with pytest.raises(InputError, match="parity_images=0"):
        export_onnx(short_run, tmp_path / "x", parity_images=0)
    assert not (tmp_path / "x").exists()


def test_every_kind_has_a_bound():
    assert list(CONVERSIONS) == list(TFLITE_BOUNDS)


def test_quantization_by_hand():
    tensor = {"dtype": np.int8, "quantization": (0.5, -3)}
    values = np.array([-100.0, -0.6, 0.0, 0.2, 1.0, 100.0], np.float32)
    np.testing.assert_array_equal(quantize(values, tensor), [-128, -4, -3, -3, -1, 127])
    np.testing.assert_array_equal(dequantize(np.array([-128, -3, 127], np.int8), tensor), [-62.5, 0.0, 65.0])
    floats = {"dtype": np.float32, "quantization": (0.0, 0)}
    assert quantize(values, floats) is values
    assert dequantize(values, floats) is values
