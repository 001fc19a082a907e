"""Folders of generated images, of any program: finds the targets of their files, and opens both to be measured."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.datasets.matching import ORDER, match_files, suggest_match
from pipelines.datasets.side import Side
from pipelines.images import codecs
from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.header import BadImageError
from pipelines.images.size import Size, format_size
from pipelines.pairs import Pairs, open_pairs
from pipelines.storage.file_pair import FilePair
from pipelines.storage.listing import Listing, list_folder, with_images
from pipelines.storage.paired_files import PairedFiles
from pipelines.storage.validity import read_files
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError, progress_bar
from tfpix2pix.config import Config
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.metric_networks import available_networks
from tfpix2pix.evaluation.subject import CACHE_MIB, Subject, make_subject, with_options


@dataclasses.dataclass(frozen=True)
class Header:
    """What is known of an image file without decoding it."""

    size: Size
    channels: int


@dataclasses.dataclass(frozen=True)
class Results:
    """Generated images and their targets.

    Attributes:
      folders: of generated images, of targets, and of sources if they are given.
      files: target to its generated image, and to its source if there are sources, in the order of the targets' names.
      left_out: files without a partner, and why.
    """

    folders: tuple[AnyPath, ...]
    files: Mapping[AnyPath, tuple[AnyPath, ...]]
    left_out: Mapping[str, str]

    def select(self, targets: Sequence[AnyPath]) -> "Results":
        """Returns some of them."""
        return dataclasses.replace(self, files={target: self.files[target] for target in targets})


def match_results(generated: str, targets: str, sources: str = "", match: str = "") -> Results:
    """Finds the target, and the source, of each generated image by its name.

    Args:
      generated: folder.
      targets: folder.
      sources: folder, or empty.
      match: as match_files has it, of generated images and targets; a third pattern is that of sources, which have that
        of the targets by default.

    Raises:
      InputError: a folder is none, or no name fits.
    """
    names = {"generated": generated, "targets": targets, "sources": sources}
    listings = [_listing(name, folder) for name, folder in names.items() if folder]
    patterns = match.split(":")
    if match and match != ORDER and len(patterns) not in (2, 3):
        raise InputError(
            f"match={match!r} has {len(patterns)} patterns; give that of the generated images, of the targets and, if "
            "it differs, of the sources, such as --match='{}_fake_B:{}_real_B:{}_real_A'"
        )
    found, left_out = _matched(listings[0], listings[1], match if match == ORDER else ":".join(patterns[:2]))
    files: dict[AnyPath, tuple[AnyPath, ...]] = {pair.b: (pair.a,) for pair in found}
    if sources:
        rule = match if match in ("", ORDER) else f"{patterns[0]}:{patterns[-1]}"
        with_sources, without = _matched(listings[0], listings[2], rule)
        of_generated = {pair.a: pair.b for pair in with_sources}
        left_out |= {path: why for path, why in without.items() if path not in map(str, files)}
        files = {b: (a, of_generated[a]) for b, (a,) in files.items() if a in of_generated}
    if not files:
        raise InputError(f"generated={generated}: no image has both a target and a source of its name; see --match")
    return Results(tuple(listing.folder for listing in listings), dict(sorted(files.items())), left_out)


def _matched(a: Listing, b: Listing, match: str) -> tuple[list[FilePair], dict[str, str]]:
    matched = match_files(a, b, match)
    if not matched.pairs:
        names = [[Side(listing).name(path) for path in listing.files] for listing in (a, b)]
        hint = "" if match else suggest_match(*names)
        remedy = f"give --match='{hint}' if that is how the names differ" if hint else "see --match"
        file, reason = next(iter(matched.alone.items()))
        raise InputError(f"no image in {a.folder} has a partner in {b.folder}; the first, {file}: {reason}; {remedy}")
    return list(matched.pairs.values()), {str(path): reason for path, reason in matched.alone.items()}


def _listing(option: str, folder: str) -> Listing:
    path = parse_path(folder)
    if not path.is_dir():
        raise InputError(f"{option}={folder} is not a folder; give one of images")
    return with_images(list_folder(path))


def read_headers(files: Sequence[AnyPath], title: str, axes: str = "") -> list[Header]:
    """Reads sizes and channels of image files.

    Raises:
      InputError: a file is no image; names the first.
    """

    def look(contents: bytes) -> Header:
        found = codecs.probe(contents, axes)
        return Header((found.height, found.width), found.channels)

    headers = []
    for file, header in zip(files, progress_bar(read_files(files, look), title, len(files)), strict=True):
        if isinstance(header, BadImageError):
            raise InputError(f"{file}: {header.reason}; repair or remove it")
        headers.append(header)
    return headers


def open_results(results: Results, options: MeasureOptions) -> tuple[Subject, str]:
    """Opens generated images as sources of pairs, whose targets get their size.

    Returns:
      What is measured, and which targets were resized, in words; empty if none were.

    Raises:
      InputError: a file is bad, or generated images and targets have other channels.
    """
    targets, generated = list(results.files), [files[0] for files in results.files.values()]
    theirs, ours = (read_headers(files, "looking at sizes") for files in (targets, generated))
    if all(b.size[0] * a.size[1] * 2 == b.size[1] * a.size[0] for a, b in zip(ours, theirs, strict=True)):
        raise InputError(
            f"targets={results.folders[1]} looks like side-by-side pairs: each is twice as wide for its height as what "
            "was generated; give a folder of the targets alone"
        )
    channels = _common_channels(results, {header.channels for header in (*theirs, *ours)})
    config = Config(
        data=str(results.folders[1]),
        direction="AtoB",
        preprocess="none",
        resize_to="a",
        source_channels=channels,
        target_channels=channels,
    ).resolved()
    config = with_options(config, options)
    pairs = open_pairs(paired(results, 0), config.measured_format(), config.bad_images, CACHE_MIB)
    resized = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.size != b.size]
    words = ""
    if resized:
        sizes = sorted({(b.size, a.size) for a, b in resized})
        shown = ", ".join(f"{format_size(b)} to {format_size(a)}" for b, a in sizes[:3])
        more = f" and {len(sizes) - 3} more sizes" if len(sizes) > 3 else ""
        words = (
            f"{len(resized)} of {len(generated)} targets are resized to the size of the generated images by "
            f"{config.resize_method}, antialiased: {shown}{more}"
        )
    available = available_networks(config, options)
    return make_subject(config, options, pairs, available, _open_sources(results, pairs)), words


def _common_channels(results: Results, found: set[int]) -> int:
    if found <= {1, 2, 3, 4}:
        return found.pop() if len(found) == 1 and found != {2} else 3
    if len(found) > 1:
        raise InputError(
            f"{results.folders[0]} and {results.folders[1]} have images of {' and '.join(map(str, sorted(found)))} "
            f"channels; those of more than {MAX_PLAIN_CHANNELS} must have the same"
        )
    return found.pop()


def paired(results: Results, which: int) -> PairedFiles:
    """Returns generated images (0) with their targets, or sources (1) with the generated images.

    The names are those of the targets.
    """
    names = [target.relative_to(results.folders[1]).with_suffix("").as_posix() for target in results.files]
    if which == 0:
        pairs = [FilePair(files[0], target) for target, files in results.files.items()]
        return PairedFiles((results.folders[0], results.folders[1]), names, pairs)
    pairs = [FilePair(files[1], files[0]) for files in results.files.values()]
    return PairedFiles((results.folders[2], results.folders[0]), names, pairs)


def _open_sources(results: Results, pairs: Pairs) -> Pairs | None:
    """Returns the sources in the size of the generated images; None without them."""
    if len(results.folders) < 3:
        return None
    files = paired(results, 1)
    places = {name: place for place, name in enumerate(files.names())}
    chosen = files.select([places[name] for name in pairs.files.names()])
    return Pairs(chosen, dataclasses.replace(pairs.form, resize_to="b"), skipped={}, shapes=pairs.shapes)


def results_for(folder: pathlib.Path, names: Sequence[str], has_suffix: bool, match: str) -> dict[str, AnyPath]:
    """Finds the generated images of a split's pairs by their names.

    Args:
      folder: of the generated images.
      names: of the pairs.
      has_suffix: whether they end in that of a file.
      match: two patterns, of the generated images and of the pairs; equal names if it is empty.

    Returns:
      Pair's name to file, of those that have one.

    Raises:
      InputError: two files have one name, or none has that of a pair.
    """
    patterns = match.split(":") if match else ["{}", "{}"]
    if len(patterns) < 2 or any(pattern.count("{}") != 1 for pattern in patterns[:2]):
        raise InputError(f"match={match!r} is not two patterns; give such as --match='{{}}_fake_B:{{}}'")
    side = Side(with_images(list_folder(folder)), patterns[0])
    before, after = patterns[1].split("{}")
    found = {}
    for name in names:
        plain = pathlib.PurePosixPath(name).with_suffix("").as_posix() if has_suffix else name
        key = plain.removeprefix(before).removesuffix(after)
        files = side.keyed.get(key, [])
        if len(files) > 1:
            raise InputError(f"{' and '.join(map(str, files))} have one name; remove one of them")
        if files:
            found[name] = files[0]
    if not found:
        raise InputError(
            f"no image in {folder} has the name of one of the {len(names)} that are measured, such as {names[0]}; give "
            "--match='{}_fake_B:{}' or such, of the generated images and of these"
        )
    return found


def shapes_of(headers: Sequence[Header]) -> np.ndarray:
    """Returns the sizes as `(n, 2)`."""
    return np.array([header.size for header in headers], np.int64)
