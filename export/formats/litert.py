"""LiteRT: converts a generator to each kind of TFLite file, and runs such files."""

import pathlib
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from pipelines.system.terminal import InputError

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    raise InputError("ai-edge-litert is not installed; pip install ai-edge-litert") from None

SIGNATURE = "translate"

Converter: TypeAlias = tf.lite.TFLiteConverter
Sources: TypeAlias = list[np.ndarray]

# The operations that compute each image's own statistics and apply them. In int8 they cost the most: the demo's
# generator reaches 27.4 dB against Keras, and 33.6 dB with these in float; convolutions, tanh and the rest make no
# difference.
NORMALIZATION = ["MEAN", "SQUARED_DIFFERENCE", "RSQRT", "ADD", "MUL", "SUB"]


def _float32(converter: Converter, _: Sources) -> bytes:
    """Keeps the weights as they were trained."""
    return converter.convert()


def _float16(converter: Converter, _: Sources) -> bytes:
    """Halves the weights; CPUs compute in float32, GPUs in float16 if they can."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _dynamic_int8(converter: Converter, _: Sources) -> bytes:
    """Quarters the weights; activations are quantized when they are computed."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def _int8_float_norm(converter: Converter, sources: Sources) -> bytes:
    """Takes integers for all but NORMALIZATION, input and output; moving statistics need none of it."""
    _calibrate(converter, sources)
    # The converter's list of operations to leave in float can be set in no other way.
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=NORMALIZATION)
    with warnings.catch_warnings():
        # It runs TensorFlow's own interpreter, which warns that LiteRT replaces it.
        warnings.simplefilter("ignore", UserWarning)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=converter.representative_dataset, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def _int8(converter: Converter, sources: Sources) -> bytes:
    """Takes integers for everything, input and output too: for processors without floats."""
    _calibrate(converter, sources)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _calibrate(converter: Converter, sources: Sources) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([source[None]] for source in sources)


# Makes a file of each kind, given the sources that show the range of activations.
CONVERSIONS: dict[str, Callable[[Converter, Sources], bytes]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic_int8": _dynamic_int8,
    "int8_float_norm": _int8_float_norm,
    "int8": _int8,
}


def save_for_conversion(generator: keras.Model, folder: pathlib.Path) -> None:
    """Writes a SavedModel whose only signature takes one image: batch 1, and a fixed size."""
    shape = (1, *generator.input_shape[1:])
    module = tf.Module()
    # Without this the converter writes a file without weights, and no warning.
    module.weights = [variable.value for variable in generator.variables]
    module.translate = tf.function(
        lambda source: {"generated": generator(source, training=False)},
        input_signature=[tf.TensorSpec(shape, tf.float32, name="source")],
    )
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.translate})


def convert(generator: keras.Model, kinds: Iterable[str], sources: Sources) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the file of each kind.

    Args:
      generator: of one size, made of plain convolutions (products=False).
      kinds: keys of CONVERSIONS.
      sources: typical images `(H, W, C)` in [-1, 1], from which int8 learns its ranges.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_for_conversion(generator, pathlib.Path(folder))
        for kind in kinds:
            converter = Converter.from_saved_model(folder, signature_keys=[SIGNATURE])
            yield kind, CONVERSIONS[kind](converter, sources)


class Runner:
    """Runs a TFLite file on one image at a time, with floats in and out also if the file has integers.

    Args:
      file: its bytes.
      threads: of LiteRT's CPU kernels.
    """

    def __init__(self, file: bytes, threads: int) -> None:
        self.interpreter = Interpreter(model_content=file, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Translates `(H, W, C)` in [-1, 1]."""
        self.interpreter.set_tensor(self.input["index"], quantize(source[None], self.input))
        self.interpreter.invoke()
        return dequantize(self.interpreter.get_tensor(self.output["index"]), self.output)[0]


def quantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Converts floats to the type of a file's tensor: value = scale × (integer - zero_point)."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Inverts quantize, up to its rounding."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)
