"""ONNX: converts a generator by tf2onnx, and runs the file in ONNX Runtime."""

import os
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.formats.choices import DYNAMIC, ONNX_PRECISIONS, fixed_size
from export.formats.metadata import as_texts, metadata
from export.formats.parity import Operations, Row
from export.formats.release import Candidate, write_passing
from export.formats.resizable import Resizable
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable
from pipelines.system.terminal import InputError, check_value

try:
    import onnx
    import onnxruntime
    import tf2onnx
except ImportError as error:
    raise InputError(f"{error.name} is not installed; pip install onnx onnxruntime tf2onnx") from None

FILE = "model.onnx"
# The newest that tf2onnx knows.
OPSET = 18
# PSNR against Keras in dB; float32 reaches 130 and more.
BOUND = 90.0
BOUNDS = dict(zip(ONNX_PRECISIONS, (BOUND, 50.0), strict=True))
FLOAT_TYPES = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
# Names of the axes whose size is not fixed.
AXES = ("batch", "height", "width", "channels")


def export_onnx(
    run_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    checkpoint: str | int = "best",
    image_size: Size | str | None = DYNAMIC,
    norm_statistics: str | None = None,
    precision: str = "float32",
    data: str = "",
    sources: str = "",
    parity_images: int = 20,
    license_text: str = "",
) -> Row:
    """Exports a run's generator as model.onnx, and compares the file with Keras.

        row = export_onnx("runs/facades", "models/facades_onnx")
        session = onnxruntime.InferenceSession("models/facades_onnx/model.onnx")

    Args:
      run_dir: the run directory that `train` wrote.
      output: the folder for the file; made if it does not exist.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      image_size: `dynamic`, for all multiples of config.multiple, or (height, width); None: training's.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      precision: what the network computes in, `float32` or `float16`; norms, the last convolution, input and output are
        float32 in both.
      data: the data set whose val/ is used to compare; by default pairs that the run has kept.
      sources: a folder of single sources that are used instead.
      parity_images: on how many pictures at most the export is compared.
      license_text: under which the file may be used, such as `CC-BY-4.0`; it stands in the file.

    Returns:
      How near the file is to Keras; it is written only if it `passed`.

    Raises:
      InputError: an argument does not fit.
    """
    check_value("precision", precision, choices=ONNX_PRECISIONS)
    folder = pathlib.Path(output)
    check_writable(folder, "output")
    run = open_trained(
        run_dir,
        parity_images,
        checkpoint=checkpoint,
        data=data,
        sources=sources,
        norm_statistics=norm_statistics,
        image_size=fixed_size(image_size),
        products=False,
    )
    about = metadata(run, image_size == DYNAMIC, license_text)
    file = convert(run.generator, None if about["any_size"] else run.form.size, about, precision)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def translate(source: np.ndarray) -> np.ndarray:
        return session.run(None, {"source": source[None]})[0][0]

    candidate = Candidate(FILE, file, translate, BOUNDS[precision], count_operations(file))
    (row,) = write_passing(folder, run, parity_images, [candidate], about | {"precision": precision}, "onnx")
    return row


def count_operations(file: bytes) -> Operations:
    """Counts the operations of an ONNX file by what they give; those of sizes give integers."""
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(file)).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    is_float = [types.get(node.output[0]) in FLOAT_TYPES for node in graph.node]
    return Operations(sum(is_float), len(is_float) - sum(is_float))


def convert(generator: keras.Model, size: Size | None, about: dict[str, Any], precision: str = "float32") -> bytes:
    """Converts a generator to an ONNX file for any batch size.

    Args:
      generator: made of plain convolutions (products=False).
      size: (height, width); None: any.
      about: what the file says of itself, in its metadata_props; `description` of it is the doc_string too.
      precision: a key of BOUNDS.
    """
    network = Resizable(generator, precision)
    run = tf.function(lambda source: {"generated": network(source)}, autograph=False)
    shape = tf.TensorSpec((None, *(size or (None, None)), generator.input_shape[-1]), tf.float32, name="source")
    model, _ = tf2onnx.convert.from_function(run, input_signature=[shape], opset=OPSET)
    for image in (*model.graph.input, *model.graph.output):
        for name, side in zip(AXES, image.type.tensor_type.shape.dim, strict=True):
            if not side.dim_value:
                side.dim_param = name
    model.doc_string = about["description"]
    onnx.helper.set_model_props(model, as_texts(about))
    return model.SerializeToString()
