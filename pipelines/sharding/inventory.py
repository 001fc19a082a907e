"""Counts what a set of images contains, image by image."""

import collections
import struct
from collections.abc import Mapping

import tensorflow as tf

from pipelines.images import codecs, header
from pipelines.images.packed_pair import files_of
from pipelines.storage.manifest import Manifest, Shard


class Inventory:
    """Counts channels, heights, widths and bytes of encoded images.

    Args:
      axes: of arrays that do not say.
    """

    def __init__(self, axes: str = "") -> None:
        self._axes = axes
        self.channels: collections.Counter[str] = collections.Counter()
        self.heights: set[int] = set()
        self.widths: set[int] = set()
        self.image_bytes = 0

    def add(self, contents: bytes) -> None:
        """Counts an image, or a pair of two, that can be decoded, by its header."""
        sides = [_shape(side, self._axes) for side in files_of(contents)]
        self.channels[" and ".join(str(channels) for _, _, channels in sides)] += 1
        self.heights.update(height for height, _, _ in sides)
        self.widths.update(width for _, width, _ in sides)
        self.image_bytes += len(contents)

    def to_dict(self) -> dict:
        """Returns the counts for JSON; sides are (smallest, largest), or empty."""
        sides = {"heights": self.heights, "widths": self.widths}
        return {
            "channels": self.channels,
            "image_bytes": self.image_bytes,
            **{name: [min(values), max(values)] if values else [] for name, values in sides.items()},
        }


def _shape(contents: bytes, axes: str) -> tuple[int, int, int]:
    """Returns height, width and channels as stored; other readers than TensorFlow may refuse a JPEG or PNG."""
    if codecs.format_of(contents) not in ("png", "jpeg"):
        found = codecs.probe(contents, axes)
        return found.height, found.width, found.channels
    if not contents.startswith(header.PNG_SIGNATURE):
        return tuple(tf.io.extract_jpeg_shape(contents).numpy().tolist())
    start, length = header.PNG_SIZE
    width, height = struct.unpack(">II", contents[start : start + length])
    channels = header.PNG_CHANNELS[contents[header.PNG_COLOR_BYTE]]
    # A transparent color counts as an alpha channel.
    return height, width, channels + (channels in (1, 3) and header.has_transparent_color(contents))


def summed(parts: list[dict], kind: str, left_out: Mapping[str, str] | None = None) -> Manifest:
    """Sums up the manifest of several shards.

    Args:
      parts: Inventory.to_dict of each shard, with `shard`, its manifest.Shard as a dict, and `skipped`.
      kind: one of manifest.KINDS.
      left_out: what no shard's part names, with the reason.
    """
    channels = sum((collections.Counter(part["channels"]) for part in parts), collections.Counter())
    heights, widths = ([side for part in parts for side in part[name]] for name in ("heights", "widths"))
    return Manifest(
        kind=kind,
        records=sum(part["shard"]["records"] for part in parts),
        image_bytes=sum(part["image_bytes"] for part in parts),
        channels=dict(sorted(channels.items())),
        heights=(min(heights, default=0), max(heights, default=0)),
        widths=(min(widths, default=0), max(widths, default=0)),
        shards=[Shard(**part["shard"]) for part in parts],
        skipped={
            **(left_out or {}),
            **{name: reason for part in parts for name, reason in part["skipped"].items()},
        },
    )
