"""LiteRT: converts a generator to each kind of TFLite file."""

import json
import pathlib
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import flatbuffers
import keras
import numpy as np
import tensorflow as tf

from export.formats.parity import Operations
from export.formats.resizable import Resizable
from pipelines.images.size import Size
from pipelines.system.terminal import InputError
from tfpix2pix.exported.tflite_file import METADATA_NAME

try:
    from ai_edge_litert import schema_py_generated as schema
except ImportError:
    raise InputError("ai-edge-litert is not installed; pip install ai-edge-litert") from None

SIGNATURE = "translate"

FLOAT_TYPES = (schema.TensorType.FLOAT16, schema.TensorType.FLOAT32)
# From floats to integers and back.
TYPE_CHANGES = (schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE)

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
    """Takes integers wherever it can, input and output too; count_operations says whether a processor needs floats."""
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


def save_for_conversion(generator: keras.Model, size: Size, folder: pathlib.Path) -> None:
    """Writes a SavedModel whose only signature takes one image of one size."""
    module = Resizable(generator)
    module.translate = tf.function(
        lambda source: {"generated": module(source)},
        input_signature=[tf.TensorSpec((1, *size, generator.input_shape[-1]), tf.float32, name="source")],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.translate})


def convert(
    generator: keras.Model, size: Size, kinds: Iterable[str], sources: Sources, about: dict[str, Any]
) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the file of each kind.

    Args:
      generator: made of plain convolutions (products=False).
      size: (height, width) that a file has until it is resized.
      kinds: keys of CONVERSIONS.
      sources: typical images `(*size, C)` in [-1, 1], from which int8 learns its ranges.
      about: what the files say of themselves; `any_size` of it declares their height and width variable.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_for_conversion(generator, size, pathlib.Path(folder))
        for kind in kinds:
            converter = Converter.from_saved_model(folder, signature_keys=[SIGNATURE])
            yield kind, with_metadata(CONVERSIONS[kind](converter, sources), about)


def with_metadata(file: bytes, about: dict[str, Any]) -> bytes:
    """Returns a TFLite file that holds `about` as JSON, in the entry METADATA_NAME of the schema's table `metadata`."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file))
    if about["any_size"]:
        graph = model.subgraphs[0]
        for tensor in (graph.tensors[index] for index in (*graph.inputs, *graph.outputs)):
            batch, _, _, channels = tensor.shape
            tensor.shapeSignature = np.array([batch, -1, -1, channels], np.int32)
    contents, entry = schema.BufferT(), schema.MetadataT()
    contents.data = np.frombuffer(json.dumps(about, indent=1).encode(), np.uint8)
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.buffers.append(contents)
    model.metadata = [*(old for old in model.metadata or [] if old.name != METADATA_NAME.encode()), entry]
    # With room for all at once: a builder that has to grow copies all that it has, again and again.
    builder = flatbuffers.Builder(len(file) + 2 * len(contents.data) + 2**16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def count_operations(file: bytes) -> Operations:
    """Counts the operations of a TFLite file by what they give."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file))
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    is_float = [
        graph.tensors[operator.outputs[0]].type in FLOAT_TYPES
        for graph in model.subgraphs
        for operator in graph.operators
        if codes[operator.opcodeIndex] not in TYPE_CHANGES
    ]
    return Operations(sum(is_float), len(is_float) - sum(is_float))
