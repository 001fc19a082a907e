"""Encodes generated images as files that hold what the targets' files hold: the same numbers, channels and classes."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.images import codecs
from pipelines.images.choices import RESULT_FORMATS
from pipelines.images.color import Color
from pipelines.images.formats.encoders import HOLDS, TIFF_FORMATS, Tag
from pipelines.images.formats.pixel_size import PixelSize
from pipelines.images.formats.row_encoders import png_head
from pipelines.images.image_format import ImageFormat
from pipelines.images.label_colors import default_colors
from pipelines.system.terminal import InputError

# Bytes of a PNG's signature and of the chunk IHDR together (PNG specification, 5.2 and 11.2).
PNG_HEAD = 33


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
    def channels(self) -> int:
        """Returns the channels of a file: one of a label map."""
        return 1 if self.target.labels else self.target.channels

    @property
    def has_alpha(self) -> bool:
        """Tells whether the last of 2 or 4 channels is alpha."""
        return has_alpha(self.target, self.dtype)

    @property
    def has_palette(self) -> bool:
        """Tells whether a PNG has a palette, whose indices are its pixels."""
        return bool(self.target.labels) and self.dtype == "uint8"

    @property
    def suffix(self) -> str:
        """Returns the suffix of the files, such as `.png`."""
        return f".{self.name}"

    def numbers(self, image: tf.Tensor) -> np.ndarray:
        """Returns what a file of a generated image `(H, W, channels)` in [-1, 1] holds; of a label map `(H, W, 1)`."""
        return self.target.numbers(np.asarray(image), self.dtype)

    def encode(self, image: tf.Tensor, tags: Sequence[Tag] = (), pixel_size: PixelSize | None = None) -> bytes:
        """Encodes a generated image `(H, W, channels)` in [-1, 1].

        Args:
          image: of the generator.
          tags: further tags of a TIFF, as codecs.encode takes them.
          pixel_size: how large a pixel is, for OME-TIFF.
        """
        return self.encode_numbers(self.numbers(image), tags, pixel_size)

    def encode_numbers(
        self, numbers: np.ndarray, tags: Sequence[Tag] = (), pixel_size: PixelSize | None = None
    ) -> bytes:
        """Encodes the `numbers` of an image, as `encode` does."""
        tags = tags if self.name in TIFF_FORMATS else ()
        file = codecs.encode(numbers, self.name, tags=tags, has_alpha=self.has_alpha, pixel_size=pixel_size)
        is_indexed = self.name == "png" and self.has_palette
        return _with_palette(tf.constant(file), self.colors).numpy() if is_indexed else file

    def encode_png(self, image: tf.Tensor) -> tf.Tensor:
        """Encodes a generated image as a PNG, by TensorFlow's operations alone: a scalar string.

        A label map gets a palette; its pixels are still the indices of classes. The pixels are those of `encode`, which
        takes less time; the file is a few percent smaller.
        """
        png = tf.io.encode_png(self.target.to_stored(image, self.dtype))
        return _with_palette(png, self.colors) if self.has_palette else png


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
    # A Zarr folder, which `storage.zarr_image` writes, holds everything.
    types, counts = HOLDS.get(name, ((), ()))
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


def _with_palette(png: tf.Tensor, colors: Sequence[Color]) -> tf.Tensor:
    """Gives a gray PNG of 8 bits, a scalar string, a palette: the same pixels, other bytes in its head alone.

    A checksum is linear: where two chunks of one length differ in the same bits, so do their checksums, whatever the
    size in them.
    """
    gray, with_colors = (png_head((1, 1, 1), 1, palette) for palette in (None, colors))
    changes = tuple(a ^ b for a, b in zip(gray[:PNG_HEAD], with_colors[:PNG_HEAD], strict=True))
    head = tf.bitwise.bitwise_xor(tf.io.decode_raw(tf.strings.substr(png, 0, PNG_HEAD), tf.uint8), changes)
    characters = tf.gather([bytes([i]) for i in range(256)], tf.cast(head, tf.int32))
    return tf.strings.join(
        [tf.strings.reduce_join(characters), with_colors[PNG_HEAD:], tf.strings.substr(png, PNG_HEAD, -1)]
    )
