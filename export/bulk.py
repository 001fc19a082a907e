"""Translates any number of images with an exported model, on one machine or, by Apache Beam, on many.

    python -m export.bulk --model=models/facades/1 --input=photos --output=translated
    python -m export.bulk --model=gs://m/1 --input=gs://in --output=gs://out --format=shards --runner=DataflowRunner

The input is a folder of images, or of shards, as `pipelines.prepare shard --kind=images` makes them. Where it was
stopped or killed, the same command goes on. Images that cannot be translated are listed in OUTPUT/failed.jsonl with the
reason, all others are translated, and the exit code is 1.
"""

import functools
import json
import pathlib

import tensorflow as tf
from absl import flags

from export.bulk_block import load_model, model_fingerprint, output_name, translate_block
from pipelines.images.size import define_max_pixels
from pipelines.sharding import beam, blocks
from pipelines.sharding.inventory import summed
from pipelines.sharding.shard import clean
from pipelines.storage.manifest import is_sharded
from pipelines.storage.shards import open_files
from pipelines.system import terminal
from pipelines.system.disk import naming_full_disk
from pipelines.system.paths import AnyPath, is_below, make_folder, parse_path, put
from pipelines.system.terminal import InputError

# Below the output: what is done, and what is not whole yet.
BLOCKS_FOLDER = ".blocks"
FAILED_FILE = "failed.jsonl"


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    options = flags.FLAGS
    beam.import_beam()
    source, output = parse_path(options.input), parse_path(options.output)
    load_model(options.model)
    todo = plan(source, output, options.block)
    make_folder(output / BLOCKS_FOLDER, "output")
    work = functools.partial(
        translate_block,
        model=options.model,
        fingerprint=model_fingerprint(options.model),
        output=options.output,
        batch_size=options.batch_size,
        to_shards=options.format == "shards",
        max_pixels=options.max_pixels,
    )
    with naming_full_disk(pathlib.Path(options.output), "the results"):
        beam.run(work, todo)
        return finish(output, blocks.results(todo), options.format)


def plan(source: AnyPath, output: AnyPath, block_size: int) -> list[blocks.Block]:
    """The input in blocks.

    Raises:
      InputError: no images, two that would have one result, or one outside the output, or an output that lies in the
        input.
    """
    if not source.is_dir():
        raise InputError(f"input={source} is no folder; give a folder of images, or of shards")
    if not is_sharded(source) and f"{output}/".startswith(f"{source}/"):
        raise InputError(f"output={output} is the input's own folder or inside it; give another")
    files = open_files(source)
    names, inputs = files.names(), {}
    for name in names:
        if not is_below(name):
            raise InputError(f"{name!r} in {source} is no name of a result below {output}; make the shards again")
        inputs.setdefault(output_name(name), []).append(name)
    double = {result: several for result, several in inputs.items() if len(several) > 1}
    if double:
        result, (first, second, *_) = next(iter(double.items()))
        raise InputError(
            f"{first} and {second} would both become {result}"
            + (f", and there are {len(double) - 1} more such cases" if len(double) > 1 else "")
            + "; rename one of them"
        )
    return blocks.cut(names, files, -(-len(names) // block_size), output / BLOCKS_FOLDER, output.name)


def finish(output: AnyPath, found: list[dict], kind: str) -> int:
    """Writes the dead-letter list and, of shards, the manifest; returns the exit code."""
    failed = {name: reason for result in found for name, reason in result["skipped"].items()}
    lines = (json.dumps({"name": name, "reason": reason}, ensure_ascii=False) + "\n" for name, reason in failed.items())
    # What is no UTF-8 in a name becomes JSON's own escape.
    put(output / FAILED_FILE, "".join(lines).encode(errors="backslashreplace"))
    if kind == "shards":
        manifest = summed(found, "images")
        manifest.save(output)
        clean(output, manifest)
    if tf.io.gfile.isdir(str(output / BLOCKS_FOLDER / "unfinished")):
        tf.io.gfile.rmtree(str(output / BLOCKS_FOLDER / "unfinished"))
    print(f"{sum(result['translated'] for result in found)} images in {output}")
    if failed:
        terminal.print_error(f"{len(failed)} images could not be translated; see {output / FAILED_FILE}")
    return 1 if failed else 0


def define_flags() -> None:
    """The options of the command."""
    flags.DEFINE_string("model", None, "a SavedModel by export.saved_model, with its version", required=True)
    flags.DEFINE_string("input", None, "a folder of images at any depth, or of shards", required=True)
    flags.DEFINE_string("output", None, "folder for the results; made if it is not there", required=True)
    flags.DEFINE_enum("format", "png", ("png", "shards"), "of the results: files, or TFRecord shards, one a block")
    flags.DEFINE_integer("batch_size", 8, "images at a time", lower_bound=1)
    flags.DEFINE_integer("block", 256, "images that a worker does in one go: what is lost when it dies", lower_bound=1)
    define_max_pixels()
    beam.define_flags()
    flags.adopt_module_key_flags(beam)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
