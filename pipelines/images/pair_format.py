"""Reads a side-by-side file as a source and a target."""

import dataclasses

import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.choices import DIRECTIONS, RESIZE_METHODS
from pipelines.images.size import MAX_PIXELS, parse_size
from pipelines.system.terminal import InputError


@dataclasses.dataclass(frozen=True)
class PairFormat:
    """Describes how a side-by-side file becomes a pair.

    Attributes:
      direction: `AtoB` (the left half is the source) or `BtoA`.
      size: (height, width) of each image.
      resize_method: one of choices.RESIZE_METHODS.
      source_channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
      target_channels: likewise.
      max_pixels: a file with more pixels, by its header, is not decoded.

    Raises:
      InputError: one of them is out of its range.
    """

    direction: str
    size: tuple[int, int]
    resize_method: str = "bicubic"
    source_channels: int = 3
    target_channels: int = 3
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name, choices in (
            ("direction", DIRECTIONS),
            ("resize_method", RESIZE_METHODS),
            ("source_channels", (1, 2, 3, 4)),
            ("target_channels", (1, 2, 3, 4)),
        ):
            if getattr(self, name) not in choices:
                allowed = ", ".join(map(str, choices))
                raise InputError(f"{name}={getattr(self, name)!r} is not one of {allowed}; give one of these")
        parse_size("size", self.size)
        if self.max_pixels < 1:
            raise InputError(f"max_pixels={self.max_pixels!r} must be at least 1")

    def read(self, contents: tf.Tensor) -> transforms.Pair:
        """Returns (source, target) in [0, 1], from the bytes of a side-by-side JPEG or PNG."""
        with_alpha = transforms.has_alpha(self.source_channels) or transforms.has_alpha(self.target_channels)
        source, target = transforms.split(transforms.decode(contents, with_alpha, self.max_pixels), self.direction)
        return self._fit(source, self.source_channels), self._fit(target, self.target_channels)

    def read_source(self, contents: tf.Tensor, pair: bool, name: tf.Tensor | str = "it") -> transforms.Image:
        """Returns the source alone, in [0, 1].

        Args:
          contents: the bytes of a JPEG or PNG.
          pair: whether it is side-by-side, and half of it is the source.
          name: names the image in the errors of a graph.
        """
        image = transforms.decode(contents, transforms.has_alpha(self.source_channels), self.max_pixels, name)
        if pair:
            image, _ = transforms.split(image, self.direction)
        return self._fit(image, self.source_channels)

    def _fit(self, image: transforms.Image, channels: int) -> transforms.Image:
        return transforms.resize(transforms.to_channels(image, channels), self.size, self.resize_method)
