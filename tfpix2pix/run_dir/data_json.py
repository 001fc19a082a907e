"""Describes in data.json the pairs that a run has, so that it resumes with the same or says which differ."""

import hashlib
import json
import math
import pathlib
import re
from typing import Any

from pipelines.images.size import Size
from pipelines.pairs import LostPair, Pairs
from pipelines.storage.file_set import FileSet
from pipelines.storage.image_set import ImageSet
from pipelines.storage.kind import Aspects, aspects_of, source_sizes, typical_size
from pipelines.system.paths import is_below
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.run_dir.history import TRAINING_PAIRS, VALIDATION_PAIRS

DATA_FILE = "data.json"


def to_text(train: Pairs, val: Pairs, axes: str = "") -> str:
    """Returns what data.json says of these pairs.

    Args:
      train: the training pairs.
      val: the validation pairs.
      axes: of the run's config.
    """
    # Training pairs that were resized when they were sharded no longer tell.
    files = val.files if train.files.load_size else train.files
    sizes = source_sizes(files, train.form.direction, axes, train.form.max_pixels)
    aspects, size = aspects_of(sizes), typical_size(sizes)
    return (
        json.dumps({**_described(train), "validation": _described(val), "aspects": aspects, "size": size}, indent=2)
        + "\n"
    )


def differences(run_dir: pathlib.Path, train: Pairs, val: Pairs) -> dict[str, tuple[str, str, str]]:
    """Compares the pairs of a run with those of data.json.

    Returns:
      For TRAINING_PAIRS and VALIDATION_PAIRS, if they differ, how many they were, how many they are, each with a digest
      of the files, and what differs. Nothing if there is no data.json.

    Raises:
      InputError: data.json cannot be read.
    """
    path = run_dir / DATA_FILE
    if not path.exists():
        return {}
    before = _load(path)
    found = {}
    for name, old, new in (
        (TRAINING_PAIRS, before, _described(train)),
        (VALIDATION_PAIRS, before.get("validation"), _described(val)),
    ):
        if old is not None and (reason := _difference(old, new)):
            found[name] = (_counted(old), _counted(new), reason)
    return found


def is_known(run_dir: pathlib.Path, train: Pairs) -> bool:
    """Whether these are the training pairs of data.json."""
    path = run_dir / DATA_FILE
    return path.exists() and _difference(_load(path), _described(train)) is None


def described(run_dir: pathlib.Path) -> dict[str, Any]:
    """Returns what data.json says of the pairs; empty if it cannot be read, or is of a version without `validation`."""
    found = _known(run_dir)
    return found if "validation" in found else {}


def load_aspects(run_dir: pathlib.Path) -> Aspects | None:
    """Returns width divided by height of the sources that the run was begun with, the smallest and the largest.

    It is None if they are not known, as of older runs, or data.json cannot be read.
    """
    return _known(run_dir).get("aspects")


def load_size(run_dir: pathlib.Path) -> Size | None:
    """Returns the (height, width) that the sources of training have in their files, the medians of both.

    It is None if that is not known, as of older runs, or data.json cannot be read.
    """
    return _known(run_dir).get("size")


def count_pairs(run_dir: pathlib.Path) -> int | None:
    """Returns the number of training pairs that the run has; None if data.json cannot be read."""
    return _known(run_dir).get("pairs")


def missing_pairs(run_dir: pathlib.Path, files: ImageSet) -> list[LostPair]:
    """Lists the training pairs that the run was begun with and that are gone; none if they are in shards.

    Args:
      run_dir: of the training.
      files: those that are there now.

    Raises:
      InputError: data.json cannot be read, or most of the files are gone.
    """
    path = run_dir / DATA_FILE
    if not path.exists() or not isinstance(files, FileSet) or not (before := _load(path)["files"]):
        return []
    names = set(files.names())
    found = []
    for index, (name, known) in enumerate(before.items()):
        if name not in names:
            size, digest = known.split(" ")
            found.append(LostPair(index, name, "it is gone", int(size), digest))
    if words := most_missing(len(found), len(before), files):
        raise InputError(words)
    return found


def most_missing(count: int, of: int, files: ImageSet) -> str | None:
    """Returns an error's text if more than half of the files are gone, as with a missing disk; else None."""
    if 2 * count <= of:
        return None
    return f"{count} of {of} files in {files} are gone; restore them, then give the same command to resume"


def _described(pairs: Pairs) -> dict:
    found = {
        "pairs": len(pairs),
        "fingerprint": pairs.fingerprint(),
        "contents": pairs.contents(),
        "skipped": [str(file) for file in pairs.skipped],
    }
    # One line per file; none of shards, whose fingerprint covers the contents.
    if identities := pairs.files.identities():
        found["files"] = {identity.name: f"{identity.size} {identity.digest}" for identity in identities}
    return found


def _load(path: pathlib.Path) -> dict:
    """Reads data.json; raises InputError if it is not as `to_text` writes it."""
    try:
        before = parse_json(path.read_text())
        for split in (before, *([before["validation"]] if "validation" in before else [])):
            if type(split["pairs"]) is not int or type(split["fingerprint"]) is not str:
                raise TypeError("a split has no count or no fingerprint")
            split.setdefault("files", {})
            for name, known in split["files"].items():
                # Size and digest.
                if not is_below(name) or not re.fullmatch(r"\d{1,18} [0-9a-f]{16}", known):
                    raise ValueError("a file's name, size or digest is not one")
        aspects = before.setdefault("aspects", None)
        if aspects is not None:
            low, high = map(float, aspects)
            if not 0 < low <= high < math.inf:
                raise ValueError("an aspect is not one")
            before["aspects"] = low, high
        size = before.setdefault("size", None)
        if size is not None:
            height, width = size
            if not (type(height) is type(width) is int and min(size) > 0):
                raise ValueError("a size is not one")
            before["size"] = height, width
        return before
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InputError(
            f"{path} cannot be read; restore it, or delete it to resume with the data as it is now"
        ) from None


def _known(run_dir: pathlib.Path) -> dict[str, Any]:
    """Returns what data.json says; empty if it cannot be read."""
    try:
        return _load(run_dir / DATA_FILE)
    except (InputError, OSError):
        return {}


def _difference(before: dict, now: dict) -> str | None:
    """Says what differs, with the first file of each kind; None if there is no difference."""
    # Older runs have no digest of the contents.
    same_contents = None in (before.get("contents"), now["contents"]) or before["contents"] == now["contents"]
    if before["fingerprint"] == now["fingerprint"] and same_contents:
        return None
    old, new = before["files"], now.get("files")
    if not (old and new):
        return "their names, sizes or contents differ"
    kinds = {
        ("is gone", "are gone"): [name for name in old if name not in new],
        ("is new", "are new"): [name for name in new if name not in old],
        ("has changed", "have changed"): [name for name in new if old.get(name, new[name]) != new[name]],
    }
    words = [
        f"{names[0]} {one}" if len(names) == 1 else f"{len(names)} {several}, such as {names[0]}"
        for (one, several), names in kinds.items()
        if names
    ]
    return "; ".join(words) or "their order differs"


def _counted(split: dict) -> str:
    """Returns the number of a split's pairs, and a digest of their files."""
    digest = hashlib.sha256(f"{split['fingerprint']} {split.get('contents')}".encode()).hexdigest()
    return f"{split['pairs']} ({digest[:8]})"
