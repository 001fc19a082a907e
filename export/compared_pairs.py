"""Finds the pictures that an export is compared on: kept in the run directory, of a data set, or of a folder."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images import fit, transforms
from pipelines.images.header import BadImageError
from pipelines.images.size import Size, format_size
from pipelines.images.whole_source import read_whole_source
from pipelines.pairs import open_pairs
from pipelines.storage.input_output import list_inputs
from pipelines.storage.kind import guess_kind, warn_of_single_images
from pipelines.storage.sample import spread_indices
from pipelines.storage.validity import read_file
from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError, print_warning
from tfpix2pix.config import Config
from tfpix2pix.run_dir import data_json, kept_pairs

# (source, target), each `(H, W, C)` float32 in [-1, 1]. The source's sides are multiples of config.multiple; a
# target that is smaller belongs to the middle. A single source has no target.
ComparedPair = tuple[np.ndarray, np.ndarray | None]


def find_pairs(
    run_dir: pathlib.Path,
    config: Config,
    limit: int,
    *,
    data: str = "",
    sources: str = "",
    resized: Size | None = None,
    cropped: Size | None = None,
) -> tuple[list[ComparedPair], str]:
    """Reads pictures at the scale of training: of `data`, of `sources`, or kept in the run, or of the run's own data.

    Args:
      run_dir: of the run.
      config: of the run.
      limit: how many at most, at even distances.
      data: a data set, whose val/ is read.
      sources: a picture or a folder of them, which have no targets.
      resized: (height, width) that pictures are brought to instead.
      cropped: (height, width) that is taken from the middle; of a smaller picture it is reflected up to.

    Returns:
      The pairs, and in words where they are from and how large they are.

    Raises:
      InputError: data and sources are both given, or there is nothing that can be read.
    """
    if data and sources:
        raise InputError(f"data={data} and sources={sources} exclude each other; leave out one")
    found: list[ComparedPair] = []
    if sources:
        found += _read_sources(run_dir, config, sources, limit)
        origin = f"{len(found)} pictures of {sources}, which have no targets"
    elif not data and (kept := kept_pairs.load(run_dir, config, limit)):
        found += kept
        origin = f"{len(found)} validation pairs kept in {run_dir}"
    else:
        found += _read_data(run_dir, config, data, limit)
        origin = f"{len(found)} validation pairs of {data or config.data_words}"
    step = config.multiple
    scale = "at the scale of training"
    if resized:
        scale = "resized as image_size says"
        found = [_of_both(pair, lambda side, image: _resized(config, side, image, resized)) for pair in found]
    elif cropped:
        scale = "the middle at the scale of training"
        found = [_of_both(pair, lambda _, image: brought_to(image, cropped)) for pair in found]
    sizes = [*dict.fromkeys(format_size(a.shape[:2]) for a, _ in found)]
    found = [(fit.reflect(tf.constant(a), step).numpy(), b) for a, b in found]
    return found, f"{origin}: {sizes[0] if len(sizes) == 1 else f'{len(sizes)} sizes such as {sizes[0]}'}, {scale}"


def brought_to(image: np.ndarray, size: Size) -> np.ndarray:
    """Takes (height, width) from the middle of an image `(H, W, C)`, or mirrors it at its lower and right edges."""
    top, left = (max(0, (now - side) // 2) for now, side in zip(image.shape, size, strict=False))
    image = image[top : top + size[0], left : left + size[1]]
    room = [(0, side - now) for side, now in zip(size, image.shape, strict=False)]
    return np.ascontiguousarray(np.pad(image, [*room, (0, 0)], "symmetric"))


def write_sources(folder: pathlib.Path, pairs: Sequence[ComparedPair], size: Size, limit: int) -> list[str]:
    """Writes sources from which people begin to draw: source-1.png and so on; removes those of an earlier export.

    Args:
      folder: exists.
      pairs: whose sources a PNG of 8 bits can hold.
      size: (height, width) that the sources are brought to.
      limit: how many to write at most.

    Returns:
      Their names.
    """
    pictures = [brought_to(source, size) for source, _ in pairs[:limit]]
    names = [f"source-{number}.png" for number, _ in enumerate(pictures, 1)]
    for name, picture in zip(names, pictures, strict=True):
        write_whole(folder / name, transforms.encode(picture, ".png").numpy())
    for old in folder.glob("source-*.png"):
        if old.name not in names:
            old.unlink()
    return names


def _of_both(pair: ComparedPair, change: Callable[[str, np.ndarray], np.ndarray]) -> ComparedPair:
    """Changes both images of a pair by a function of their side, `source` or `target`, and the image."""
    source, target = pair
    return change("source", source), None if target is None else change("target", target)


def _resized(config: Config, side: str, image: np.ndarray, size: Size) -> np.ndarray:
    unit = transforms.resize(tf.constant((image + 1) / 2), size, config.image_format(side).resize_method)
    return transforms.normalize(unit).numpy()


def _read_data(run_dir: pathlib.Path, config: Config, data: str, limit: int) -> list[kept_pairs.Pair]:
    """Reads validation pairs of a data set, or of the run's own; leaves out bad files."""
    try:
        dataset = (config.with_data(data) if data else config).open_dataset(make=bool(data))
        if data and not any(dataset.splits):
            raise InputError(f"data={data} has no folder val/; give --data=FOLDER that has one, or --sources=FOLDER")
        files = dataset.split("val")
    except InputError as error:
        if data:
            raise
        raise InputError(
            f"{error}; an export is compared on pictures, and this run has kept none: give --data=FOLDER with "
            "validation pairs, or --sources=FOLDER with single sources"
        ) from None
    if data:
        warn_of_single_images(files, data_json.load_aspects(run_dir), config.picture_axes, config.max_pixels)
    some = files.select(spread_indices(len(files), limit))
    return [*kept_pairs.read_some(open_pairs(some, config.measured_format(), "skip"), limit)]


def _read_sources(run_dir: pathlib.Path, config: Config, sources: str, limit: int) -> list[ComparedPair]:
    """Reads single sources; names those that cannot be read, and leaves them out."""
    form, step = config.whole_format(), config.multiple
    if not pathlib.Path(sources).exists():
        raise InputError(f"sources={sources} does not exist; give a folder of single source pictures")
    files = list_inputs(pathlib.Path(sources))
    if guess_kind(files, data_json.load_aspects(run_dir), config.picture_axes, config.max_pixels) == "pairs":
        raise InputError(f"sources={sources} looks like side-by-side pairs; give their data set as --data=FOLDER")
    found: list[ComparedPair] = []
    for index in spread_indices(len(files), limit):
        try:
            whole = read_file(
                files[index], lambda raw: read_whole_source(form, tf.constant(raw), False, step), form.max_pixels
            )
            found.append((kept_pairs.middle(transforms.normalize(whole.image).numpy()), None))
        except BadImageError as error:
            print_warning(f"{files[index]}: {error.reason}; it was left out")
    if not found:
        raise InputError(f"sources={sources} has no picture that can be read; give another folder")
    return found
