"""Divides pairs that lie in no folders of their own into train, val and test."""

import hashlib
import pathlib
from collections.abc import Mapping, Sequence

from pipelines.datasets.side import composed
from pipelines.storage.listing import SUFFIXES
from pipelines.system.terminal import InputError


def divide(
    names: Sequence[str],
    plain: Sequence[str],
    place: str,
    val_fraction: float = 0.0,
    lists: Mapping[str, str] | None = None,
) -> dict[str, list[int]]:
    """Returns for each split the indices of its pairs.

    Args:
      names: of the pairs.
      plain: the names without ending.
      place: where they lie, for the errors.
      val_fraction: the share that goes to val, by a hash of each name: a pair stays where it is when others are added.
      lists: a file for each split, with one name a line, with its ending or without; what is in none is left out.

    Raises:
      InputError: a split would be empty, a list names what is not there, or a pair is in two lists.
    """
    listed = {split: file for split, file in (lists or {}).items() if file}
    if not listed:
        return _by_hash(plain, range(len(names)), place, val_fraction)
    if "train" not in listed:
        split, file = next(iter(listed.items()))
        raise InputError(f"{split}_list={file} is given without train_list; give both")
    divided = _by_lists(names, plain, place, listed)
    if "val" in listed and val_fraction:
        raise InputError(
            f"val_fraction={val_fraction} and val_list={listed['val']} exclude each other; give one of them"
        )
    if "val" not in listed:
        divided.update(_by_hash(plain, divided["train"], f"train_list={listed['train']}", val_fraction))
    return divided


def is_val(plain: str, val_fraction: float) -> bool:
    """Tells whether a pair goes to val: its name without ending decides, whatever else there is."""
    digest = hashlib.sha256(composed(plain).encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < val_fraction * 2.0**64


def _by_hash(plain: Sequence[str], indices: Sequence[int], place: str, val_fraction: float) -> dict[str, list[int]]:
    divided: dict[str, list[int]] = {"train": [], "val": []}
    for index in indices:
        divided["val" if is_val(plain[index], val_fraction) else "train"].append(index)
    if val_fraction and not all(divided.values()):
        empty = next(split for split, indices in divided.items() if not indices)
        raise InputError(
            f"val_fraction={val_fraction} leaves no pair for {empty} of the {len(indices)} in {place}; give another "
            "one, or lists"
        )
    return {split: indices for split, indices in divided.items() if indices}


def _by_lists(names: Sequence[str], plain: Sequence[str], place: str, lists: Mapping[str, str]) -> dict[str, list[int]]:
    whole = {composed(name): [index] for index, name in enumerate(names)}
    short: dict[str, list[int]] = {}
    for index, name in enumerate(plain):
        short.setdefault(composed(name), []).append(index)
    divided: dict[str, list[int]] = {}
    taken: dict[int, str] = {}
    for split, file in lists.items():
        for number, line in enumerate(_lines(split, file), 1):
            name = composed(line.strip()).removeprefix("./")
            if not name:
                continue
            where = f"{split}_list={file}, line {number}: {name}"
            found = whole.get(name) or short.get(name) or short.get(_without_suffix(name), [])
            if not found:
                raise InputError(f"{where} is not in {place}; give names below that folder")
            if len(found) > 1:
                raise InputError(f"{where} could be {' or '.join(names[index] for index in found)}; give the ending")
            if found[0] in taken:
                raise InputError(f"{where} is in {taken[found[0]]}, too; a pair belongs to one split")
            taken[found[0]] = f"{split}_list={file}, line {number}"
            divided.setdefault(split, []).append(found[0])
        if split not in divided:
            raise InputError(f"{split}_list={file} has no names; give one a line")
    # A set's order is that of its names, whatever the order of a list.
    return {split: sorted(indices) for split, indices in divided.items()}


def _lines(split: str, file: str) -> list[str]:
    try:
        return pathlib.Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"{split}_list={file} cannot be read ({reason}); give a text with one name a line") from None


def _without_suffix(name: str) -> str:
    path = pathlib.PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else name
