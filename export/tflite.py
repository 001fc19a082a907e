"""Exports a generator for phones, as TFLite files, and measures each in LiteRT against Keras.

    python -m export.tflite --run_dir=runs/facades --output=models/facades_tflite

writes float32.tflite, float16.tflite, dynamic_int8.tflite, int8_float_norm.tflite and int8.tflite. Each takes one
image, (1, H, W, channels) in [-1, 1], and returns one; H and W are training's until the input is resized to other
multiples of what the metadata call `multiple`. The files describe themselves in their metadata. One that is too far
from Keras is not written, and the exit code is 1.
"""

from absl import flags

from export import options
from export.formats.choices import TFLITE_BOUNDS
from pipelines.system import terminal


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.formats.parity import table
    from export.formats.tflite import export_tflite
    from export.trained import hide_gpus

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    rows = export_tflite(
        values.run_dir,
        values.output,
        kinds=values.kinds,
        calibration_images=values.calibration_images,
        **options.arguments(values),
    )
    print(table(rows), flush=True)
    failed = [row.name for row in rows if not row.passed]
    if "int8_float_norm.tflite" not in failed and any(name.startswith("int8") for name in failed):
        print("int8 was not written; int8_float_norm, whose norms are in float, is nearer to Keras", flush=True)
    return 1 if failed else 0


def define_flags() -> None:
    """Defines the options of the command."""
    options.define_flags("folder for the files; made if it does not exist", one_file=True)
    kinds = list(TFLITE_BOUNDS)
    flags.DEFINE_multi_enum("kinds", kinds, kinds, "which files; repeat the flag for several")
    flags.DEFINE_integer("calibration_images", 100, "validation images that int8 learns its ranges from", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
