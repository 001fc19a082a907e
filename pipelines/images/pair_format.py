"""How a side-by-side file becomes a source and a target."""

import dataclasses

import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.size import MAX_PIXELS


@dataclasses.dataclass(frozen=True)
class PairFormat:
    """How a side-by-side file becomes a pair.

    Attributes:
      direction: `AtoB` (the left half is the source) or `BtoA`.
      size: (height, width) of each image.
      resize_method: one of choices.RESIZE_METHODS.
      source_channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
      target_channels: likewise.
      max_pixels: a file whose header says more is not decoded.
    """

    direction: str
    size: tuple[int, int]
    resize_method: str = "bicubic"
    source_channels: int = 3
    target_channels: int = 3
    max_pixels: int = MAX_PIXELS

    def read(self, contents: tf.Tensor) -> transforms.Pair:
        """The bytes of a side-by-side JPEG or PNG as (source, target), in [0, 1]."""
        with_alpha = transforms.has_alpha(self.source_channels) or transforms.has_alpha(self.target_channels)
        source, target = transforms.split(transforms.decode(contents, with_alpha, self.max_pixels), self.direction)
        return self._fit(source, self.source_channels), self._fit(target, self.target_channels)

    def read_source(self, contents: tf.Tensor, pair: bool, name: tf.Tensor | str = "it") -> transforms.Image:
        """The source alone, in [0, 1]: half of a side-by-side image where it is a pair, else the whole image.

        In errors it is called `name`.
        """
        image = transforms.decode(contents, transforms.has_alpha(self.source_channels), self.max_pixels, name)
        if pair:
            image, _ = transforms.split(image, self.direction)
        return self._fit(image, self.source_channels)

    def _fit(self, image: transforms.Image, channels: int) -> transforms.Image:
        return transforms.resize(transforms.to_channels(image, channels), self.size, self.resize_method)
