"""TFLite files of a generator: how each kind is converted, and how LiteRT runs it."""

import dataclasses
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    sys.exit("error: ai-edge-litert is missing; pip install 'tfpix2pix[export]'")

SIGNATURE = "translate"


Converter = tf.lite.TFLiteConverter
Sources = list[np.ndarray]

# What each image's own statistics are computed and applied by. In int8 they cost the most: the demo's generator comes
# within 27.4 dB of Keras, and with these in float within 33.6 dB; convolutions, tanh and the rest make no difference.
NORMALISATION = ["MEAN", "SQUARED_DIFFERENCE", "RSQRT", "ADD", "MUL", "SUB"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to store weights and to compute.

    Attributes:
      convert: makes the file, given the sources that show the range of activations.
      bound: what parity with Keras it has to keep: PSNR in dB at least.
    """

    convert: Callable[[Converter, Sources], bytes]
    bound: float


def _float32(converter: Converter, _) -> bytes:
    """As it is trained."""
    return converter.convert()


def _float16(converter: Converter, _) -> bytes:
    """Weights of half the size; computed in float32 on CPUs, in float16 on GPUs that can."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _dynamic_int8(converter: Converter, _) -> bytes:
    """Weights of a quarter of the size; activations are quantised as they come."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def _int8_float_norm(converter: Converter, sources: Sources) -> bytes:
    """Integers but for NORMALISATION; floats in and out. With moving statistics there is none of it."""
    _calibrate(converter, sources)
    # The only way to the converter's list of operations that are left in float.
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=NORMALISATION)
    with warnings.catch_warnings():
        # It runs the interpreter inside TensorFlow, which tells users to take LiteRT's.
        warnings.simplefilter("ignore", UserWarning)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=converter.representative_dataset, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def _int8(converter: Converter, sources: Sources) -> bytes:
    """Integers all the way, input and output as well: for processors without floats."""
    _calibrate(converter, sources)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _calibrate(converter: Converter, sources: Sources) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([source[None]] for source in sources)


# 90 dB is a mean difference of about 5e-5 of the range 2, and 8 bits of an image are 59 dB at best.
KINDS = {
    "float32": Kind(_float32, bound=90.0),
    "float16": Kind(_float16, bound=50.0),
    "dynamic_int8": Kind(_dynamic_int8, bound=35.0),
    "int8_float_norm": Kind(_int8_float_norm, bound=28.0),
    "int8": Kind(_int8, bound=28.0),
}


def save_for_conversion(generator: keras.Model, folder: pathlib.Path) -> None:
    """Writes a SavedModel whose only signature takes one image: batch 1, and no size left open."""
    shape = (1, *generator.input_shape[1:])
    module = tf.Module()
    # Without them the converter writes a file without weights, and says nothing.
    module.weights = [variable.value for variable in generator.variables]
    module.translate = tf.function(
        lambda source: {"generated": generator(source, training=False)},
        input_signature=[tf.TensorSpec(shape, tf.float32, name="source")],
    )
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.translate})


def convert(generator: keras.Model, kinds: Iterable[str], sources: Sources) -> Iterable[tuple[str, bytes]]:
    """Gives the name and the file of each kind in turn.

    Args:
      generator: of one size, made of plain convolutions (products=False).
      kinds: keys of KINDS.
      sources: images `(H, W, C)` in [-1, 1] such as it will get, from which int8 learns its ranges.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_for_conversion(generator, pathlib.Path(folder))
        for kind in kinds:
            converter = Converter.from_saved_model(folder, signature_keys=[SIGNATURE])
            yield kind, KINDS[kind].convert(converter, sources)


class Runner:
    """Runs a TFLite file on one image at a time, float in and float out whatever the file takes.

    Args:
      file: its bytes.
      threads: of LiteRT's CPU kernels.
    """

    def __init__(self, file: bytes, threads: int):
        self.interpreter = Interpreter(model_content=file, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Translates `(H, W, C)` in [-1, 1]."""
        self.interpreter.set_tensor(self.input["index"], quantised(source[None], self.input))
        self.interpreter.invoke()
        return dequantised(self.interpreter.get_tensor(self.output["index"]), self.output)[0]


def quantised(values: np.ndarray, tensor: dict) -> np.ndarray:
    """Floats as a tensor of the file takes them: value = scale × (integer - zero_point)."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def dequantised(values: np.ndarray, tensor: dict) -> np.ndarray:
    """The inverse of quantised, but for rounding."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)
