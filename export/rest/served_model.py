"""A SavedModel as its clients see it: a name, a version, and signatures from arrays to arrays."""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from export.loaded_model import LoadedModel
from export.serving.answers import SIGNATURE, TENSOR, short_reason
from export.serving.queues import ask_again
from export.serving.versions import MODEL_FILE
from pipelines.images import codecs
from pipelines.images.header import DAMAGED
from pipelines.images.size import MAX_PIXELS

# Eager TensorFlow puts a frame around what the graph says.
FRAME = "<stack traces unavailable>\n"
# The servable has no texts for floats: the name of the operation that fails says why.
NAMED_REASON = re.compile(r"height_and_width_must_be_multiples_of_\d+")


class ServedModel(LoadedModel):
    """A version of a model, loaded.

    Args:
      path: as LoadedModel has it.

    Attributes:
      definitions: of the signatures, by name.
      max_pixels: a picture of more is refused.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.max_pixels: int = self.description.get("max_pixels", MAX_PIXELS)
        saved = saved_model_pb2.SavedModel.FromString((self.folder / MODEL_FILE).read_bytes())
        self.definitions: Mapping[str, Any] = saved.meta_graphs[0].signature_def

    def find(self, name: str, version: int | None) -> None:
        """Raises NotFoundError unless this is the model of that name, and the version, if one is named."""
        if name == self.name and version in (None, self.version):
            return
        which = f"Specific({name}, {version})" if version is not None else f"Latest({name})"
        here = f"model {self.name} is served here, in version {self.version}"
        raise tf.errors.NotFoundError(None, None, f"{here}. Servable not found for request: {which}")

    def signature(self, name: str) -> Any:
        """Returns a signature, a function of tensors by name; raises InvalidArgumentError if there is none."""
        if name not in self.signatures:
            raise invalid(
                f'Serving signature name: "{name}" not found in signature def, which has '
                + ", ".join(sorted(self.signatures))
            )
        return self.signatures[name]

    def inputs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns the inputs of a signature by name."""
        return self.signature(signature).structured_input_signature[1]

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Calls a signature.

        Raises:
          OpError: of TensorFlow, with its reason first: InvalidArgumentError if the inputs are refused.
        """
        run, specs = self.signature(signature), self.inputs(signature)
        if set(specs) != set(inputs):
            raise invalid(f"input size does not match signature: {sorted(inputs)} are not {sorted(specs)}")
        try:
            tensors = {name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from None
        for name, tensor in tensors.items():
            if not tensor.shape.is_compatible_with(specs[name].shape):
                raise invalid(f"{name} has the shape {tensor.shape}, and the model takes {specs[name].shape}")
        try:
            outputs = ask_again(lambda: run(**tensors))
        except tf.errors.InvalidArgumentError as error:
            raise invalid(_reason(error.message)) from None
        except tf.errors.CancelledError:
            raise invalid(f"one of the images cannot be decoded: {DAMAGED}") from None
        return {name: value.numpy() for name, value in outputs.items()}

    def metadata(self) -> dict[str, Any]:
        """Returns all signatures as JSON has Serving's SignatureDefMap."""
        return {
            name: json_format.MessageToDict(
                definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            for name, definition in self.definitions.items()
        }

    def warm_up(self) -> None:
        """Translates a black picture, so that the first client need not wait while TensorFlow optimizes its graph."""
        size = self.description.get("native_size")
        if size and SIGNATURE in self.signatures:
            black = codecs.encode(np.zeros((*size, 3), np.uint8), "png")
            with contextlib.suppress(tf.errors.InvalidArgumentError):
                self.predict(SIGNATURE, {TENSOR: np.array([black], object)})


def _reason(message: str) -> str:
    """Returns what the graph says, without TensorFlow's frame."""
    named = NAMED_REASON.search(message)
    return named[0].replace("_", " ") if named else short_reason(message.split(FRAME)[-1].split(" [Op:")[0])


def invalid(message: str) -> tf.errors.InvalidArgumentError:
    """Returns TensorFlow's error for an input that is refused."""
    return tf.errors.InvalidArgumentError(None, None, message)
