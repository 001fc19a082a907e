"""Exports a generator for phones, as TFLite files, and measures each in LiteRT against Keras.

    python -m export.tflite --run_dir=runs/facades --export_dir=models/facades_tflite

writes float32.tflite, float16.tflite, dynamic_int8.tflite, int8_float_norm.tflite and int8.tflite, each with one image
in, (1, H, W, channels) in [-1, 1], and one out. A file that comes out too far from Keras is not written, and the exit
code is 1.
"""

import os
import pathlib

from absl import flags

from export import trained
from export.formats.litert import KINDS, Runner, convert
from export.formats.release import ship
from pipelines.system import terminal
from pipelines.system.disk import check_writable, naming_full_disk


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    folder = pathlib.Path(values.export_dir)
    check_writable(folder, "export_dir")
    run = trained.open_trained(max(values.parity_images, values.calibration_images), products=False)
    sources = [source for source, _ in run.pairs[: values.calibration_images]]
    exports = (
        (f"{kind}.tflite", file, Runner(file, os.cpu_count() or 1), KINDS[kind].bound)
        for kind, file in convert(run.generator, values.kinds, sources)
    )
    with naming_full_disk(folder, "the export"):
        return 0 if ship(folder, run, values.parity_images, exports) else 1


def define_flags() -> None:
    """The options of the command."""
    trained.define_flags()
    flags.adopt_module_key_flags(trained)
    flags.DEFINE_string("export_dir", None, "folder for the files; made if it is not there", required=True)
    flags.DEFINE_multi_enum("kinds", list(KINDS), list(KINDS), "which files; repeat the flag for several")
    flags.DEFINE_integer("calibration_images", 100, "validation images that int8 learns its ranges from", lower_bound=1)
    flags.DEFINE_integer("parity_images", 20, "validation images to compare on", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
