"""Translates images with a trained generator; each result is saved under its source's own name.

    python -m tfpix2pix.translate --run_dir=runs/facades --input=labels/ --output=translated
    python -m tfpix2pix.translate --run_dir=runs/facades --input=data/facades/val --pairs --output=translated

Size, direction, channels and the numbers of results are read from the run directory. A file that cannot be read is
named and left out, all others are translated, and the exit code is 1. A result that exists is left alone without
--overwrite.
"""

import pathlib

from absl import flags

from pipelines.images.choices import RESULT_FORMATS
from pipelines.images.size import define_max_pixels, define_size, format_size
from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.images import result_format
    from pipelines.storage.input_output import kept_line, left_out_line, make_folders, missing, plan_outputs
    from pipelines.storage.result_files import unplaced_line
    from tfpix2pix.run import load_run
    from tfpix2pix.run_dir import config_json

    terminal.no_arguments(argv)
    values = flags.FLAGS
    output = pathlib.Path(values.output)
    if line := left_out_line(pathlib.Path(values.input)):
        print(terminal.one_line(line))
    config = config_json.load(pathlib.Path(values.run_dir))
    form = result_format.choose(values.format, config.image_format("target"), config.result_type)
    planned = plan_outputs(pathlib.Path(values.input), output, form.suffix)
    check_kind(values, config, list(planned))
    outputs = missing(planned, values.overwrite)
    run = load_run(
        values.run_dir,
        values.checkpoint,
        norm_statistics=values.norm_statistics,
        dropout_at_inference=values.dropout_at_inference,
        image_size=None if 0 in values.image_size else values.image_size,
    )
    make_folders(output, outputs.values())
    size = "at its own scale" if run.keeps_shape else f"at {format_size(run.image_size)}"
    print(f"{len(outputs)} images by {values.run_dir}, step {run.step}, each {size}", flush=True)
    bad, unplaced = run.translate_files(
        outputs, pairs=bool(values.pairs), batch_size=values.batch_size, max_pixels=values.max_pixels
    )
    for file, reason in bad.items():
        terminal.print_error(f"{file}: {reason}; it was left out")
    print(f"{len(outputs) - len(bad)} images in {output}")
    if len(outputs) < len(planned):
        print(kept_line(len(planned) - len(outputs)))
    if unplaced:
        print(unplaced_line(len(unplaced)))
    return 1 if bad else 0


def check_kind(values: flags.FlagValues, config: Config, files: list[pathlib.Path]) -> None:
    """Says it if the images look like pairs and are read as single ones, or the other way round.

    Raises:
      InputError: they look like pairs, and nothing says what they are.
    """
    from pipelines.storage.kind import guess_kind
    from tfpix2pix.run_dir import data_json

    max_pixels = values.max_pixels or config.max_pixels
    kind = guess_kind(files, data_json.load_aspects(pathlib.Path(values.run_dir)), config.axes, max_pixels)
    if kind == "pairs" and values.pairs is None:
        raise InputError(
            f"input={values.input} looks like side-by-side pairs; give --pairs to translate their source half, or "
            "--nopairs if they are single images"
        )
    if kind == "images" and values.pairs:
        terminal.print_warning(f"input={values.input} looks like single images, and --pairs takes half of each")


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory", required=True)
    flags.DEFINE_string("input", None, "an image, or a folder of images at any depth", required=True)
    flags.DEFINE_string("output", None, "folder for the results; made if it does not exist", required=True)
    flags.DEFINE_bool("pairs", None, "the input is side-by-side pairs: translate their source half")
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    define_size("image_size", (0, 0), "height x width that images are resized to; 0: training's")
    define_max_pixels(None)
    flags.DEFINE_integer("batch_size", 8, "images at a time", lower_bound=1)
    flags.DEFINE_enum("format", "auto", RESULT_FORMATS, "of the results; auto: PNG, or TIFF if PNG cannot hold them")
    flags.DEFINE_bool("overwrite", False, "make results again that exist")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
