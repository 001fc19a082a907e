"""Packs image files into shards; reads every image once, and names the bad ones."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.codecs import check_axes
from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS, format_size
from pipelines.sharding import beam, blocks
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import Inventory, summed
from pipelines.sharding.resizing import Resizing
from pipelines.storage import records
from pipelines.storage.file_set import FileSet
from pipelines.storage.image_set import ImageSet
from pipelines.storage.manifest import SHARD_SUFFIX, Manifest, is_sharded
from pipelines.storage.sample import spread_indices
from pipelines.storage.shards import Shards, open_files
from pipelines.storage.validity import check_image, check_pair, length_of, read_files
from pipelines.system.leftovers import UNFINISHED
from pipelines.system.paths import AnyPath, make_folder, parse_path
from pipelines.system.terminal import InputError, check_value

# The size of a shard unless the user gives a number of shards: large for an object store, and read again in seconds.
SHARD_BYTES = 200 * 2**20
# Files whose sizes stand for those of all.
SAMPLED_FILES = 1000


def make_shards(
    images: AnyPath | ImageSet,
    output: AnyPath,
    title: str,
    kind: str,
    bad_images: str,
    count: int = 0,
    max_pixels: int = MAX_PIXELS,
    *,
    axes: str = "",
    runner: str = "DirectRunner",
    beam_options: Sequence[str] = (),
    workers: int = 1,
    resizing: Resizing | None = None,
) -> Manifest:
    """Packs files into a folder of shards, whose records are in the order of the files' names.

    The same files give the same shards to the last bit, whatever the runner. A stopped run resumes; if the shards
    exist, nothing happens.

    Args:
      images: the files, or their folder, at any depth; a pair of two files becomes one record.
      output: of the shards; the manifest is written last.
      title: begins the shards' names.
      kind: one of manifest.KINDS.
      bad_images: `fail` names all bad files in an error, `skip` leaves them out.
      count: number of shards, at most one per image; 0 for one per SHARD_BYTES, about.
      max_pixels: an image with more pixels is bad.
      axes: of TIFF and NPY arrays that do not say.
      runner: as beam.run.
      beam_options: as beam.run.
      workers: as beam.run.
      resizing: how pairs are resized; None keeps the files' own bytes.

    Raises:
      InputError: there are no images, or with `fail` bad ones or files without a partner; the images are shards
        themselves, or pairs where single ones are asked for; the output has other shards, or cannot be written.
    """
    check_value("bad_images", bad_images, choices=("fail", "skip"))
    check_axes(axes)
    beam.import_beam()
    if resizing and kind != "pairs":
        raise InputError(f"load_size={format_size(resizing.size)} resizes pairs, and kind={kind}; leave one out")
    files = images if isinstance(images, ImageSet) else open_files(images)
    if not isinstance(files, FileSet):
        raise InputError(f"{files} has shards instead of image files; give the folder from which they were made")
    if files.kind not in (None, kind):
        raise InputError(f"{files} holds {files.kind}, and kind={kind}; give the folder of one side")
    if files.skipped and bad_images == "fail":
        lines = "".join(f"\n  {file}: {reason}" for file, reason in files.skipped.items())
        raise InputError(
            f"{len(files.skipped)} files in {files} have no partner; repair or remove them, or give --bad_images=skip:"
            f"{lines}"
        )
    names = files.names()
    count = min(count or shard_count(files, resizing), len(files))
    if is_sharded(output):
        made = Shards(output)
        is_same = are_made_of(made, names, files, kind, count, resizing)
        if not is_same or (made.manifest.skipped and bad_images == "fail"):
            raise InputError(f"output={output} has other shards already; give another folder, or remove it")
        return made.manifest
    make_folder(output, "output")
    todo = blocks.cut_blocks(names, files, count, output, title)
    work = functools.partial(shard_block, kind=kind, max_pixels=max_pixels, axes=axes, resizing=resizing)
    beam.run(work, todo, runner=runner, options=beam_options, workers=workers)
    found = blocks.results_of(todo)
    manifest = summed(found, kind, files.skipped)
    if resizing:
        manifest = dataclasses.replace(manifest, load_size=resizing.size, resize_methods=resizing.methods)
    bad = {name: reason for result in found for name, reason in result["skipped"].items()}
    if bad and (bad_images == "fail" or not manifest.records):
        for block, result in zip(todo, found, strict=True):
            if result["skipped"]:
                # The next run reads these images again, even if they are repaired without a change of their sizes.
                tf.io.gfile.remove(str(block.result_path))
        lines = "".join(f"\n  {files.folder / name}: {reason}" for name, reason in bad.items())
        raise InputError(
            f"{len(bad)} of {len(files)} files in {files} are not {kind}; repair or remove them, or give "
            f"--bad_images=skip if others are good:{lines}"
        )
    manifest.save(output)
    remove_leftovers(output, manifest)
    return manifest


def shard_count(files: ImageSet, resizing: Resizing | None = None) -> int:
    """Returns how many shards have about SHARD_BYTES each."""
    sampled = () if resizing else spread_indices(len(files), SAMPLED_FILES)
    mean = resizing.pair_bytes if resizing else float(np.mean([length_of(files[index]) for index in sampled]))
    return max(1, min(len(files), round(mean * len(files) / SHARD_BYTES)))


def are_made_of(
    made: Shards, names: Sequence[str], files: ImageSet, kind: str, count: int, resizing: Resizing | None = None
) -> bool:
    """Tells whether shards were made of these files, by their number, and by names and sizes of SAMPLED_FILES.

    Resized pairs have other sizes than their files, so their names alone count.
    """
    if made.load_size != (resizing and resizing.size):
        return False
    if resizing and tuple(made.manifest.resize_methods or ()) != resizing.methods:
        return False
    good = [i for i, name in enumerate(names) if name not in made.manifest.skipped]
    if (made.manifest.kind, len(made.manifest.shards), len(made)) != (kind, count, len(good)):
        return False
    for row in spread_indices(len(good), SAMPLED_FILES):
        name, contents = made[row].read()
        if name != names[good[row]] or (not resizing and len(contents) != length_of(files[good[row]])):
            return False
    return True


def shard_block(block: Block, kind: str, max_pixels: int, axes: str = "", resizing: Resizing | None = None) -> None:
    """Writes one shard and its part of the manifest, unless both exist."""
    recipe = " ".join(filter(None, (kind, str(max_pixels), axes, str(resizing or ""))))
    block.once(recipe, lambda: write_block(block, kind, max_pixels, axes, resizing))


def write_block(block: Block, kind: str, max_pixels: int, axes: str, resizing: Resizing | None = None) -> dict:
    """Writes a shard, and returns its part of the manifest."""
    skipped: dict[str, str] = {}
    inventory = Inventory(axes)
    names, files = zip(*block.images, strict=True)
    check = functools.partial(check_pair if kind == "pairs" else check_image, max_pixels=max_pixels, axes=axes)

    def packed(contents: bytes) -> bytes:
        contents = check(contents)
        return resizing.apply(contents, max_pixels) if resizing else contents

    def good() -> Iterator[tuple[str, bytes]]:
        for name, contents in zip(names, read_files(files, packed, max_pixels), strict=True):
            if isinstance(contents, BadImageError):
                skipped[name] = contents.reason
                continue
            inventory.add(contents)
            yield name, contents

    written = records.write_shard(parse_path(block.output) / f"{block.stem}{SHARD_SUFFIX}", good())
    return {"shard": dataclasses.asdict(written), "skipped": skipped, **inventory.to_dict()}


def remove_leftovers(output: AnyPath, manifest: Manifest) -> None:
    """Removes the blocks' results, and what stopped runs left beside the shards."""
    kept = {name for each in manifest.shards for name in (each.name, each.name + records.INDEX_SUFFIX)}
    ours = re.compile(r".+-\d{5}-of-\d{5}\.(json|tfrecord)\b.*")
    for path in list(output.iterdir()):
        if path.name not in kept and (ours.fullmatch(path.name) or path.name.endswith(UNFINISHED)):
            tf.io.gfile.remove(str(path))
