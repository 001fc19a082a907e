"""Translates images with a trained generator; each result is saved under its source's own name.

    python -m tfpix2pix.translate --run_dir=runs/facades --input=labels/ --output=translated
    python -m tfpix2pix.translate --run_dir=runs/facades --input=data/facades/val --pairs --output=translated

Size, direction and channels are read from the run directory. A file that cannot be read is named, the others are
translated all the same, and the exit code is 1.
"""

import concurrent.futures
import dataclasses
import os
import pathlib

import keras
import tensorflow as tf
from absl import flags

from pipelines.images import transforms
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import define_max_pixels, define_size
from pipelines.storage.input_output import make_folders, plan_outputs
from pipelines.storage.validity import read_file
from pipelines.system import terminal
from pipelines.system.disk import naming_full_disk
from pipelines.system.terminal import InputError, progress_bar
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.trained_generator import load_generator


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    output = pathlib.Path(values.output)
    outputs = plan_outputs(pathlib.Path(values.input), output, f".{values.format}")
    channels = config_json.load(pathlib.Path(values.run_dir)).target_channels
    if values.format == "jpg" and channels in (2, 4):
        raise InputError(f"format=jpg has no alpha, and this generator gives {channels} channels; use --format=png")
    size = None if 0 in values.image_size else values.image_size
    generator, config, step = load_generator(
        pathlib.Path(values.run_dir), values.checkpoint, size, values.norm_statistics, values.dropout_at_inference
    )
    make_folders(output, outputs.values())
    print(f"{len(outputs)} images by {values.run_dir}, step {step}", flush=True)
    keras.utils.set_random_seed(config.seed)
    config = dataclasses.replace(config, max_pixels=values.max_pixels or config.max_pixels)
    with naming_full_disk(output, "the results"):
        bad = translate(generator, config.pair_format(size), outputs, values.pairs, values.batch_size)
    for file, reason in bad.items():
        terminal.print_error(f"{file}: {reason}; it was left out")
    print(f"{len(outputs) - len(bad)} images in {output}")
    return 1 if bad else 0


def translate(
    generator: keras.Model,
    form: PairFormat,
    outputs: dict[pathlib.Path, pathlib.Path],
    pairs: bool,
    batch_size: int,
) -> dict[pathlib.Path, str]:
    """Translates files batch by batch, reading one batch while the one before is translated.

    Args:
      generator: of form's size and channels.
      form: how a file is read.
      outputs: source file to result file.
      pairs: whether the files are side-by-side pairs, of which the source half is translated.
      batch_size: images at a time.

    Returns:
      The files that could not be read, with the reason.
    """
    run = tf.function(lambda sources: generator(sources, training=False), reduce_retracing=True)
    bad = {}

    def source_of(file: pathlib.Path) -> tf.Tensor | None:
        try:
            source = read_file(file, lambda contents: form.read_source(contents, pairs), form.max_pixels)
        except BadImageError as error:
            bad[file] = error.reason
            return None
        return transforms.normalize(source)

    def write(file: pathlib.Path, image: tf.Tensor) -> None:
        outputs[file].write_bytes(transforms.encode(image, outputs[file].suffix).numpy())

    files = list(outputs)
    chunks = [files[i : i + batch_size] for i in range(0, len(files), batch_size)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = [pool.submit(source_of, file) for file in chunks[0]]
        progress = progress_bar(chunks, "translating", len(chunks))
        for chunk, following in zip(progress, [*chunks[1:], []], strict=True):
            sources = {file: future.result() for file, future in zip(chunk, ahead, strict=True)}
            ahead = [pool.submit(source_of, file) for file in following]
            sources = {file: source for file, source in sources.items() if source is not None}
            if sources:
                list(pool.map(write, sources, run(tf.stack(list(sources.values())))))
    return bad


def define_flags() -> None:
    """The options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory", required=True)
    flags.DEFINE_string("input", None, "an image, or a folder of images at any depth", required=True)
    flags.DEFINE_string("output", None, "folder for the results; made if it is not there", required=True)
    flags.DEFINE_bool("pairs", False, "the input is side-by-side pairs; translate their source half")
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    define_size("image_size", (0, 0), "height x width that images are resized to; 0: training's")
    define_max_pixels(None)
    flags.DEFINE_integer("batch_size", 8, "images at a time", lower_bound=1)
    flags.DEFINE_enum("format", "png", ("png", "jpg"), "of the results")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
