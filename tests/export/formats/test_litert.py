"""TFLite and ONNX files against Keras, and files that are too far from it."""

import json

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export import onnx, tflite
from export.formats.choices import TFLITE_BOUNDS
from export.formats.litert import CONVERSIONS
from export.formats.onnx import export_onnx
from export.formats.tflite import export_tflite
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.runs import untrained
from tfpix2pix.exported.tflite_file import Runner, dequantize, quantize
from tfpix2pix.run_dir.trained_generator import load_generator


def export(module, run_dir, folder, *options):
    return call(
        module, f"--run_dir={run_dir}", f"--output={folder}", "--parity_images=3", "--checkpoint=latest", *options
    )


@pytest.fixture(scope="module")
def wide_run(short_run, strategies, tmp_path_factory):
    """Of kernels that are large enough to be quantized."""
    options = {"data": str(short_run.parent / "pairs"), "generator_width": 8, "gain": 5.0}
    return untrained(tmp_path_factory.mktemp("wide") / "run", strategies[1], **options)


@pytest.fixture(scope="module")
def exported(wide_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tflite")
    assert export(tflite, wide_run, folder) == 0
    return folder


def keras_and(run_dir, translate, size=(64, 64)):
    """The same images by Keras and by an export."""
    generator, _, _ = load_generator(run_dir, "latest", (None, None))
    sources = np.random.default_rng(3).uniform(-1, 1, (3, *size, 3)).astype(np.float32)
    sources = np.kron(sources[:, ::8, ::8], np.ones((1, 8, 8, 1), np.float32))
    expected = np.concatenate([generator(source[None], training=False) for source in sources])
    return expected, np.stack([translate(source) for source in sources])


# The largest difference of values in [-1, 1]. Generated ones span more than 0.5 here, so a black image would not pass.
@pytest.mark.parametrize(
    ("kind", "most"),
    [("float32", 1e-4), ("float16", 2e-3), ("dynamic_int8", 0.05), ("int8_float_norm", 0.2), ("int8", 0.25)],
)
def test_each_kind_in_litert_at_three_sizes(wide_run, exported, kind, most):
    translate = Runner((exported / f"{kind}.tflite").read_bytes(), threads=1)
    for size in [(64, 64), (72, 64), (64, 136)]:
        expected, generated = keras_and(wide_run, translate, size)
        assert np.ptp(expected) > 0.5
        assert np.abs(expected - generated).max() < most


def test_sizes_and_types(exported):
    sizes = {kind: (exported / f"{kind}.tflite").stat().st_size for kind in TFLITE_BOUNDS}
    assert sizes["float16"] < 0.8 * sizes["float32"]
    assert sizes["dynamic_int8"] < 0.7 * sizes["float32"]
    runner = Runner((exported / "int8.tflite").read_bytes(), 1)
    assert runner.input["dtype"] == runner.output["dtype"] == np.int8
    assert list(runner.input["shape"]) == [1, 64, 64, 3]
    assert list(runner.input["shape_signature"]) == [1, -1, -1, 3]


def test_the_table_beside_them(exported, capsys):
    files = json.loads((exported / "export.json").read_text())["parity"]["files"]
    assert list(files) == [f"{kind}.tflite" for kind in TFLITE_BOUNDS]
    assert all(row["passed"] for row in files.values())
    assert files["float32.tflite"]["bytes"] == (exported / "float32.tflite").stat().st_size
    assert files["float32.tflite"]["psnr"] > files["int8_float_norm.tflite"]["psnr"] > files["int8.tflite"]["psnr"] > 28


def test_what_is_too_far_from_keras_is_not_written(short_run, tmp_path, monkeypatch, capsys):
    """Nor does an older file of its name survive."""
    (tmp_path / "float16.tflite").write_text("of another run")
    monkeypatch.setitem(TFLITE_BOUNDS, "float16", 300.0)
    assert export(tflite, short_run, tmp_path, "--kinds=float16", "--kinds=float32") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "float32.tflite", "model_card.md"]
    assert "FAILED: under 300 dB" in capsys.readouterr().out
    assert not json.loads((tmp_path / "export.json").read_text())["parity"]["files"]["float16.tflite"]["passed"]


def test_onnx(short_run, tmp_path):
    assert export(onnx, short_run, tmp_path, "--norm_statistics=image", "--image_size=64") == 0
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_inputs()[0].shape == ["batch", 64, 64, 3]
    row = json.loads((tmp_path / "export.json").read_text())["parity"]["files"]["model.onnx"]
    assert row["psnr_at"] == {}
    # Every level has two convolutions, and each of them gives floats.
    assert row["operations"]["floats"] >= 6
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


def counted_by_the_interpreter(file):
    """(float, integer) operations as TensorFlow's interpreter lists them, without those that change the type."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=file, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    operations = [op for op in interpreter._get_ops_details() if op["op_name"] not in ("QUANTIZE", "DEQUANTIZE")]
    is_float = [types[op["outputs"][0]] in (np.float16, np.float32) for op in operations]
    return sum(is_float), len(is_float) - sum(is_float)


def test_operations_are_counted_by_what_they_give(exported):
    files = json.loads((exported / "export.json").read_text())["parity"]["files"]
    for name, row in files.items():
        floats, integers = counted_by_the_interpreter((exported / name).read_bytes())
        assert row["operations"] == {"floats": floats, "integers": integers}, name
    assert files["float32.tflite"]["operations"]["floats"] > 0
    # Batch norm has no operation that is left in float.
    assert files["int8.tflite"]["operations"]["floats"] == 0 < files["int8.tflite"]["operations"]["integers"]
    assert files["int8_float_norm.tflite"]["operations"]["floats"] > 0


def test_int8_that_is_partly_float_says_so(short_run, tmp_path, capsys, monkeypatch):
    """Where the converter leaves operations in float, nobody shall take the file to a processor without floats."""
    monkeypatch.setitem(CONVERSIONS, "int8", CONVERSIONS["int8_float_norm"])
    folder = tmp_path / "o"
    folder.mkdir()
    (folder / "int8.tflite").write_text("of an earlier export")
    assert export(tflite, short_run, folder, "--kinds=int8") == 0
    assert {path.name for path in folder.iterdir()} == {"export.json", "int8_partly_float.tflite", "model_card.md"}
    (row,) = json.loads((folder / "export.json").read_text())["parity"]["files"].values()
    floats, integers = counted_by_the_interpreter((folder / "int8_partly_float.tflite").read_bytes())
    assert row["operations"] == {"floats": floats, "integers": integers}
    assert floats > 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| int8")]
    assert f"{floats} float, {integers} integer" in line
    assert "partly float" in line


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
