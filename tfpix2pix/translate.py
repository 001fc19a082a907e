"""Translates images with a trained generator; each result is saved under its source's own name.

    python -m tfpix2pix.translate --run_dir=runs/facades --input=labels/ --output=translated
    python -m tfpix2pix.translate --run_dir=runs/facades --input=data/facades/val --pairs --output=translated

A result has the size of its source; that of a stack of slices is a stack. Scale, direction, channels and the numbers of
results are read from the run directory. A file that cannot be read is named and left out, all others are translated,
and the exit code is 1. A result that exists is left alone without --overwrite.
"""

import dataclasses
import functools
import pathlib

from absl import flags

from pipelines.images.choices import RESULT_FORMATS
from pipelines.images.size import define_max_pixels, define_size
from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.translation import options


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.images import result_format
    from pipelines.stacks.canvas import suffix_of_stack
    from pipelines.stacks.stack import Stack
    from pipelines.storage.input_output import kept_line, left_out_line, make_folders, missing, plan_outputs
    from pipelines.storage.result_files import suffix_of_result, unplaced_line
    from pipelines.storage.video import is_video
    from tfpix2pix.run import load_run
    from tfpix2pix.run_dir import config_json
    from tfpix2pix.run_dir.shared import find_run
    from tfpix2pix.translation.source_numbers import too_dark
    from tfpix2pix.translation.stack_results import kind_of

    terminal.no_arguments(argv)
    values = flags.FLAGS
    check_uncertainty(values)
    options.SizeOptions(**options.from_flags(values))
    output = pathlib.Path(values.output)
    if is_video(pathlib.Path(values.input)):
        return translate_video(values, output)
    if line := left_out_line(pathlib.Path(values.input), with_zarr=True):
        print(terminal.one_line(line))
    run_dir = find_run(values.run_dir)
    config = config_json.load(run_dir)
    axes = config.axes if values.axes is None else values.axes
    config = dataclasses.replace(config, max_pixels=values.max_pixels or config.max_pixels, axes=axes)
    form = result_format.choose(values.format, config.image_format("target"), config.result_type)
    of_picture = functools.partial(
        suffix_of_result, asked=values.format, form=form, source_form=config.image_format("source")
    )
    stacks: set[pathlib.Path] = set()

    def suffix(file: pathlib.Path) -> str:
        if kind_of(file, config.stack_form("source")) is Stack:
            stacks.add(file)
            return suffix_of_stack(file, values.format, form)
        return of_picture(file)

    planned = plan_outputs(pathlib.Path(values.input), output, suffix, with_zarr=True)
    if pictures := [file for file in planned if file not in stacks]:
        check_kind(values, run_dir, config, pictures)
    if words := too_dark(list(planned), config):
        terminal.print_warning(words)
    run = load_run(
        run_dir,
        values.checkpoint,
        norm_statistics=values.norm_statistics,
        # --samples=1 asks for no masks.
        dropout_at_inference=values.dropout_at_inference or (values.uncertainty and values.samples != 1),
        image_size=None if 0 in values.image_size else values.image_size,
        axes=axes,
    )
    uncertainty = run.uncertainty(values.samples, values.tta) if values.uncertainty else None
    if uncertainty:
        uncertainty.check_names(planned.values())
    outputs = missing(planned, values.overwrite, uncertainty.file_beside if uncertainty else None)
    make_folders(output, outputs.values())
    print(f"{len(outputs)} images by {values.run_dir}, {run.which_step}; {run.fit_choice(values.fit)}", flush=True)
    if uncertainty:
        print(f"uncertainty over {uncertainty}: *_{uncertainty.name}.tif, and *_{uncertainty.name}.png to look at")
    bad, unplaced = run.translate_files(
        outputs,
        pairs=bool(values.pairs),
        batch_size=values.batch_size,
        max_pixels=values.max_pixels,
        uncertainty=uncertainty,
        **options.from_flags(values),
    )
    for file, reason in bad.items():
        terminal.print_error(f"{file}: {reason}; it was left out")
    print(f"{len(outputs) - len(bad)} images in {output}")
    if len(outputs) < len(planned):
        print(kept_line(len(planned) - len(outputs)))
    if unplaced:
        print(unplaced_line(len(unplaced)))
    return 1 if bad else 0


