"""Records in data.json the pairs that a run was begun with, so that it resumes with the same or says which differ."""

import json
import math
import pathlib
import re

from pipelines.pairs import LostPair, Pairs
from pipelines.storage.file_set import FileSet
from pipelines.storage.image_set import ImageSet
from pipelines.storage.kind import Aspects, source_aspects
from pipelines.system.disk import write_whole
from pipelines.system.paths import is_below
from pipelines.system.terminal import InputError, one_line
from pipelines.system.untrusted_json import parse_json

DATA_FILE = "data.json"


def check(run_dir: pathlib.Path, train: Pairs, val: Pairs, bad_images: str, axes: str = "") -> None:
    """Writes data.json, or compares the pairs with it if it exists.

    Args:
      run_dir: exists.
      train: the training pairs.
      val: the validation pairs; if they differ, a note says so, or an error unless bad_images is `skip`.
      bad_images: of the run's config.
      axes: likewise.

    Raises:
      InputError: the run was begun with other files (names the first), so the order of the data would change.
    """
    path = run_dir / DATA_FILE
    now = {**_described(train), "validation": _described(val)}
    if not path.exists():
        now["aspects"] = source_aspects(train.files, train.form.direction, axes, train.form.max_pixels)
        write_whole(path, json.dumps(now, indent=2) + "\n")
        return
    before = _load(path)
    reason = _difference(before, now, "training")
    if reason:
        raise InputError(
            f"run_dir={run_dir} was begun with {reason}; restore the same files, or give another --run_dir"
        )
    reason = _difference(before["validation"], now["validation"], "validation") if "validation" in before else None
    if reason and bad_images == "fail":
        raise InputError(
            f"run_dir={run_dir} was begun with {reason}; restore the same files, or give --bad_images=skip to "
            "resume with what exists"
        )
    if reason:
        print(
            one_line(f"note: the run was begun with {reason}; the validation numbers do not compare with earlier ones")
        )


def load_aspects(run_dir: pathlib.Path) -> Aspects | None:
    """Returns width divided by height of the sources that the run was begun with, the smallest and the largest.

    It is None if they are not known, as of older runs, or data.json cannot be read.
    """
    try:
        return _load(run_dir / DATA_FILE)["aspects"]
    except (InputError, OSError):
        return None


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
    """Reads data.json; raises InputError if it is not as `check` writes it."""
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
        return before
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InputError(
            f"{path} cannot be read; restore it, or delete it to resume with the data as it is now"
        ) from None


def _difference(before: dict, now: dict, split: str) -> str | None:
    """Describes the difference, with the first file that differs; None if there is no difference."""
    first, old, new = "", before["files"], now.get("files")
    if old and new:
        changed = [f"{name} is gone" for name in old if name not in new]
        changed += [f"{name} is new" for name in new if name not in old]
        changed += [f"{name} has changed" for name in new if old.get(name, new[name]) != new[name]]
        first = f": {changed[0]}" if changed else ""
    if before["fingerprint"] != now["fingerprint"]:
        return (
            f"{before['pairs']} {split} pairs, and now there are {now['pairs']}, or their names or sizes differ{first}"
        )
    # Older runs have no digest of the contents.
    if None not in (before.get("contents"), now["contents"]) and before["contents"] != now["contents"]:
        return f"{split} files of these names and sizes that had other contents{first}"
    return None
