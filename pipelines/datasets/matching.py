"""Matches the files of two folders to pairs, and says of those without a partner why they may have none."""

import dataclasses
from collections.abc import Iterable, Mapping

from pipelines.datasets.side import COMMON, Search, Side, folded, key_of
from pipelines.storage.file_pair import FilePair
from pipelines.storage.listing import Listing
from pipelines.storage.paired_files import name_order
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError

# Sorted lists instead of names.
ORDER = "order"


@dataclasses.dataclass(frozen=True)
class Matched:
    """The pairs of two folders, and the files without a partner.

    Attributes:
      pairs: by name, the path of A's file below its folder without suffix; in the order of names.
      alone: the files without a partner, with the likely reason.
      other_capitals: how many pairs have names that differ in capitals.
    """

    pairs: Mapping[str, FilePair]
    alone: Mapping[AnyPath, str]
    other_capitals: int = 0


def match_files(a: Listing, b: Listing, match: str = "") -> Matched:
    """Finds for each file of A its partner in B.

    Names are compared below their folders without suffix: first as they are, then without regard to capitals where that
    leaves one partner alone. Accents may be composed or not.

    Args:
      a: the files of A.
      b: the files of B; both may be one folder if patterns tell its files apart.
      match: empty; `order` for the sorted lists, which must be of one length; or `PATTERN:PATTERN`, such as
        `{}_A:{}_B`, for A and B, where {} stands for what the names share.

    Raises:
      InputError: match is none of these; the lists differ in length; two files of A have one name in spite of `order`.
    """
    if match == ORDER:
        return _by_order(a, b)
    patterns = parse_match(match) if match else (COMMON, COMMON)
    sides = Side(a, patterns[0]), Side(b, patterns[1])
    if a.folder == b.folder:
        _share(*sides)
    partners, other_capitals = _partners(*sides)
    pairs = {sides[0].name(left): FilePair(left, right) for left, right in partners}
    taken = {file for partner in partners for file in partner}
    alone: dict[AnyPath, str] = {}
    for own, other in (sides, sides[::-1]):
        alone.update(dict.fromkeys(own.misfits, f"its name does not fit {own.pattern}"))
        search = Search(other)
        for key, files in own.keyed.items():
            if files[0] not in taken:
                alone.update(dict.fromkeys(files, search.reason(key, files)))
    return Matched(_in_order(pairs), dict(sorted(alone.items())), other_capitals)


def parse_match(match: str) -> tuple[str, str]:
    """Returns the patterns of A and of B.

    Raises:
      InputError: there are not two, or one has not exactly one {}.
    """
    patterns = match.split(":")
    if len(patterns) != 2 or any(pattern.count(COMMON) != 1 for pattern in patterns):
        raise InputError(f"match={match!r} is neither {ORDER} nor two patterns; give such as --match='{{}}_A:{{}}_B'")
    return patterns[0], patterns[1]


def suggest_match(a: Iterable[str], b: Iterable[str]) -> str:
    """Returns the patterns by which most of these names would have a partner; empty if there are none.

    Args:
      a: names of A without partner.
      b: names of B without partner.
    """
    names = sorted(a), sorted(b)
    if not all(names):
        return ""
    first = names[0][0]
    other = max(names[1], key=lambda name: _shared(first, name))
    for left, right in ((first, other), (first[::-1], other[::-1])):
        shared = _shared(left, right)
        ends = left[shared:], right[shared:]
        patterns = [COMMON + end if left == first else end[::-1] + COMMON for end in ends]
        keys = [{key_of(name, pattern) for name in side} for side, pattern in zip(names, patterns, strict=True)]
        if len((keys[0] & keys[1]) - {""}) * 2 > min(map(len, names)):
            return ":".join(patterns)
    return ""


def _shared(one: str, other: str) -> int:
    """Returns how many characters both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _by_order(a: Listing, b: Listing) -> Matched:
    if a.folder == b.folder:
        raise InputError(f"match={ORDER} needs two folders, and {a.folder} is one; give two patterns")
    if len(a.files) != len(b.files):
        raise InputError(
            f"match={ORDER} needs as many files in both folders, and {a.folder} has {len(a.files)}, {b.folder} has "
            f"{len(b.files)}; remove what has no partner"
        )
    side, pairs = Side(a), dict[str, FilePair]()
    for left, right in zip(a.files, b.files, strict=True):
        if (name := side.name(left)) in pairs:
            raise InputError(f"{pairs[name].a} and {left} have one name; rename one of them")
        pairs[name] = FilePair(left, right)
    return Matched(_in_order(pairs), {})


def _in_order(pairs: Mapping[str, FilePair]) -> dict[str, FilePair]:
    return {name: pairs[name] for name in sorted(pairs, key=name_order)}


def _share(a: Side, b: Side) -> None:
    """Gives each file of one folder to the side whose pattern says more, if it fits both."""
    weaker, stronger = (a, b) if len(a.pattern) < len(b.pattern) else (b, a)
    weaker.give_up([file for files in stronger.keyed.values() for file in files])
    both = set(a.misfits) & set(b.misfits)
    a.misfits, b.misfits = ([file for file in a.misfits if file in both], [])


def _partners(a: Side, b: Side) -> tuple[list[tuple[AnyPath, AnyPath]], int]:
    """Returns the pairs, and how many of them have names that differ in capitals."""
    left, right = ({key: files[0] for key, files in side.keyed.items() if len(files) == 1} for side in (a, b))
    same = [key for key in left if key in right]
    found = [(left.pop(key), right.pop(key)) for key in same]
    # A name that differs in capitals alone from one that has a partner, or is there twice, could be meant for either.
    unclear = {key.casefold() for side in (a, b) for key, files in side.keyed.items() if len(files) > 1}
    unclear |= {key.casefold() for key in same}
    others = folded(right)
    for key, files in folded(left).items():
        if key not in unclear and len(files) == 1 and len(others.get(key, ())) == 1:
            found.append((files[0], others[key][0]))
    return found, len(found) - len(same)
