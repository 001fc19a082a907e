"""The part of a bulk translation that one worker does at a time."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from export.file_model import SMALL, Extent, FileModel
from export.serving.queues import ask_again
from export.serving.sendable import as_sendable
from pipelines.images import codecs
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import DAMAGED, BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import MAX_PIXELS
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import Inventory
from pipelines.storage import records
from pipelines.storage.image_set import Readable
from pipelines.storage.manifest import SHARD_SUFFIX
from pipelines.storage.picture import is_larger_than_memory
from pipelines.storage.result_files import place_result
from pipelines.storage.validity import read_files
from pipelines.system import terminal
from pipelines.system.disk import whole_file
from pipelines.system.paths import AnyPath, parse_path
from tfpix2pix.translation.memory_budget import batches
from tfpix2pix.translation.options import SizeOptions

# Below the folder of the blocks: files that are not whole yet.
UNFINISHED_FOLDER = "unfinished"
# Raised by writing if a folder has the file's name or a file the folder's, or if a store cannot encode the name. A full
# disk is another error.
NO_SUCH_NAME = (
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    UnicodeEncodeError,
    tf.errors.AlreadyExistsError,
    tf.errors.FailedPreconditionError,
)

# A TIFF or NPY file that is too large for a model's memory becomes a TIFF.
LARGE_SUFFIXES = (".tif", ".tiff", ".npy")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The options that decide the results of all blocks.

    Attributes:
      model: a SavedModel by export_saved_model, with its version.
      batch_size: images at a time.
      to_shards: whether the results become one shard a block, in place of files.
      max_pixels: an image of more is not given to the model, which has a limit of its own.
      options: how large pictures are translated.
    """

    model: str
    batch_size: int = 8
    to_shards: bool = False
    max_pixels: int = MAX_PIXELS
    options: SizeOptions = dataclasses.field(default_factory=SizeOptions)


@functools.lru_cache(maxsize=1)
def load_model(path: str) -> FileModel:
    """Loads a SavedModel, once a process."""
    return FileModel(path)


def output_name(name: str, file: object, max_pixels: int) -> str:
    """Returns the name of an image's result below the output's folder."""
    path = pathlib.PurePosixPath(name)
    is_large = (
        isinstance(file, pathlib.Path)
        and path.suffix.lower() in LARGE_SUFFIXES
        and is_larger_than_memory(file, ImageFormat(max_pixels=max_pixels))
    )
    return str(path.with_suffix(".tif" if is_large else ".png"))


def translate_block(
    block: Block, recipe: Recipe, output: str, overwrite: bool = False, side_cars: bool = False
) -> None:
    """Translates a block's images and writes the results, unless that was done before.

    Args:
      block: its result says how many images were `translated`, which were `skipped` and why, how many results were
        `kept`, since they existed, and of how many images the place on a map was not carried over.
      recipe: how.
      output: a folder.
      overwrite: whether results that exist are made again.
      side_cars: whether the images may have side-cars, which say where on a map they lie.
    """
    model = load_model(recipe.model)

    def work() -> dict:
        skipped: dict[str, str] = {}
        inventory = Inventory()
        if not recipe.to_shards:
            todo = block if overwrite else without_results(block, output, recipe.max_pixels)
            kept = len(block.images) - len(todo.images)
            extents = [extent_of(file) for _, file in todo.images]
            is_large = [model.is_large(extent, recipe.options, recipe.max_pixels) for extent in extents]
            places = [i for i, large in enumerate(is_large) if not large]
            small = dataclasses.replace(todo, images=[todo.images[i] for i in places])
            translated = translations(small, [extents[i].pixels for i in places], model, recipe, skipped)
            count, unplaced = write_files(small, translated, output, recipe, skipped, side_cars)
            for name, file in itertools.compress(todo.images, is_large):
                with refusing(name, skipped):
                    unplaced += not write_large(name, file, model, recipe, output)
                    count += 1
            return {"translated": count, "skipped": skipped, "kept": kept, "unplaced": unplaced}

        def counted() -> Iterator[tuple[str, bytes]]:
            pixels = [extent_of(file).pixels for _, file in block.images]
            for name, contents in translations(block, pixels, model, recipe, skipped):
                inventory.add(contents)
                yield output_name(name, None, recipe.max_pixels), contents

        shard = records.write_shard(parse_path(output) / f"{block.stem}{SHARD_SUFFIX}", counted())
        return {
            "translated": shard.records,
            "skipped": skipped,
            "shard": dataclasses.asdict(shard),
            **inventory.to_dict(),
        }

    # Memory decides which pictures are translated in tiles; but it is not the same at each time.
    options = dataclasses.replace(recipe.options, memory_mib=0)
    key = f"{model.fingerprint} {recipe.batch_size} {recipe.to_shards} {recipe.max_pixels} {options}"
    block.once(f"{key} {overwrite}" if overwrite else key, work)


def without_results(block: Block, output: str, max_pixels: int) -> Block:
    """Returns the block with those of its images that have no result yet."""
    folder = parse_path(output)
    return dataclasses.replace(
        block,
        images=tuple(
            (name, file) for name, file in block.images if not (folder / output_name(name, file, max_pixels)).is_file()
        ),
    )


