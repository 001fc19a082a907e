"""ONNX: converts a generator by tf2onnx, and runs the file in ONNX Runtime."""

import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from export.formats.parity import Row
from export.formats.release import Candidate, write_passing
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable
from pipelines.system.terminal import InputError

try:
    import onnxruntime
    import tf2onnx
except ImportError as error:
    raise InputError(f"{error.name} is not installed; pip install onnx onnxruntime tf2onnx") from None

FILE = "model.onnx"
# The newest that tf2onnx knows.
OPSET = 18
# PSNR against Keras in dB; float32 reaches 130 and more.
BOUND = 90.0


def export_onnx(
    run_dir: str | os.PathLike[str],
    export_dir: str | os.PathLike[str],
    *,
    checkpoint: str | int = "latest",
    image_size: Size | None = None,
    norm_statistics: str | None = None,
    data: str = "",
    parity_images: int = 20,
) -> Row:
    """Exports a run's generator as model.onnx, and compares the file with Keras.

        row = export_onnx("runs/facades", "models/facades_onnx")
        session = onnxruntime.InferenceSession("models/facades_onnx/model.onnx")

    Args:
      run_dir: the run directory that `train` wrote.
      export_dir: the folder for the file; made if it does not exist.
      checkpoint: `latest`, `best` (by the run's best_by), or a step.
      image_size: (height, width) of the images; by default training's.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      data: the data set whose val/ is used to compare; by default the run's own.
      parity_images: how many of its images at most.

    Returns:
      How near the file is to Keras; it is written only if it `passed`.

    Raises:
      InputError: an argument does not fit.
    """
    folder = pathlib.Path(export_dir)
    check_writable(folder, "export_dir")
    run = open_trained(
        run_dir,
        parity_images,
        checkpoint=checkpoint,
        data=data,
        norm_statistics=norm_statistics,
        image_size=image_size,
        products=False,
    )
    file = convert(run.generator)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def translate(source: np.ndarray) -> np.ndarray:
        return session.run(None, {"source": source[None]})[0][0]

    (row,) = write_passing(folder, run, parity_images, [Candidate(FILE, file, translate, BOUND)])
    return row


def convert(generator: keras.Model) -> bytes:
    """Converts a generator to an ONNX file for any batch size."""
    run = tf.function(lambda source: {"generated": generator(source, training=False)})
    shape = tf.TensorSpec(generator.input_shape, tf.float32, name="source")
    model, _ = tf2onnx.convert.from_function(run, input_signature=[shape], opset=OPSET)
    return model.SerializeToString()
