"""Turns the JSON of requests into arrays, and arrays into the JSON of answers, as Serving's api_rest has both."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from export.serving.answers import SIGNATURE, TENSOR
from export.serving.sendable import as_sendable
from pipelines.images.header import BadImageError
from pipelines.system.untrusted_json import parse_json

# Kinds of NumPy's types that become numbers: truth values, integers, floats.
NUMBERS = "biuf"


class Request(NamedTuple):
    """A request to predict.

    Attributes:
      signature: its name.
      values: by row or by column, as they came.
      is_row: whether they came as `instances`, not as `inputs`.
    """

    signature: str
    values: Any
    is_row: bool


def read_request(body: bytes) -> Request:
    """Reads a request's body.

    Raises:
      ValueError: it is not JSON, or not a request.
    """
    try:
        request = parse_json(body)
    except ValueError as error:
        raise ValueError(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise ValueError('the body must be a JSON object, with "instances" or "inputs"')
    if ("instances" in request) == ("inputs" in request):
        raise ValueError('"instances" or "inputs" must be there, and not both')
    signature = request.get("signature_name") or SIGNATURE
    if not isinstance(signature, str):
        raise ValueError('"signature_name" must be a text')
    is_row = "instances" in request
    return Request(signature, request["instances" if is_row else "inputs"], is_row)


def to_arrays(request: Request, specs: Mapping[str, tf.TensorSpec], max_pixels: int) -> dict[str, np.ndarray]:
    """Returns the inputs by name; a sole one need not be named.

    Args:
      request: as read_request gives it.
      specs: the inputs of the signature, by name.
      max_pixels: a picture that has to be converted for the model, and has more pixels, is refused.

    Raises:
      ValueError: a value is missing, or not what the signature takes.
    """
    sole = next(iter(specs))

    def named(value: Any) -> dict[str, Any]:
        return value if isinstance(value, dict) and set(value) != {"b64"} else {sole: value}

    columns: Mapping[str, Any]
    if request.is_row:
        if not isinstance(request.values, list):
            raise ValueError('"instances" must be a list')
        rows = [named(row) for row in request.values]
        for i, row in enumerate(rows):
            if row.keys() != specs.keys():
                raise ValueError(f"instance {i} has {sorted(row)}, and the signature takes {sorted(specs)}")
        columns = {name: [row[name] for row in rows] for name in specs}
    else:
        columns = named(request.values)
        if columns.keys() != specs.keys():
            raise ValueError(f'"inputs" has {sorted(columns)}, and the signature takes {sorted(specs)}')
    return {name: _array(name, columns[name], spec, max_pixels) for name, spec in specs.items()}


def to_json(outputs: Mapping[str, np.ndarray], is_row: bool) -> dict[str, Any]:
    """Returns the answer to a request by rows or by columns; a sole output is not named."""
    values = {name: _values(name, value) for name, value in outputs.items()}
    if len(values) == 1:
        (result,) = values.values()
    elif is_row:
        result = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    else:
        result = values
    return {"predictions" if is_row else "outputs": result}


def _array(name: str, values: Any, spec: tf.TensorSpec, max_pixels: int) -> np.ndarray:
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list")
    if spec.dtype == tf.string:
        files = [_bytes(name, i, value) for i, value in enumerate(values)]
        if name == TENSOR:
            files = [_picture(i, file, max_pixels) for i, file in enumerate(files)]
        # NumPy's own strings lose zeros at their end.
        return np.array(files, object)
    try:
        found = np.array(values)
        if found.dtype.kind in NUMBERS:
            return found.astype(spec.dtype.as_numpy_dtype)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name} must be a list of numbers, or of lists of one length")


def _bytes(name: str, i: int, value: Any) -> bytes:
    """Returns what a text, or {"b64": ...}, stands for."""
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if not isinstance(value, dict) or list(value) != ["b64"] or not isinstance(value["b64"], str):
        raise ValueError(f'{name} {i} must be a file in base64, as {{"b64": "..."}}')
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{name} {i} is not base64 ({error})") from None


def _picture(i: int, file: bytes, max_pixels: int) -> bytes:
    """Converts a WebP, TIFF, BMP or NPY to a PNG; the model reads JPEG and PNG only."""
    try:
        return as_sendable(file, max_pixels)
    except BadImageError as error:
        raise ValueError(f"image {i} {error.reason.removeprefix('it ')}") from None


def _values(name: str, value: np.ndarray) -> Any:
    if value.dtype != object:
        return value.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(item).decode()} for item in value]
    return [item.decode() for item in value]
