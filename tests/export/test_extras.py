"""Commands whose packages are not installed: --help works, and the error says what to install."""

import subprocess
import sys

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT

COMMANDS = ("saved_model", "tflite", "onnx", "card", "bioimage", "bulk", "serve", "client")


def test_a_commands_module_imports_none_of_them():
    imports = "; ".join(f"import export.{name}" for name in COMMANDS)
    heavy = {
        "tensorflow",
        "keras",
        "numpy",
        "ai_edge_litert",
        "onnxruntime",
        "tf2onnx",
        "apache_beam",
        "grpc",
        "starlette",
        "huggingface_hub",
        "bioimageio",
    }
    code = f"import sys; {imports}; import tfpix2pix.translate; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("command", "options", "missing", "importers", "words"),
    [
        (
            "tflite",
            (),
            "ai_edge_litert.interpreter",
            ("export.formats.litert", "export.formats.tflite", "tfpix2pix.exported.tflite_file"),
            "pip install ai-edge-litert",
        ),
        ("onnx", (), "tf2onnx", ("export.formats.onnx",), r"tf2onnx is not .*pip install onnx"),
        ("onnx", (), "onnxruntime", ("export.formats.onnx",), r"onnxruntime is not .*pip install onnx"),
        (
            "bioimage",
            (),
            "bioimageio.spec",
            ("export.zoo.package",),
            r"bioimageio.* is not .*pip install bioimageio.spec",
        ),
        (
            "client",
            ("--protocol=grpc",),
            "tensorflow_serving.apis",
            ("export.serving.grpc_client",),
            "pip install .*tensorflow-serving-api",
        ),
        ("serve", (), "uvicorn", ("export.rest.listening",), r"uvicorn is not .*pip install starlette uvicorn"),
        ("serve", (), "starlette.applications", ("export.rest.listening",), r"starlette.* is not .*pip install"),
    ],
    ids=["tflite", "tf2onnx", "onnxruntime", "bioimage", "grpc", "uvicorn", "starlette"],
)
def test_the_missing_package_is_named(short_run, tmp_path, monkeypatch, command, options, missing, importers, words):
    monkeypatch.setitem(sys.modules, missing, None)
    for name in importers:
        monkeypatch.delitem(sys.modules, name, raising=False)
    arguments = {
        "client": ("--model=m", f"--input={short_run.parent / 'pairs' / 'val'}"),
        "serve": ("--model=m",),
    }.get(command, (f"--run_dir={short_run}", f"--output={tmp_path / 'm'}"))
    with pytest.raises(InputError, match=words):
        call(command_module(f"export.{command}"), *arguments, *options)
    assert not (tmp_path / "m").exists()
