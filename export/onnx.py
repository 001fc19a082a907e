"""Exports a generator as an ONNX file, and measures it in ONNX Runtime against Keras.

    python -m export.onnx --run_dir=runs/facades --output=models/facades_onnx

writes model.onnx: source, (batch, height, width, channels) in [-1, 1], to generated, likewise, for all heights and
widths that are multiples of what its metadata call `multiple`. The file describes itself in its metadata_props. One
that is too far from Keras is not written, and the exit code is 1.
"""

from absl import flags

from export import options
from export.formats.choices import ONNX_PRECISIONS
from pipelines.system import terminal


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.formats.onnx import export_onnx
    from export.formats.parity import table
    from export.trained import hide_gpus

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    row = export_onnx(values.run_dir, values.output, precision=values.precision, **options.arguments(values))
    print(table([row]), flush=True)
    return 0 if row.passed else 1


def define_flags() -> None:
    """Defines the options of the command."""
    options.define_flags("folder for the file; made if it does not exist", one_file=True)
    flags.DEFINE_enum(
        "precision",
        "float32",
        ONNX_PRECISIONS,
        "what the network computes in, and its kernels are stored in; float16 is for GPUs, and slower on most CPUs",
    )


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
