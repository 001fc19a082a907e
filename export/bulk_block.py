"""The part of a bulk translation that one worker does in one go."""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterator

import tensorflow as tf

from pipelines.images.header import BadImageError, check_header
from pipelines.sharding.blocks import Block
from pipelines.sharding.inventory import Inventory
from pipelines.storage import records
from pipelines.storage.validity import read_files
from pipelines.system import terminal
from pipelines.system.paths import parse_path, put
from pipelines.system.terminal import InputError

# What writing raises where a folder has the file's name, or the name is no UTF-8; a full disk is another error.
NO_SUCH_NAME = (tf.errors.FailedPreconditionError, tf.errors.AlreadyExistsError, UnicodeEncodeError)

SIGNATURE = "serving_default"
TENSOR = "image_bytes"

Translate = Callable[[list[bytes]], list[bytes]]


@functools.lru_cache(maxsize=1)
def load_model(path: str) -> Translate:
    """Loads a SavedModel, once a process: image files in, PNG files out.

    Raises:
      InputError: there is none, or it has no signature from images to images.
    """
    try:
        model = tf.saved_model.load(path)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"model={path} cannot be loaded ({reason}); give an export with its version") from None
    signature = model.signatures.get(SIGNATURE)
    inputs = signature.structured_input_signature[1] if signature else {}
    if list(inputs) != [TENSOR] or TENSOR not in signature.structured_outputs:
        raise InputError(f"model={path} has no {SIGNATURE} from {TENSOR} to {TENSOR}; export it by export.saved_model")

    def translate(files: list[bytes]) -> list[bytes]:
        # By way of the model: a signature alone does not keep its variables.
        return list(model.signatures[SIGNATURE](**{TENSOR: tf.constant(files)})[TENSOR].numpy())

    return translate


def model_fingerprint(path: str) -> str:
    """Tells one export from another, by what TensorFlow writes beside every one."""
    file = parse_path(path) / "fingerprint.pb"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else path


def output_name(name: str) -> str:
    """Of an image's result, below the output's folder."""
    return str(pathlib.PurePosixPath(name).with_suffix(".png"))


def translate_block(
    block: Block, model: str, fingerprint: str, output: str, batch_size: int, to_shards: bool, max_pixels: int
) -> None:
    """Translates a block's images and writes the results, unless that was done before.

    Args:
      block: whose result says how many were `translated`, and which `skipped` and why.
      model: a SavedModel.
      fingerprint: its own.
      output: a folder.
      batch_size: images at a time.
      to_shards: whether the results become one shard, not files.
      max_pixels: an image of more is not given to the model, which has a limit of its own.
    """

    def work() -> dict:
        skipped, inventory = {}, Inventory()
        translated = translations(block, load_model(model), batch_size, max_pixels, skipped)
        if not to_shards:
            return {"translated": write_files(block, translated, output, skipped), "skipped": skipped}

        def counted() -> Iterator[tuple[str, bytes]]:
            for name, contents in translated:
                inventory.add(contents)
                yield output_name(name), contents

        shard = records.write_shard(parse_path(output) / f"{block.stem}{records.SHARD_SUFFIX}", counted())
        return {
            "translated": shard.records,
            "skipped": skipped,
            "shard": dataclasses.asdict(shard),
            **inventory.to_dict(),
        }

    block.once(f"{fingerprint} {batch_size} {to_shards} {max_pixels}", work)


def translations(
    block: Block, translate: Translate, batch_size: int, max_pixels: int, skipped: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Name of each image and PNG of its result, in order; puts what cannot be translated into `skipped`, with why."""

    def check(contents: bytes) -> bytes:
        check_header(contents, max_pixels)
        return contents

    names, files = zip(*block.images, strict=True)
    good = []
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
    """Translates some images at once, or, if one of them makes that fail, each by itself."""
    names, contents = zip(*images, strict=True)
    try:
        results = translate(list(contents))
    except tf.errors.InvalidArgumentError as error:
        if len(images) == 1:
            skipped[names[0]] = in_words(error)
        else:
            for image in images:
                yield from translate_batch([image], translate, skipped)
        return
    yield from zip(names, results, strict=True)


def write_files(block: Block, translated: Iterator[tuple[str, bytes]], output: str, skipped: dict[str, str]) -> int:
    """Writes each result whole or not at all; returns how many. Those that no file can be called go into `skipped`."""
    unfinished, made, count = parse_path(block.output) / "unfinished", set(), 0
    tf.io.gfile.makedirs(str(unfinished))
    for name, contents in translated:
        path = parse_path(output) / output_name(name)
        try:
            if path.parent not in made:
                tf.io.gfile.makedirs(str(path.parent))
                made.add(path.parent)
            put(path, contents, unfinished)
            count += 1
        except NO_SUCH_NAME as error:
            skipped[name] = f"its result cannot be written ({terminal.reason(error)})"
    return count


def in_words(error: tf.errors.OpError) -> str:
    """What TensorFlow says of an image, without where in the graph it says so."""
    text = error.message.rpartition("<stack traces unavailable>")[2]
    text = " ".join(re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\].*", "", text, flags=re.DOTALL).split())
    found = re.search(r"assertion failed: \[(?:image \d+ )?(.*?)\]", text)
    return f"it {found[1]}" if found else f"it cannot be decoded ({text})"
