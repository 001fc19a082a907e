"""Metadata: what a TFLite or ONNX file says of itself, for whoever has nothing but the file."""

import json
from typing import Any

from export.sharing.meanings import channel_names, source_channel_names, source_meaning, target_meaning
from export.trained import Trained, weights_digest
from pipelines.images.size import format_size
from tfpix2pix.exported.model_file import SHARED

# Options of the training that say what the numbers of a file's input and output are; `train --help` explains them.
OPTIONS = (*SHARED, "label_colors", "norm", "norm_statistics")


def metadata(run: Trained, any_size: bool, license_text: str) -> dict[str, Any]:
    """Returns what stands in a file, as JSON can hold it; docs/export.md explains each name.

    Args:
      run: what the file is made from.
      any_size: whether the file is for all multiples of config.multiple, not for the size of run.form alone.
      license_text: under which the file may be used, such as `CC-BY-4.0`; may be empty.
    """
    config = run.config
    step = config.multiple
    sides = f"height and width multiples of {step}" if any_size else f"{format_size(run.form.size)} pixels"
    return {
        "description": f"pix2pix generator: source to generated, (batch, height, width, channels) in [-1, 1]; {sides}",
        "license": license_text,
        "value_range": [-1.0, 1.0],
        "source_meaning": source_meaning(config),
        "target_meaning": target_meaning(config),
        "source_channel_names": source_channel_names(config),
        "target_channel_names": channel_names(config.target_channels, config.target_labels),
        **{name: getattr(config, name) for name in OPTIONS},
        "target_type": config.result_type,
        "any_size": any_size,
        "multiple": step,
        "native_size": list(run.form.size),
        "scale_size": list(config.scale_size),
        "step": run.step,
        "weights_sha256": weights_digest(run.generator),
    }


def as_texts(values: dict[str, Any]) -> dict[str, str]:
    """Converts metadata to the texts that an ONNX file holds: what is no text becomes JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
