"""Translates any number of images with an exported model, on one machine or, by Apache Beam, on many.

    python -m export.bulk --model=models/facades/1 --input=photos --output=translated
    python -m export.bulk --model=gs://m/1 --input=gs://in --output=gs://out --format=shards --runner=DataflowRunner

The input is a folder of images, or of shards, as `pipelines.prepare shard --kind=images` makes them. After a stop, the
same command resumes. Images that cannot be translated are listed in OUTPUT/failed.jsonl with the reason, all others are
translated, and the exit code is 1. A result that exists is left alone without --overwrite.
"""

import functools

from absl import flags

from pipelines.images.size import define_max_pixels
from pipelines.sharding import beam
from pipelines.system import terminal
from tfpix2pix.translation import options
from tfpix2pix.translation.options import SizeOptions


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.bulk_block import Recipe, load_model
    from export.bulk_job import FAILED_FILE, translate_all
    from export.serving.versions import find_version
    from pipelines.storage.input_output import kept_line, left_out_line
    from pipelines.storage.result_files import unplaced_line
    from pipelines.system.paths import parse_path

    terminal.no_arguments(argv)
    values = flags.FLAGS
    beam.import_beam()
    if line := left_out_line(parse_path(values.input)):
        print(terminal.one_line(line))
    # Chosen once: a newer version may appear while the workers begin.
    model = str(find_version(values.model)[0])
    which = load_model(model).description.get("checkpoint", "an earlier version's, which does not say its step")
    print(f"{model}: {which}", flush=True)
    sizes = SizeOptions(values.fit, "source", values.tile, values.overlap, values.memory_mib)
    done = translate_all(
        Recipe(model, values.batch_size, values.format == "shards", values.max_pixels, sizes),
        values.input,
        values.output,
        functools.partial(beam.run, runner=values.runner, options=values.beam, workers=values.workers),
        block_size=values.block,
        overwrite=values.overwrite,
    )
    print(f"{done.images} images in {values.output}")
    if done.kept:
        print(kept_line(done.kept))
    if done.unplaced:
        print(unplaced_line(done.unplaced))
    if done.failed:
        terminal.print_error(f"{len(done.failed)} images could not be translated; see {values.output}/{FAILED_FILE}")
    return 1 if done.failed else 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("model", None, "a SavedModel by export.saved_model, with or without its version", required=True)
    flags.DEFINE_string("input", None, "a folder of images at any depth, or of shards", required=True)
    flags.DEFINE_string("output", None, "folder for the results; made if it does not exist", required=True)
    flags.DEFINE_enum("format", "png", ("png", "shards"), "of the results: files, or TFRecord shards, one a block")
    flags.DEFINE_integer("batch_size", 8, "images in a request to the model", lower_bound=1)
    flags.DEFINE_integer("block", 256, "images that a worker does at a time, and loses if it dies", lower_bound=1)
    flags.DEFINE_enum(
        "fit",
        "auto",
        ("auto", "tile"),
        "how pictures meet the network: tile (at their own scale, tile by tile); auto: as the model was exported, and "
        "in tiles where memory is short or a TIFF has more than max_pixels",
    )
    options.define_tile_flags()
    define_max_pixels()
    flags.DEFINE_bool("overwrite", False, "make results again that exist")
    beam.define_flags()
    flags.adopt_module_key_flags(beam)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