def translations(
    block: Block, pixels: Sequence[int], model: FileModel, recipe: Recipe, skipped: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Yields the name of each image and the PNG of its result, in order; adds the others to `skipped`, with reasons.

    A group of images is read while the one before is translated. No group of files on a disk has more than batch_size
    megapixels, unless it is one picture.

    Args:
      block: of images.
      pixels: of each, as far as that is known.
      model: translates them.
      recipe: how.
      skipped: takes those that cannot be translated.
    """

    def check(contents: bytes) -> bytes:
        codecs.check(contents, recipe.max_pixels)
        return as_sendable(contents, recipe.max_pixels)

    def read(group: Sequence[tuple[str, Readable]]) -> list[bytes | BadImageError]:
        return list(read_files([file for _, file in group], check, recipe.max_pixels))

    groups = [*batches(block.images, pixels, recipe.batch_size, recipe.batch_size * SMALL), []]
    ahead: list[bytes | BadImageError] = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for group, following in itertools.pairwise([(), *groups]):
            reading = pool.submit(read, following)
            good: list[tuple[str, bytes]] = []
            for (name, _), contents in zip(group, ahead, strict=True):
                if isinstance(contents, BadImageError):
                    skipped[name] = contents.reason
                else:
                    good.append((name, contents))
            if good:
                yield from translate_batch(good, model.translate, skipped)
            ahead = reading.result()


def extent_of(file: Readable) -> Extent:
    """Returns how large a picture on this machine's disk is, by its header; nothing of others, and of damaged ones."""
    if isinstance(file, pathlib.Path):
        with contextlib.suppress(OSError, BadImageError), StoredFile(file) as stored:
            header = codecs.probe(stored)
            return Extent(header.height * header.width, codecs.format_of(stored) in codecs.WITH_WINDOWS)
    return Extent(0, False)


def translate_batch(
    images: list[tuple[str, bytes]], translate: Callable[[list[bytes]], list[bytes]], skipped: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Translates some images at once; if one of them makes that fail, each by itself."""
    names, contents = zip(*images, strict=True)
    try:
        results = ask_again(lambda: translate(list(contents)))
    # The graph loops over the images: if one stops the loop, its own error is reported, or that the loop was stopped.
    except (tf.errors.InvalidArgumentError, tf.errors.CancelledError) as error:
        if len(images) == 1:
            skipped[names[0]] = DAMAGED if isinstance(error, tf.errors.CancelledError) else reason_of(error)
        else:
            for image in images:
                yield from translate_batch([image], translate, skipped)
        return
    yield from zip(names, results, strict=True)


def write_files(
    block: Block,
    translated: Iterator[tuple[str, bytes]],
    output: str,
    recipe: Recipe,
    skipped: dict[str, str],
    side_cars: bool,
) -> tuple[int, int]:
    """Writes each result whole or not at all, and adds those that cannot have their name to `skipped`.

    Returns:
      How many were written, and of how many the source's place on a map was not carried over.
    """
    files = dict(block.images)
    unfinished = parse_path(block.output) / UNFINISHED_FOLDER
    make_folders(unfinished)
    made: set[AnyPath] = set()
    count = unplaced = 0
    for name, contents in translated:
        path = parse_path(output) / output_name(name, files[name], recipe.max_pixels)
        with refusing(name, skipped):
            if path.parent not in made:
                make_folders(path.parent)
                made.add(path.parent)
            with whole_file(path, unfinished_in=unfinished) as temporary:
                temporary.write_bytes(contents)
            source = files[name]
            if isinstance(source, AnyPath) and not place_result(source, path, contents, side_cars):
                unplaced += 1
            count += 1
    return count, unplaced


def write_large(name: str, file: Readable, model: FileModel, recipe: Recipe, output: str) -> bool:
    """Translates a picture tile by tile into a file; resumes one that was begun.

    Returns:
      False if the source's place on a map was not carried over.

    Raises:
      BadImageError: it cannot be read.
    """
    if not isinstance(file, pathlib.Path):
        raise TypeError(f"{name} is not on this machine's disk")
    path = pathlib.Path(output) / output_name(name, file, recipe.max_pixels)
    make_folders(path.parent)
    tiles = model.large_pictures(recipe.options, recipe.max_pixels)
    return tiles.translate_file(file, path, model.result_format(path.suffix))


@contextlib.contextmanager
def refusing(name: str, skipped: dict[str, str]) -> Iterator[None]:
    """Adds an image to `skipped`, with the reason, if it cannot be read, or its result not be written."""
    try:
        yield
    except BadImageError as error:
        skipped[name] = error.reason
    except NO_SUCH_NAME as error:
        skipped[name] = f"its result cannot be written ({terminal.reason(error)})"


def make_folders(folder: AnyPath) -> None:
    """Makes a folder and all above it, on a disk or in an object store."""
    if isinstance(folder, pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
    else:
        tf.io.gfile.makedirs(str(folder))


def reason_of(error: tf.errors.OpError) -> str:
    """Returns what TensorFlow says of an image, without the place in the graph."""
    text = error.message.rpartition("<stack traces unavailable>")[2]
    text = " ".join(re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\].*", "", text, flags=re.DOTALL).split())
    found = re.search(r"assertion failed: \[(?:image \d+ )?(.*?)\]", text)
    return f"it {found[1]}" if found else f"it cannot be decoded ({text})"
