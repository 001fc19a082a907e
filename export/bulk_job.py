"""A bulk translation from the input's folder to the list of failures; the workers' part is in bulk_block."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from export.bulk_block import UNFINISHED_FOLDER, Recipe, load_model, output_name, translate_block
from pipelines.sharding import blocks
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import summed
from pipelines.sharding.shard import remove_leftovers
from pipelines.storage.georeference import is_side_car
from pipelines.storage.manifest import is_sharded
from pipelines.storage.shards import open_files
from pipelines.system.disk import naming_full_disk, write_whole
from pipelines.system.paths import AnyPath, RemotePath, is_below, is_inside, make_folder, parse_path
from pipelines.system.terminal import InputError

# Below the output.
BLOCKS_FOLDER = ".blocks"
FAILED_FILE = "failed.jsonl"


@dataclasses.dataclass(frozen=True)
class Translated:
    """The counts and failures of a bulk translation.

    Attributes:
      images: how many were translated.
      failed: the reason for each image that could not be.
      kept: how many were left out, since they have a result.
      unplaced: of how many the place on a map was not carried over.
    """

    images: int
    failed: dict[str, str]
    kept: int
    unplaced: int


def translate_all(
    recipe: Recipe,
    source: str | pathlib.Path,
    output: str | pathlib.Path,
    run_blocks: Callable[[Callable[[Any], None], Sequence[Any]], None],
    *,
    block_size: int = 256,
    overwrite: bool = False,
) -> Translated:
    """Translates all images of a folder or of shards; does not repeat what an earlier call has done.

    Args:
      recipe: the model, and how it is used.
      source: a folder of images at any depth, or of shards; on a disk or in an object store.
      output: the folder for the results; made if it does not exist.
      run_blocks: calls the function for each block, here or on other machines.
      block_size: images that one worker does at a time, and loses if it dies.
      overwrite: whether results that exist are made again, such as those of another model. Shards of another model, or
        of other options, always are.

    Returns:
      What was done.

    Raises:
      InputError: there is no such model or folder, or results would overwrite each other or the input.
    """
    folder = parse_path(output)
    model = load_model(recipe.model)
    if recipe.options.fit == "tile":
        model.large_pictures(recipe.options, recipe.max_pixels)
    todo = plan(parse_path(source), folder, block_size, recipe.max_pixels)
    make_folder(folder / BLOCKS_FOLDER, "output")
    work = functools.partial(
        translate_block,
        recipe=recipe,
        output=str(folder),
        overwrite=overwrite,
        side_cars=not recipe.to_shards and any_side_car(parse_path(source)),
    )
    with naming_full_disk(pathlib.Path(str(folder)), "the results"):
        run_blocks(work, todo)
        return finish(folder, blocks.results_of(todo), recipe.to_shards)


def plan(source: AnyPath, output: AnyPath, block_size: int, max_pixels: int) -> list[Block]:
    """Cuts the input into blocks.

    Raises:
      InputError: there are no images, two would have the same result, a result would lie outside the output, or the
        output lies in the input.
    """
    if not source.is_dir():
        raise InputError(f"input={source} is not a folder; give a folder of images, or of shards")
    if not is_sharded(source) and is_inside(output, source):
        raise InputError(f"output={output} is the input's own folder or inside it; give another")
    files = open_files(source)
    names = files.names()
    inputs: dict[str, list[str]] = {}
    for i, name in enumerate(names):
        if not is_below(name):
            raise InputError(f"{name!r} in {source} cannot name a result below {output}; make the shards again")
        inputs.setdefault(output_name(name, files[i], max_pixels), []).append(name)
    double = {result: several for result, several in inputs.items() if len(several) > 1}
    if double:
        result, (first, second, *_) = next(iter(double.items()))
        raise InputError(
            f"{first} and {second} would both become {result}"
            + (f", and there are {len(double) - 1} more such cases" if len(double) > 1 else "")
            + "; rename one of them"
        )
    return blocks.cut_blocks(names, files, -(-len(names) // block_size), output / BLOCKS_FOLDER, output.name)


def any_side_car(source: AnyPath) -> bool:
    """Tells whether a folder has files that say where on a map others lie."""
    if is_sharded(source):
        return False
    return any(is_side_car(file) for file in (source.files() if isinstance(source, RemotePath) else source.rglob("*")))


def finish(output: AnyPath, found: list[dict], to_shards: bool) -> Translated:
    """Writes the list of failures and, of shards, the manifest; returns what translate_all returns."""
    failed = {name: reason for result in found for name, reason in result["skipped"].items()}
    lines = (json.dumps({"name": name, "reason": reason}, ensure_ascii=False) + "\n" for name, reason in failed.items())
    # Bytes of a name that are not UTF-8 become JSON's own escapes.
    write_whole(output / FAILED_FILE, "".join(lines).encode(errors="backslashreplace"))
    if to_shards:
        manifest = summed(found, "images")
        manifest.save(output)
        remove_leftovers(output, manifest)
    unfinished = str(output / BLOCKS_FOLDER / UNFINISHED_FOLDER)
    if tf.io.gfile.isdir(unfinished):
        tf.io.gfile.rmtree(unfinished)
    images, kept, unplaced = (sum(result.get(key, 0) for result in found) for key in ("translated", "kept", "unplaced"))
    return Translated(images, failed, kept, unplaced)
