"""Encodes generated images as files that hold what the targets' files hold: the same numbers, channels and classes."""

import dataclasses
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.images import codecs
from pipelines.images.choices import RESULT_FORMATS
from pipelines.images.color import Color
from pipelines.images.formats.encoders import HOLDS, Tag
from pipelines.images.header import PNG_START
from pipelines.images.image_format import ImageFormat
from pipelines.images.label_colors import default_colors
from pipelines.system.terminal import InputError

# In a PNG: how many bytes the signature and the chunk IHDR take together; the color type of palettes, and the most
# colors of one (PNG specification, 5.2 and 11.2).
PNG_HEAD = 33
PALETTE = 3
MAX_COLORS = 256


@dataclasses.dataclass(frozen=True)
class ResultFormat:
    """A kind of file for generated images; made by `choose`.

    Attributes:
      name: one of choices.RESULT_FORMATS, but for `auto`.
      target: how the targets' files became what the generator learned.
      dtype: the type of the numbers.
    """

    name: str
    target: ImageFormat
    dtype: str

    @property
    def colors(self) -> Sequence[Color]:
        """Returns the colors of the classes, if the results are label maps."""
        return self.target.shown or self.target.palette or default_colors(self.target.labels)

    @property
    def suffix(self) -> str:
        """Returns the suffix of the files, such as `.png`."""
        return f".{self.name}"

    def numbers(self, image: tf.Tensor) -> np.ndarray:
        """Returns what a file of a generated image `(H, W, channels)` in [-1, 1] holds; of a label map `(H, W, 1)`."""
        return self.target.to_stored(image, self.dtype).numpy()

    def encode(self, image: tf.Tensor, tags: Sequence[Tag] = ()) -> bytes:
        """Encodes a generated image `(H, W, channels)` in [-1, 1].

        Args:
          image: of the generator.
          tags: further tags of a TIFF, as codecs.encode takes them.
        """
        if self.name == "png":
            return self.encode_png(image).numpy()
        tags = tags if self.name == "tif" else ()
        return codecs.encode(self.numbers(image), self.name, tags=tags, has_alpha=has_alpha(self.target, self.dtype))

    def encode_png(self, image: tf.Tensor) -> tf.Tensor:
        """Encodes a generated image as a PNG, by TensorFlow's operations alone: a scalar string.

        A label map, whose height and width must be known, gets a palette; its pixels are still the indices of classes.
        """
        png = tf.io.encode_png(self.target.to_stored(image, self.dtype))
        if not self.target.labels or self.dtype != "uint8":
            return png
        # An image with a palette differs from a gray one in its head alone: the same bytes follow.
        return tf.strings.join([_palette_head(image.shape[:2], self.colors), tf.strings.substr(png, PNG_HEAD, -1)])


def choose(name: str, target: ImageFormat, dtype: str) -> ResultFormat:
    """Returns the kind of file for results.

    Args:
      name: one of choices.RESULT_FORMATS; auto: PNG if it can hold them, else TIFF.
      target: as in ResultFormat.
      dtype: likewise.

    Raises:
      InputError: files of this format cannot hold the results.
    """
    if name not in RESULT_FORMATS:
        raise InputError(f"format={name!r} is unknown; give one of {', '.join(RESULT_FORMATS)}")
    if name == "auto":
        name = "tif" if why_not("png", target, dtype) else "png"
    elif reason := why_not(name, target, dtype):
        others = [each for each in RESULT_FORMATS[1:] if not why_not(each, target, dtype)]
        raise InputError(f"format={name} {reason}; give --format={' or '.join(others)}")
    return ResultFormat(name, target, dtype)


def why_not(name: str, target: ImageFormat, dtype: str) -> str | None:
    """Says why files of a format cannot hold a run's results, in words that follow its name; None if they can."""
    channels = 1 if target.labels else target.channels
    types, counts = HOLDS[name]
    if name == "jpg" and target.labels:
        return "changes numbers a little, and the results are classes"
    if name in ("png", "webp") and channels in (2, 4) and not has_alpha(target, dtype):
        return f"takes the last of {channels} channels for alpha, and with a range it is a channel like the others"
    if types and dtype not in types:
        return f"holds {' or '.join(types)}, and the results are {dtype}"
    if counts and channels not in counts:
        kinds = "no alpha" if channels in (2, 4) else f"{', '.join(map(str, counts))} channels"
        return f"has {kinds}, and this generator gives {channels} channels"
    return None


def has_alpha(target: ImageFormat, dtype: str) -> bool:
    """Tells whether the last of 2 or 4 channels is alpha. With a range, as bands of satellites have one, it is not."""
    return target.has_alpha and target.value_range is None and dtype in HOLDS["png"][0]


def _palette_head(size: Sequence[int], colors: Sequence[Color]) -> bytes:
    """Returns the beginning of a PNG with a palette: the signature, IHDR and PLTE."""
    height, width = size
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, PALETTE, 0, 0, 0))
    return PNG_START[:8] + head + _chunk(b"PLTE", np.asarray(colors[:MAX_COLORS], np.uint8).tobytes())


def _chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))
