"""Kinds of TFLite files, their bounds and their sizes; without TensorFlow, so that --help is quick."""

from pipelines.images.size import Size, parse_size
from pipelines.system.terminal import InputError

# The image_size of files for all multiples of the config's.
DYNAMIC = "dynamic"

# Kind to the PSNR against Keras, in dB, that its file has to reach. 90 dB is a mean difference of about 5e-5 of the
# range 2; the 8 bits of an image are 59 dB at best.
TFLITE_BOUNDS = {
    "float32": 90.0,
    "float16": 50.0,
    "dynamic_int8": 35.0,
    "int8_float_norm": 28.0,
    "int8": 28.0,
}

# What an ONNX file computes in; ONNX Runtime has no convolution in bfloat16.
ONNX_PRECISIONS = ("float32", "float16")

# How pictures meet the network inside a SavedModel. It translates them whole; export.bulk also tile by tile.
MODEL_FITS = ("auto", "pad", "resize")


def fixed_size(image_size: Size | str | None) -> Size | None:
    """Returns the (height, width) that an image_size fixes; None where it is DYNAMIC, or training's.

    Raises:
      InputError: it is none of these.
    """
    if image_size is None or image_size == DYNAMIC:
        return None
    if isinstance(image_size, str):
        raise InputError(f"image_size={image_size!r} is not a size; give (height, width), or {DYNAMIC!r}")
    return parse_size("image_size", image_size)
