"""From files to shards: every image is looked at once, and what is wrong with one is said then."""

import dataclasses
import functools
import re

import numpy as np
import tensorflow as tf

from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS
from pipelines.sharding import beam, blocks
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import Inventory, summed
from pipelines.storage import records
from pipelines.storage.image_files import list_files
from pipelines.storage.manifest import Manifest, is_sharded
from pipelines.storage.sample import spread
from pipelines.storage.shards import Shards
from pipelines.storage.validity import check_image, check_pair, read_files
from pipelines.system.paths import AnyPath, file_size, make_folder, parse_path
from pipelines.system.terminal import InputError

# A shard's size unless another count is asked for: large enough for an object store, read again in seconds.
SHARD_BYTES = 200 * 2**20
# Files whose sizes are looked at to guess that of all.
SAMPLED = 1000


def shard(
    folder: AnyPath,
    output: AnyPath,
    title: str,
    kind: str,
    bad_images: str,
    count: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> Manifest:
    """Makes a folder of files into a folder of shards, whose records are in the order of the files' names.

    The same files give the same shards to the last bit, whoever does it. Where it was stopped it goes on, and where it
    was done already nothing happens.

    Args:
      folder: of images, at any depth.
      output: of the shards; the manifest comes last.
      title: that the shards' names begin with.
      kind: one of manifest.KINDS.
      bad_images: `fail`, with all of them named, or `skip` them.
      count: of shards, at most one an image; 0 for one in about SHARD_BYTES.
      max_pixels: an image of more is a bad one.

    Raises:
      InputError: no images, bad ones with `fail`, or an output that has other shards or cannot be written.
    """
    beam.import_beam()
    files = list_files(folder)
    count = min(count or shard_count(files), len(files))
    names = [file.relative_to(folder).as_posix() for file in files]
    if is_sharded(output):
        made = Shards(output)
        if not is_of(made, names, files, kind, count) or (made.manifest.skipped and bad_images == "fail"):
            raise InputError(f"output={output} has other shards already; give another folder, or remove it")
        return made.manifest
    make_folder(output, "output")
    todo = blocks.cut(names, files, count, output, title)
    beam.run(functools.partial(shard_block, kind=kind, max_pixels=max_pixels), todo)
    found = blocks.results(todo)
    manifest = summed(found, kind)
    if manifest.skipped and (bad_images == "fail" or not manifest.records):
        for block, result in zip(todo, found, strict=True):
            if result["skipped"]:
                # Looked at again the next time, also if a file is mended without a change of its size.
                tf.io.gfile.remove(str(block.result_path))
        lines = "".join(f"\n  {folder / name}: {reason}" for name, reason in manifest.skipped.items())
        raise InputError(
            f"{len(manifest.skipped)} of {len(files)} files in {folder} are no {kind}; mend or remove them, or give "
            f"--bad_images=skip if others are good:{lines}"
        )
    manifest.save(output)
    clean(output, manifest)
    return manifest


def shard_count(files: list[AnyPath]) -> int:
    """How many shards make about SHARD_BYTES each."""
    mean = np.mean([file_size(files[place]) for place in spread(len(files), SAMPLED)])
    return max(1, min(len(files), round(mean * len(files) / SHARD_BYTES)))


def is_of(made: Shards, names: list[str], files: list[AnyPath], kind: str, count: int) -> bool:
    """Whether shards were made of these files, by their number, and by the names and sizes of SAMPLED of them."""
    good = [i for i, name in enumerate(names) if name not in made.manifest.skipped]
    if (made.manifest.kind, len(made.manifest.shards), len(made)) != (kind, count, len(good)):
        return False
    for row in spread(len(good), SAMPLED):
        name, contents = made[row].read()
        if name != names[good[row]] or len(contents) != file_size(files[good[row]]):
            return False
    return True


def shard_block(block: Block, kind: str, max_pixels: int) -> None:
    """Writes one shard and what is known of it, unless that was done before."""
    block.once(f"{kind} {max_pixels}", lambda: write_block(block, kind, max_pixels))


def write_block(block: Block, kind: str, max_pixels: int) -> dict:
    """Writes a shard, and returns its part of the manifest."""
    skipped, inventory = {}, Inventory()
    names, files = zip(*block.images, strict=True)
    check = functools.partial(check_pair if kind == "pairs" else check_image, max_pixels=max_pixels)

    def good():
        for name, contents in zip(names, read_files(files, check, max_pixels), strict=True):
            if isinstance(contents, BadImageError):
                skipped[name] = contents.reason
                continue
            inventory.add(contents)
            yield name, contents

    written = records.write_shard(parse_path(block.output) / f"{block.stem}{records.SHARD_SUFFIX}", good())
    return {"shard": dataclasses.asdict(written), "skipped": skipped, **inventory.to_dict()}


def clean(output: AnyPath, manifest: Manifest) -> None:
    """Removes what stopped runs and the blocks' results left beside the shards."""
    kept = {name for each in manifest.shards for name in (each.name, each.name + records.INDEX_SUFFIX)}
    ours = re.compile(r"\.?.+-\d{5}-of-\d{5}\.(json|tfrecord)\b.*")
    for path in list(output.iterdir()):
        if path.name not in kept and ours.fullmatch(path.name):
            tf.io.gfile.remove(str(path))
