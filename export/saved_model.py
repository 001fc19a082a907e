"""Exports a generator for TensorFlow Serving, and proves that the export computes what Keras computes.

    python -m export.saved_model --run_dir=runs/facades --output=models/facades

writes models/facades/1/, the next time 2/, and so on. Signatures:
  serving_default  image_bytes (JPEG or PNG) to image_bytes (PNG, of 8 or 16 bits as the targets), of any size
  translate        source, float (N, H, W, channels) in [-1, 1], to generated, likewise; sides are multiples of
                   `multiple` in export.json
  measure          source to statistics (2, K), the mean and variance of each normalized channel over all images
  translate_with   source and statistics to generated: tiles of one picture with the statistics of the whole
The last two exist if images are normalized by statistics of their own. A run whose files are of another kind, such as
12 channels or floats, has no serving_default.
"""

import json

from absl import flags

from export import options
from export.formats.choices import MODEL_FITS
from pipelines.images.size import define_max_pixels
from pipelines.system import terminal
from tfpix2pix.networks.choices import PRECISIONS
from tfpix2pix.translation.options import OUTPUT_SIZES


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.formats.saved_model import export_saved_model
    from export.trained import EXPORT_FILE, hide_gpus

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    folder = export_saved_model(
        values.run_dir,
        values.output,
        version=values.version,
        dropout_at_inference=values.dropout_at_inference,
        fit=values.fit,
        output_size=values.output_size,
        max_pixels=values.max_pixels,
        max_batch_size=values.max_batch_size,
        source_images=values.source_images,
        precision=values.precision,
        **options.arguments(values),
    )
    made = json.loads((folder / EXPORT_FILE).read_text())
    same = "are within a level" if values.max_batch_size else "of the native size are the same"
    pngs = "" if made["left_out"] else f", and PNGs {same}"
    if values.precision != "float32":
        pngs = f", in {values.precision} ({made['parity']['psnr']:.1f} dB, at least {made['parity']['bound']:g} needed)"
    print(
        f"{folder}: step {made['step']} of {values.run_dir}; on {made['parity']['images']} images the largest "
        f"difference from Keras is {made['parity']['max_difference']:.2g}{pngs}"
    )
    print(f"fit={made['fit']}: {made['fit_reason']}")
    for signature, reason in made["left_out"].items():
        print(f"the signature {signature} was left out: it {reason}")
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    options.define_flags("folder of the model's versions; its name is the model's")
    flags.DEFINE_integer("version", None, "number to write; default: one more than the greatest", lower_bound=1)
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    flags.DEFINE_enum(
        "fit",
        "auto",
        MODEL_FITS,
        "how pictures meet the network: pad (at their own scale), resize (brought to the size that training had, and "
        "results back); auto: as training did",
    )
    flags.DEFINE_enum(
        "output_size", "source", OUTPUT_SIZES, "the size of results: the picture's, or as the network gives it"
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        PRECISIONS,
        "what the network computes in, and its kernels are stored in: bfloat16 for CPUs with AMX or AVX512-BF16, TPUs "
        "and new GPUs, float16 for GPUs; export.json says how much results differ",
    )
    define_max_pixels(None)
    flags.DEFINE_integer(
        "max_batch_size",
        0,
        "compute the images of concurrent requests together, up to so many; 0: each request by itself",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "source_images",
        8,
        "how many of the compared pictures to store with the model, to start from on the page of export.serve",
        lower_bound=0,
    )


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