def translate_video(values: flags.FlagValues, output: pathlib.Path) -> int:
    """Translates a video; returns the exit code."""
    from pipelines.storage.input_output import kept_line, make_folders
    from tfpix2pix.run import load_run

    source = pathlib.Path(values.input)
    path = output / f"{source.stem}.mp4"
    for option in ("uncertainty", "samples", "tta", "axes"):
        if values[option].value:
            raise InputError(
                f"{option}={values[option].value} is for images, and input={source} is a video; leave it out"
            )
    if values.format != "auto":
        raise InputError(f"format={values.format} is for images, and videos become MP4 files; leave it out")
    if not source.is_file():
        raise InputError(f"input={source} is no file; give a video, an image or a folder of images")
    if path.resolve() == source.resolve():
        raise InputError(f"output={output} is the folder of {source}, which would be overwritten; give another")
    if path.exists() and not values.overwrite:
        print(kept_line(1))
        return 0
    statistics = values.norm_statistics or "moving"
    run = load_run(
        values.run_dir,
        values.checkpoint,
        norm_statistics=statistics,
        dropout_at_inference=values.dropout_at_inference,
        image_size=None if 0 in values.image_size else values.image_size,
    )
    make_folders(output, [path])
    why = "as asked" if values.norm_statistics else "since results by their own statistics flicker"
    print(f"{source} by {values.run_dir}, {run.which_step}; {run.fit_choice(values.fit)}")
    by = f"norm_statistics={statistics}, {why}; " if run.config.norm == "batch" else ""
    print(f"{by}sound is left out", flush=True)
    count = run.translate_video(
        source,
        path,
        pairs=bool(values.pairs),
        batch_size=values.batch_size,
        max_pixels=values.max_pixels,
        **options.from_flags(values),
    )
    print(f"{count} frames in {path}")
    return 0


def check_uncertainty(values: flags.FlagValues) -> None:
    """Raises InputError if options of uncertainty are given without it."""
    for option in ("samples", "tta"):
        if values[option].value and not values.uncertainty:
            raise InputError(f"{option}={values[option].value} needs uncertainty; give --uncertainty as well")


def check_kind(values: flags.FlagValues, run_dir: pathlib.Path, config: Config, files: list[pathlib.Path]) -> None:
    """Says it if the images look like pairs and are read as single ones, or the other way round.

    Raises:
      InputError: they look like pairs, and nothing says what they are.
    """
    from pipelines.storage.kind import guess_kind
    from tfpix2pix.run_dir import data_json

    kind = guess_kind(files, data_json.load_aspects(run_dir), config.picture_axes, config.max_pixels)
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
    flags.DEFINE_string("input", None, "an image or a stack, a folder of them at any depth, or a video", required=True)
    flags.DEFINE_string("output", None, "folder for the results; made if it does not exist", required=True)
    flags.DEFINE_bool("pairs", None, "the input is side-by-side pairs: translate their source half")
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    flags.DEFINE_bool("uncertainty", False, "give the mean of several passes, and beside it how much they differ")
    flags.DEFINE_integer("samples", None, "dropout masks for --uncertainty; default: 8 if the run has dropout", 1)
    flags.DEFINE_bool("tta", False, "for --uncertainty, also mirror and turn each image as training did")
    options.define_flags()
    flags.adopt_module_key_flags(options)
    define_size("image_size", (0, 0), "height x width that pictures are resized to, for --fit=resize; 0: training's")
    define_max_pixels(None)
    flags.DEFINE_string(
        "axes",
        None,
        "axes of TIFF and NPY arrays if they do not say, such as CYX, or ZYX; default: as in the run's config",
    )
    flags.DEFINE_integer(
        "batch_size",
        1,
        "images at a time; more is faster on a GPU, but may round a value otherwise",
        lower_bound=1,
    )
    flags.DEFINE_enum(
        "format",
        "auto",
        RESULT_FORMATS,
        "of the results; auto: PNG, or TIFF if PNG cannot hold them or sources are huge",
    )
    flags.DEFINE_bool("overwrite", False, "make results again that exist")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
