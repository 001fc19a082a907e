"""What a set of images has in it, counted while each passes by."""

import collections
import struct

import tensorflow as tf

from pipelines.images import header
from pipelines.storage import records
from pipelines.storage.manifest import Manifest

# A PNG's channels by its kind of color; a palette has those of its colors.
PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


class Inventory:
    """Channels, heights, widths and bytes of encoded images."""

    def __init__(self):
        self.channels = collections.Counter()
        self.heights, self.widths = set(), set()
        self.image_bytes = 0

    def add(self, contents: bytes) -> None:
        """Looks at an image's header; it can be decoded."""
        height, width, channels = _shape(contents)
        self.channels[str(channels)] += 1
        self.heights.add(height)
        self.widths.add(width)
        self.image_bytes += len(contents)

    def to_dict(self) -> dict:
        """As JSON can hold it: sides are (least, greatest), or empty."""
        sides = {"heights": self.heights, "widths": self.widths}
        return {
            "channels": self.channels,
            "image_bytes": self.image_bytes,
            **{name: [min(values), max(values)] if values else [] for name, values in sides.items()},
        }


def _shape(contents: bytes) -> tuple[int, int, int]:
    """Height, width and channels of an image that the decoder takes; other readers may be stricter."""
    if not contents.startswith(header.PNG_SIGNATURE):
        return tuple(tf.io.extract_jpeg_shape(contents).numpy().tolist())
    start, length = header.PNG_SIZE
    width, height = struct.unpack(">II", contents[start : start + length])
    channels = PNG_CHANNELS[contents[header.PNG_COLOR_BYTE]]
    # A transparent color stands for a channel.
    return height, width, channels + (channels in (1, 3) and header.has_transparent_color(contents))


def summed(parts: list[dict], kind: str) -> Manifest:
    """The manifest of several shards.

    Args:
      parts: of each shard what Inventory.to_dict gives, with its records.Shard as a dict, `shard`, and `skipped`.
      kind: one of manifest.KINDS.
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
        shards=[records.Shard(**part["shard"]) for part in parts],
        skipped={name: reason for part in parts for name, reason in part["skipped"].items()},
    )
