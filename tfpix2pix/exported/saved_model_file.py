"""Runs a SavedModel from images to images with TensorFlow."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.images.size import MAX_SIDE
from pipelines.system.terminal import InputError, reason
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.exported.model_file import SHARED, ModelFile

# From float images to float images, of models by export.saved_model; then what other programs call theirs.
SIGNATURES = ("translate", "serving_default")


def open_saved_model(folder: pathlib.Path) -> ModelFile:
    """Opens a SavedModel with a signature from one batch of float images to one.

    Raises:
      InputError: it cannot be loaded, or has no such signature.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} cannot be loaded ({reason(error)}); export it again") from None
    for name in SIGNATURES:
        function = loaded.signatures.get(name)
        if function is None:
            continue
        inputs, outputs = function.structured_input_signature[1], function.structured_outputs
        (entry, source), (result, generated) = next(iter(inputs.items())), next(iter(outputs.items()))
        if (
            len(inputs) == len(outputs) == 1
            and source.shape.rank == generated.shape.rank == 4
            and source.dtype.is_floating
        ):
            break
    else:
        there = ", ".join(loaded.signatures) or "none"
        raise InputError(f"{folder} has no signature from float images to images, but {there}; export it again")

    def run(sources: np.ndarray, model: Any = loaded) -> np.ndarray:
        # The variables live as long as the model.
        return function(**{entry: tf.constant(sources, source.dtype)})[result].numpy().astype(np.float32)

    height, width = source.shape[1:3]
    return ModelFile(
        folder,
        run,
        (source.shape[3], generated.shape[3]),
        (height, width) if height and width else None,
        _description(folder / "export.json"),
    )


def _description(path: pathlib.Path) -> dict[str, Any]:
    """Returns what export.saved_model wrote beside the model; nothing of other models."""
    try:
        found = parse_json(path.read_text())
    except (OSError, ValueError):
        return {}
    config = found.get("config") if isinstance(found, dict) else None
    if not isinstance(config, dict):
        return {}
    multiple, depth = found.get("multiple"), config.get("depth")
    if multiple is None and isinstance(depth, int) and 0 < depth < MAX_SIDE.bit_length():
        # Exports of earlier versions, which had U-Nets alone.
        multiple = 2**depth
    return {name: config[name] for name in SHARED if name in config} | ({"multiple": multiple} if multiple else {})
