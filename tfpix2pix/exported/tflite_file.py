"""Runs a TFLite file with LiteRT, with floats in and out also if the file has integers."""

import contextlib
import os
import pathlib
from typing import Any

import numpy as np

from pipelines.system.terminal import InputError, reason
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.exported.model_file import ModelFile

try:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    raise InputError("ai-edge-litert is not installed; pip install ai-edge-litert") from None

# Of the entry in a file's table of metadata that says what its numbers are.
METADATA_NAME = "tfpix2pix.json"


def open_tflite(path: pathlib.Path) -> ModelFile:
    """Opens a file with one image in and one image out.

    Raises:
      InputError: it is not such a file.
    """
    contents = path.read_bytes()
    try:
        translate = Runner(contents, os.cpu_count())
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be loaded ({reason(error)}); export it again") from None
    inputs, outputs = translate.interpreter.get_input_details(), translate.interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]["shape"]) != 4 or len(outputs[0]["shape"]) != 4:
        raise InputError(f"{path} has not one image in and one image out; give one that export.tflite wrote")
    signature = inputs[0]["shape_signature"]
    height, width = (int(side) for side in inputs[0]["shape"][1:3])
    return ModelFile(
        path,
        lambda sources: np.stack([translate(source) for source in sources]),
        (int(inputs[0]["shape"][3]), int(outputs[0]["shape"][3])),
        None if -1 in signature[1:3] else (height, width),
        read_metadata(contents),
    )


class Runner:
    """Runs a TFLite file on one image at a time, with floats in and out also if the file has integers.

    Args:
      file: its bytes; it has one image in and one out.
      threads: of LiteRT's CPU kernels.

    Raises:
      ValueError, RuntimeError: it cannot be loaded.
    """

    def __init__(self, file: bytes, threads: int | None) -> None:
        self.interpreter = Interpreter(model_content=file, num_threads=threads)
        self.interpreter.allocate_tensors()

    @property
    def input(self) -> dict[str, Any]:
        """The file's input as LiteRT describes it, with the shape of the last image."""
        return self.interpreter.get_input_details()[0]

    @property
    def output(self) -> dict[str, Any]:
        """The file's output, described likewise."""
        return self.interpreter.get_output_details()[0]

    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Translates `(H, W, C)` in [-1, 1]; the file stays at this size until the next one comes."""
        if source.shape != tuple(self.input["shape"][1:]):
            self.interpreter.resize_tensor_input(self.input["index"], (1, *source.shape))
            self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(self.input["index"], quantize(source[None], self.input))
        self.interpreter.invoke()
        return dequantize(self.interpreter.get_tensor(self.output["index"]), self.output)[0]


def quantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Converts floats to the type of a file's tensor: value = scale × (integer - zero_point)."""
    if not np.issubdtype(tensor["dtype"], np.integer):
        return values.astype(tensor["dtype"], copy=False)
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Inverts quantize, up to its rounding."""
    if not np.issubdtype(tensor["dtype"], np.integer):
        return values.astype(np.float32, copy=False)
    scale, zero_point = tensor["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


def read_metadata(contents: bytes) -> dict[str, Any]:
    """Returns what export.tflite put into the file; nothing of other files."""
    model = schema.Model.GetRootAs(contents)
    for place in range(model.MetadataLength()):
        entry = model.Metadata(place)
        if entry.Name() == METADATA_NAME.encode():
            with contextlib.suppress(ValueError, AttributeError):
                found = parse_json(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
                return found if isinstance(found, dict) else {}
    return {}
