"""The part of a bulk translation that one worker does at a time."""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterator

import tensorflow as tf

from export.serving.sendable import as_sendable
from pipelines.images import codecs
from pipelines.images.header import BadImageError
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import Inventory
from pipelines.storage import records
from pipelines.storage.manifest import SHARD_SUFFIX
from pipelines.storage.result_files import place_result
from pipelines.storage.validity import read_files
from pipelines.system import terminal
from pipelines.system.disk import whole_file
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

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

SIGNATURE = "serving_default"
TENSOR = "image_bytes"

Translate = Callable[[list[bytes]], list[bytes]]


@functools.lru_cache(maxsize=1)
def load_model(path: str) -> Translate:
    """Loads a SavedModel, once a process: image files in, PNG files out.

    Raises:
      InputError: it cannot be loaded, or has no signature from images to images.
    """
    try:
        model = tf.saved_model.load(path)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"model={path} cannot be loaded ({reason}); give an export with its version") from None
    signature = model.signatures.get(SIGNATURE)
    inputs = signature.structured_input_signature[1] if signature else {}
    if list(inputs) != [TENSOR] or TENSOR not in signature.structured_outputs:
        raise InputError(
            f"model={path} has no {SIGNATURE} from {TENSOR} to {TENSOR}; export it by export.saved_model, or use "
            "tfpix2pix.translate for a run whose files are not PNG's kind"
        )

    def translate(files: list[bytes]) -> list[bytes]:
        # Through the model: a signature alone does not keep its variables alive.
        return list(model.signatures[SIGNATURE](**{TENSOR: tf.constant(files)})[TENSOR].numpy())

    return translate


def model_fingerprint(path: str) -> str:
    """Returns text that differs between exports, from the file that TensorFlow writes beside each."""
    file = parse_path(path) / "fingerprint.pb"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else path


def output_name(name: str) -> str:
    """Returns the name of an image's result below the output's folder."""
    return str(pathlib.PurePosixPath(name).with_suffix(".png"))


def translate_block(
    block: Block,
    model: str,
    fingerprint: str,
    output: str,
    batch_size: int,
    to_shards: bool,
    max_pixels: int,
    overwrite: bool = False,
    side_cars: bool = False,
) -> None:
    """Translates a block's images and writes the results, unless that was done before.

    Args:
      block: its result says how many images were `translated`, which were `skipped` and why, how many results were
        `kept`, since they existed, and of how many images the place on a map was not carried over.
      model: a SavedModel.
      fingerprint: of the model.
      output: a folder.
      batch_size: images at a time.
      to_shards: whether the results become one shard, in place of files.
      max_pixels: an image of more is not given to the model, which has a limit of its own.
      overwrite: whether results that exist are made again.
      side_cars: whether the images may have side-cars, which say where on a map they lie.
    """

    def work() -> dict:
        skipped: dict[str, str] = {}
        inventory = Inventory()
        if not to_shards:
            todo = block if overwrite else without_results(block, output)
            kept = len(block.images) - len(todo.images)
            translated = translations(todo, load_model(model), batch_size, max_pixels, skipped)
            count, unplaced = write_files(todo, translated, output, skipped, side_cars)
            return {"translated": count, "skipped": skipped, "kept": kept, "unplaced": unplaced}

        def counted() -> Iterator[tuple[str, bytes]]:
            for name, contents in translations(block, load_model(model), batch_size, max_pixels, skipped):
                inventory.add(contents)
                yield output_name(name), contents

        shard = records.write_shard(parse_path(output) / f"{block.stem}{SHARD_SUFFIX}", counted())
        return {
            "translated": shard.records,
            "skipped": skipped,
            "shard": dataclasses.asdict(shard),
            **inventory.to_dict(),
        }

    recipe = f"{fingerprint} {batch_size} {to_shards} {max_pixels}"
    block.once(f"{recipe} {overwrite}" if overwrite else recipe, work)


def without_results(block: Block, output: str) -> Block:
    """Returns the block with those of its images that have no result yet."""
    paths = ((name, file, parse_path(output) / output_name(name)) for name, file in block.images)
    return dataclasses.replace(block, images=tuple((name, file) for name, file, path in paths if not path.is_file()))


def translations(
    block: Block, translate: Translate, batch_size: int, max_pixels: int, skipped: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Yields the name of each image and the PNG of its result, in order; adds the others to `skipped`, with reasons."""

    def check(contents: bytes) -> bytes:
        codecs.check(contents, max_pixels)
        return as_sendable(contents, max_pixels)

    names, files = [name for name, _ in block.images], [file for _, file in block.images]
    good: list[tuple[str, bytes]] = []
    for position, (name, contents) in enumerate(zip(names, read_files(files, check, max_pixels), strict=True), 1):
        if isinstance(contents, BadImageError):
            skipped[name] = contents.reason
        else:
            good.append((name, contents))
        if good and (len(good) == batch_size or position == len(block.images)):
            yield from translate_batch(good, translate, skipped)
            good = []


def translate_batch(
    images: list[tuple[str, bytes]], translate: Translate, skipped: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Translates some images at once; if one of them makes that fail, each by itself."""
    names, contents = zip(*images, strict=True)
    try:
        results = translate(list(contents))
    except tf.errors.InvalidArgumentError as error:
        if len(images) == 1:
            skipped[names[0]] = reason_of(error)
        else:
            for image in images:
                yield from translate_batch([image], translate, skipped)
        return
    yield from zip(names, results, strict=True)


def write_files(
    block: Block, translated: Iterator[tuple[str, bytes]], output: str, skipped: dict[str, str], side_cars: bool
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
        path = parse_path(output) / output_name(name)
        try:
            if path.parent not in made:
                make_folders(path.parent)
                made.add(path.parent)
            with whole_file(path, unfinished_in=unfinished) as temporary:
                temporary.write_bytes(contents)
            source = files[name]
            if isinstance(source, AnyPath) and not place_result(source, path, contents, side_cars):
                unplaced += 1
            count += 1
        except NO_SUCH_NAME as error:
            skipped[name] = f"its result cannot be written ({terminal.reason(error)})"
    return count, unplaced


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
