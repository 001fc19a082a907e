"""Joins two folders of images to one folder of side-by-side pairs."""

import concurrent.futures
import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from pipelines.datasets.open_place import open_place, paths_of
from pipelines.datasets.places import SPLIT_NAMES, Place
from pipelines.images import codecs
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import MAX_PIXELS
from pipelines.storage.validity import read_file
from pipelines.system.disk import whole_folder
from pipelines.system.terminal import InputError, progress_bar

Result = TypeVar("Result")

PNG_TYPES = (bool, np.uint8, np.uint16)


def combine(
    a: pathlib.Path,
    b: pathlib.Path,
    output: pathlib.Path,
    val_every: int,
    max_pixels: int = MAX_PIXELS,
    match: str = "",
) -> dict[str, int]:
    """Puts each image of A to the left of its partner in B, and saves both as one lossless PNG.

    Compares names below the folders, without suffix: `A/train/1.jpg` goes with `B/train/1.png`. Splits folders without
    train/, val/ or test/: every `val_every`-th pair, from the last name backwards, goes to val/, the others to train/.

    Args:
      a: folder of the left images.
      b: folder of the right images.
      output: the folder to make, whole or not at all.
      val_every: at least 2.
      max_pixels: the largest size of one image.
      match: how the names differ, as match_files has it.

    Returns:
      The number of pairs in each split.

    Raises:
      InputError: output exists; a file has no partner, is bad, or has another size than its partner; some pairs lie
        beside the splits.
    """
    if output.exists():
        raise InputError(f"output={output} exists already; give another folder, or remove it")
    files = open_place(Place(a, b), match)
    for file, reason in files.skipped.items():
        raise InputError(f"{len(files.skipped)} images have no partner; the first is {file}: {reason}")
    pairs = {pathlib.PurePosixPath(name): pair for name, pair in zip(files.names(), files, strict=True)}
    targets = _targets(list(pairs), val_every)

    def write(folder: pathlib.Path, name: pathlib.PurePosixPath) -> None:
        target = folder / targets[name].with_name(f"{name.name}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        left, right = map(pathlib.Path, paths_of(pairs[name]))
        target.write_bytes(side_by_side(left, right, max_pixels))

    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(output) as temporary, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(progress_bar(pool.map(functools.partial(write, temporary), pairs), "combining", len(pairs)))
    splits = [target.parts[0] for target in targets.values()]
    return {split: splits.count(split) for split in sorted(set(splits))}


def _targets(names: Sequence[pathlib.PurePosixPath], val_every: int) -> dict[pathlib.PurePosixPath, pathlib.Path]:
    """Returns for each pair its path below the output, which begins with its split."""
    splits = {name: SPLIT_NAMES.get(name.parts[0].casefold()) if len(name.parts) > 1 else None for name in names}
    if not any(splits.values()):
        backwards = enumerate(reversed(names))
        return {name: pathlib.Path("val" if i % val_every == 0 else "train") / name for i, name in backwards}
    targets = {}
    for name, split in splits.items():
        if split is None:
            raise InputError(f"{name} lies beside the splits, so it belongs to none; move it, or the splits, elsewhere")
        targets[name] = pathlib.Path(split, *name.parts[1:])
    if len({*targets.values()}) < len(targets):
        raise InputError("two splits have folders of different names, such as val/ and valid/; rename one of them")
    return targets


def side_by_side(left: pathlib.Path, right: pathlib.Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """Joins two images, upright and in sRGB, to a PNG: 16 bits a channel if either has 16, alpha if either has alpha.

    Args:
      left: an image file.
      right: another image file, of the same size.
      max_pixels: the largest size of one image.

    Raises:
      InputError: an image is bad, the sizes differ, or a PNG cannot hold it, such as floats and many channels.
    """

    def read(decode: Callable[[bytes], Result]) -> list[Result]:
        found = []
        for file in (left, right):
            try:
                found.append(read_file(file, decode, max_pixels))
            except BadImageError as error:
                raise InputError(f"{file}: {error.reason}") from None
        return found

    headers = read(codecs.probe)
    for file, found in zip((left, right), headers, strict=True):
        if found.dtype not in PNG_TYPES or found.channels - found.has_alpha not in (1, 3):
            raise InputError(
                f"{file} has {found.channels} channels of {found.dtype}, which no PNG holds; train on the folders as "
                "they are, by --data_a and --data_b"
            )
    form = ImageFormat(4 if any(found.has_alpha for found in headers) else 3, max_pixels=max_pixels)
    pair = read(lambda contents: form.read(tf.constant(contents)))
    sizes = ["x".join(map(str, image.shape[:2])) for image in pair]
    if sizes[0] != sizes[1]:
        raise InputError(f"{left} has {sizes[0]} pixels and {right} has {sizes[1]}; the two halves must have one size")
    dtype = tf.uint16 if any(found.dtype == np.uint16 for found in headers) else tf.uint8
    return tf.io.encode_png(tf.cast(tf.round(tf.concat(pair, axis=1) * float(dtype.max)), dtype)).numpy()
