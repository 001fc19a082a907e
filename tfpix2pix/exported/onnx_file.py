"""Runs an ONNX file with ONNX Runtime, on the CPU."""

import contextlib
import pathlib
from typing import Any

import numpy as np

from pipelines.system.terminal import InputError, reason
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.exported.model_file import ModelFile

try:
    import onnxruntime
except ImportError:
    raise InputError("onnxruntime is not installed; pip install onnxruntime") from None


def open_onnx(path: pathlib.Path) -> ModelFile:
    """Opens a file with one batch of images in and one out, `(batch, height, width, channels)` floats.

    Raises:
      InputError: it is not such a file.
    """
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as error:
        # Of ONNX Runtime's own types, which have no common one.
        raise InputError(f"{path} cannot be loaded ({reason(error)}); export it again") from None
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        raise InputError(f"{path} has not one batch of images in and one out; give one that export.onnx wrote")
    source, generated = inputs[0], outputs[0]
    batch, height, width, channels = source.shape

    def run(sources: np.ndarray) -> np.ndarray:
        # A file for one image takes them one by one.
        parts = [sources] if not isinstance(batch, int) else [one[None] for one in sources]
        return np.concatenate([session.run([generated.name], {source.name: part})[0] for part in parts])

    return ModelFile(
        path,
        run,
        (_known(channels), _known(generated.shape[3])),
        (height, width) if isinstance(height, int) and isinstance(width, int) else None,
        _metadata(session.get_modelmeta().custom_metadata_map),
    )


def _known(side: Any) -> int | None:
    """Returns the length of an axis; None if it is named, and so may be any."""
    return side if isinstance(side, int) else None


def _metadata(texts: dict[str, str]) -> dict[str, Any]:
    """Returns what export.onnx put into the file, where what is no text is JSON."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        found[name] = text
        with contextlib.suppress(ValueError):
            value = parse_json(text)
            found[name] = value if not isinstance(value, str) else text
    return found
