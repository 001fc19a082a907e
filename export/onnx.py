"""Exports a generator as an ONNX file, and measures it in ONNX Runtime against Keras.

    python -m export.onnx --run_dir=runs/facades --export_dir=models/facades_onnx

writes model.onnx: source, (batch, H, W, channels) in [-1, 1], to generated, likewise. A file that comes out too
far from Keras is not written, and the exit code is 1.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from export import trained
from export.formats.release import ship
from pipelines.system import terminal
from pipelines.system.disk import check_writable, naming_full_disk

try:
    import onnxruntime
    import tf2onnx
except ImportError as error:
    sys.exit(f"error: {error.name} is missing; pip install 'tfpix2pix[export]'")

# The newest that tf2onnx knows.
OPSET = 18
# PSNR against Keras in dB; float32 reaches 130 and more.
BOUND = 90.0


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    folder = pathlib.Path(values.export_dir)
    check_writable(folder, "export_dir")
    run = trained.open_trained(values.parity_images, products=False)
    file = convert(run.generator)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def translate(source: np.ndarray) -> np.ndarray:
        return session.run(None, {"source": source[None]})[0][0]

    with naming_full_disk(folder, "the export"):
        return 0 if ship(folder, run, values.parity_images, [("model.onnx", file, translate, BOUND)]) else 1


def convert(generator: keras.Model) -> bytes:
    """An ONNX file, for any batch size."""
    run = tf.function(lambda source: {"generated": generator(source, training=False)})
    shape = tf.TensorSpec(generator.input_shape, tf.float32, name="source")
    model, _ = tf2onnx.convert.from_function(run, input_signature=[shape], opset=OPSET)
    return model.SerializeToString()


def define_flags() -> None:
    """The options of the command."""
    trained.define_flags()
    flags.adopt_module_key_flags(trained)
    flags.DEFINE_string("export_dir", None, "folder for the file; made if it is not there", required=True)
    flags.DEFINE_integer("parity_images", 20, "validation images to compare on", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
