"""What a folder of shards holds, in a file of its own: where it is, the shards are whole."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Sequence

from pipelines.storage.records import SHARD_SUFFIX, Shard
from pipelines.system.paths import AnyPath, put
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

MANIFEST_FILE = "manifest.json"
FORMAT = 1
KINDS = ("pairs", "images")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The shards of one folder.

    Attributes:
      kind: `pairs` (side by side, each decoded and split once) or `images`.
      records: in all shards.
      image_bytes: of the encoded images.
      channels: how many images have so many, as they are stored.
      heights: of the images as they are stored, (least, greatest).
      widths: likewise.
      shards: in the order of their records.
      skipped: images left out, with the reason.
    """

    kind: str
    records: int
    image_bytes: int
    channels: dict[str, int]
    heights: tuple[int, int]
    widths: tuple[int, int]
    shards: Sequence[Shard]
    skipped: dict[str, str]

    def fingerprint(self) -> str:
        """Tells whether these are the same records in the same order, by the shards' digests."""
        lines = "".join(f"{shard.name} {shard.records} {shard.sha256}\n" for shard in self.shards)
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

    def save(self, folder: AnyPath) -> None:
        """Writes it whole or not at all."""
        text = json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)
        put(folder / MANIFEST_FILE, text.encode() + b"\n")


def is_sharded(folder: AnyPath) -> bool:
    """Whether a folder holds shards that are whole."""
    return (folder / MANIFEST_FILE).is_file()


def load(folder: AnyPath) -> Manifest:
    """Reads a folder's manifest.

    Raises:
      InputError: it is damaged, or of another format.
    """
    path = folder / MANIFEST_FILE
    try:
        values = parse_json(path.read_text())
        found = values.pop("format")
        if found == FORMAT:
            values["shards"] = [Shard(**shard) for shard in values["shards"]]
            manifest = Manifest(**values)
            _check(manifest)
            return manifest
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} cannot be read; make the shards again by python -m pipelines.prepare shard") from None
    raise InputError(f"{path} has format {found!r:.20}, and this version reads {FORMAT}; make the shards again")


def _check(manifest: Manifest) -> None:
    """Raises ValueError or TypeError where a manifest is not as sharding writes it."""
    for shard in manifest.shards:
        # In this folder, and in no other; os.fsencode finds what is no text.
        if not re.fullmatch(rf"[^/\0]+{re.escape(SHARD_SUFFIX)}", shard.name) or not os.fsencode(shard.name):
            raise ValueError("a shard's name is none of ours")
        if any(type(digest) is not str for digest in (shard.sha256, shard.index_sha256)):
            raise TypeError("a digest is no text")
        if not (shard.sha256 + shard.index_sha256).isascii():
            raise ValueError("a digest is none")
    counts = [manifest.records, manifest.image_bytes, *manifest.channels.values(), *manifest.heights, *manifest.widths]
    counts += [count for shard in manifest.shards for count in (shard.records, shard.bytes)]
    if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
        raise ValueError("what counts something is no number")
    if not manifest.records or manifest.records != sum(shard.records for shard in manifest.shards):
        raise ValueError("its shards have more records, or fewer")
    if len(manifest.heights) != 2 or len(manifest.widths) != 2 or manifest.kind not in KINDS:
        raise ValueError("it is of another kind")
    manifest.skipped.items()
