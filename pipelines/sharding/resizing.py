"""Resizes pairs before they are packed, so that each epoch of a training only decodes them."""

import dataclasses
import io
import math

import numpy as np
import tensorflow as tf

from pipelines.images import byte_pair, transforms
from pipelines.images.fit import check_same_shape
from pipelines.images.header import BadImageError
from pipelines.images.packed_pair import files_of, pack
from pipelines.images.size import Size, format_size


@dataclasses.dataclass(frozen=True)
class Resizing:
    """Says how both sides of pairs are resized.

    Attributes:
      size: (height, width) of each side.
      methods: of A and B, of choices.RESIZE_METHODS.
    """

    size: Size
    methods: tuple[str, str] = ("bicubic", "bicubic")

    def __str__(self) -> str:
        return f"{format_size(self.size)} {' '.join(self.methods)}"

    @property
    def pair_bytes(self) -> int:
        """How many bytes a pair of RGB takes."""
        return 2 * 3 * math.prod(self.size)

    def apply(self, contents: bytes, max_pixels: int) -> bytes:
        """Returns a side-by-side file, or a packed pair, with sides of `size`, rounded to levels, as NPY.

        Their pixels are those of a training with resize_precision=levels. NPY is not compressed: to decode a PNG would
        take longer than to resize, and JPEG is not exact.

        Raises:
          BadImageError: a file is damaged, or its numbers are not bytes of gray or color.
        """
        files = files_of(contents)
        images = [_decode(file, max_pixels) for file in files]
        sides = [*tf.unstack(transforms.halves(images[0]))] if len(images) == 1 else images
        check_same_shape(sides[0], sides[1], is_scaled=True)
        sides = [self._resized(side, method) for side, method in zip(sides, self.methods, strict=True)]
        images = [tf.concat(sides, axis=1)] if len(images) == 1 else sides
        encoded = [_npy(image.numpy()) for image in images]
        return encoded[0] if len(encoded) == 1 else pack(*encoded)

    def _resized(self, side: tf.Tensor, method: str) -> tf.Tensor:
        return tf.cast(byte_pair.fit_bytes(side[None], self.size, method, is_rounded=True)[0], tf.uint8)


def _decode(file: bytes, max_pixels: int) -> tf.Tensor:
    contents = tf.constant(file)
    for channels in (1, 3):
        shape = (1, 1, channels)
        if byte_pair.holds_bytes(contents, shape):
            return byte_pair.decode(contents, shape, max_pixels)
    raise BadImageError(
        "it is no 8-bit gray or RGB JPEG or PNG without palette, alpha and color profile, and no other file is "
        "resized; leave out --load_size"
    )


def _npy(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, image, allow_pickle=False)
    return file.getvalue()
