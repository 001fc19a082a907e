"""Describes a folder of shards in manifest.json, which is written last: if it exists, the shards are complete."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Sequence

from pipelines.images.size import parse_size
from pipelines.system.disk import write_whole
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

MANIFEST_FILE = "manifest.json"
FORMAT = 1
KINDS = ("pairs", "images")
SHARD_SUFFIX = ".tfrecord"


@dataclasses.dataclass(frozen=True)
class Shard:
    """Describes a shard.

    Attributes:
      name: of its file; its index lies beside it.
      records: their number.
      bytes: of the file.
      sha256: of the file, in hex.
      index_sha256: of the index.
    """

    name: str
    records: int
    bytes: int
    sha256: str
    index_sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Describes the shards of one folder.

    Attributes:
      kind: `pairs` (side by side, each decoded and split once) or `images`.
      records: the number in all shards.
      image_bytes: of the encoded images.
      channels: number of stored channels to number of images.
      heights: of the stored images, (smallest, largest).
      widths: likewise.
      shards: in the order of their records.
      skipped: the images that were left out, with the reason.
      load_size: (height, width) to which both sides of all pairs were resized; None: images are as they were.
      resize_methods: by which A and B were.
    """

    kind: str
    records: int
    image_bytes: int
    channels: dict[str, int]
    heights: tuple[int, int]
    widths: tuple[int, int]
    shards: Sequence[Shard]
    skipped: dict[str, str]
    load_size: tuple[int, int] | None = None
    resize_methods: tuple[str, str] | None = None

    def fingerprint(self) -> str:
        """Returns a digest of the records and their order, by the shards' digests."""
        lines = "".join(f"{shard.name} {shard.records} {shard.sha256}\n" for shard in self.shards)
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

    def describe(self) -> str:
        """Describes the shards in one line, and lists below it what was skipped."""
        sides = "x".join("-".join(map(str, sorted({*each}))) for each in (self.heights, self.widths))
        channels = ", ".join(f"{count} of {number} channels" for number, count in self.channels.items())
        skipped = "".join(f"\n  skipped {name}: {reason}" for name, reason in self.skipped.items())
        resized = f" (resized by {' and '.join(self.resize_methods)})" if self.resize_methods else ""
        return (
            f"{self.records} {self.kind} in {len(self.shards)} shards, {self.image_bytes} bytes, "
            f"{sides}{resized}, {channels}; fingerprint {self.fingerprint()[:12]}{skipped}"
        )

    def save(self, folder: AnyPath) -> None:
        """Writes manifest.json, whole or not at all."""
        values = dataclasses.asdict(self)
        if not self.load_size:
            # Versions before 0.3 read all shards but those of resized pairs.
            del values["load_size"], values["resize_methods"]
        text = json.dumps({"format": FORMAT, **values}, indent=1)
        write_whole(folder / MANIFEST_FILE, text + "\n")


def is_sharded(folder: AnyPath) -> bool:
    """Tells whether a folder has complete shards."""
    return (folder / MANIFEST_FILE).is_file()


def load(folder: AnyPath) -> Manifest:
    """Reads a folder's manifest.

    Raises:
      InputError: it is damaged, or of another format version.
    """
    path = folder / MANIFEST_FILE
    try:
        values = parse_json(path.read_text())
        found = values.pop("format")
        if found == FORMAT:
            values["shards"] = [Shard(**shard) for shard in values["shards"]]
            if values.get("load_size"):
                values["load_size"], values["resize_methods"] = (
                    tuple(values[name]) for name in ("load_size", "resize_methods")
                )
            manifest = Manifest(**values)
            _check(manifest)
            return manifest
    except (ValueError, KeyError, TypeError, AttributeError, InputError):
        raise InputError(f"{path} cannot be read; make the shards again by python -m pipelines.prepare shard") from None
    raise InputError(f"{path} has format {found!r:.20}, and this version reads {FORMAT}; make the shards again")


def _check(manifest: Manifest) -> None:
    """Raises ValueError or TypeError for a manifest that sharding would not write."""
    for shard in manifest.shards:
        # The shard has to lie in this folder. os.fsencode raises for what no file can be called.
        if not re.fullmatch(rf"[^/\0]+{re.escape(SHARD_SUFFIX)}", shard.name) or not os.fsencode(shard.name):
            raise ValueError("the name of a shard is invalid")
        if any(type(digest) is not str for digest in (shard.sha256, shard.index_sha256)):
            raise TypeError("a digest is not a text")
        if not (shard.sha256 + shard.index_sha256).isascii():
            raise ValueError("a digest is invalid")
    counts = [manifest.records, manifest.image_bytes, *manifest.channels.values(), *manifest.heights, *manifest.widths]
    counts += [count for shard in manifest.shards for count in (shard.records, shard.bytes)]
    if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
        raise ValueError("a count is not a number")
    if not manifest.records or manifest.records != sum(shard.records for shard in manifest.shards):
        raise ValueError("its shards have another number of records")
    if len(manifest.heights) != 2 or len(manifest.widths) != 2 or manifest.kind not in KINDS:
        raise ValueError("its kind or its sizes are invalid")
    if manifest.load_size is not None:
        parse_size("load_size", manifest.load_size)
        if len(manifest.resize_methods or ()) != 2:
            raise ValueError("it does not say how its pairs were resized")
    manifest.skipped.items()
