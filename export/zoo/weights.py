"""The weights of a package: an ONNX file and a zipped SavedModel, each compared with Keras."""

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from bioimageio.spec.model import v0_5 as spec

from export.formats.onnx import BOUND, OPSET, convert
from export.formats.parity import Row, compare
from export.trained import COMPARED_ON, Trained
from tfpix2pix.networks.folded import folded

ONNX_FILE = "weights.onnx"
BUNDLE_FILE = "tf_saved_model.zip"
# By the names that the specification has for their formats.
FILES = {"onnx": ONNX_FILE, "tensorflow_saved_model_bundle": BUNDLE_FILE}
# (N, H, W, C) to (N, H, W, C'), both in [-1, 1].
Translate = Callable[[np.ndarray], np.ndarray]


def write_weights(folder: pathlib.Path, run: Trained, about: dict[str, Any]) -> dict[str, Translate]:
    """Writes both files, and returns by the format's name how each translates.

    Args:
      folder: exists.
      run: its generator takes all sizes, and is of plain convolutions.
      about: what the ONNX file says of itself.
    """
    file = convert(run.generator, None, about)
    (folder / ONNX_FILE).write_bytes(file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    bundle = folder / BUNDLE_FILE.removesuffix(".zip")
    save_bundle(run.generator, bundle)
    shutil.make_archive(str(bundle), "zip", bundle)
    loaded = tf.saved_model.load(str(bundle))
    signature = loaded.signatures["serving_default"]

    def by_bundle(sources: np.ndarray, model: Any = loaded) -> np.ndarray:
        # The variables live as long as the model.
        with tf.device(COMPARED_ON):
            return signature(source=tf.constant(sources))["generated"].numpy()

    return {
        "onnx": lambda sources: session.run(None, {"source": sources})[0],
        "tensorflow_saved_model_bundle": by_bundle,
    }


def save_bundle(generator: keras.Model, folder: pathlib.Path) -> None:
    """Writes a SavedModel with one signature, from floats to floats."""
    module = tf.Module()
    module.network = network = folded(generator)
    shape = tf.TensorSpec((None, None, None, generator.input_shape[-1]), tf.float32, name="source")
    module.serving = tf.function(lambda source: {"generated": network(source, training=False)}, [shape])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serving})


def describe(folder: pathlib.Path) -> spec.WeightsDescr:
    """Describes the files that `write_weights` wrote."""
    return spec.WeightsDescr(
        tensorflow_saved_model_bundle=spec.TensorflowSavedModelBundleWeightsDescr(
            source=folder / BUNDLE_FILE, tensorflow_version=spec.Version(tf.__version__)
        ),
        onnx=spec.OnnxWeightsDescr(
            source=folder / ONNX_FILE,
            opset_version=OPSET,
            parent="tensorflow_saved_model_bundle",
            comment=f"converted by tf2onnx, for ONNX {onnx.__version__}",
        ),
    )


def compared(run: Trained, files: dict[str, Translate], folder: pathlib.Path) -> list[Row]:
    """Compares each file with Keras on the run's pictures."""
    with tf.device(COMPARED_ON):
        expected = [run.generator(source[None], training=False)[0].numpy() for source, _ in run.pairs]
    rows = []
    for kind, translate in files.items():

        def of_one(source: np.ndarray, each: Translate = translate) -> np.ndarray:
            return each(source[None])[0]

        file = folder / FILES[kind]
        rows.append(compare(file.name, file.stat().st_size, of_one, expected, run.pairs, BOUND))
    return rows
