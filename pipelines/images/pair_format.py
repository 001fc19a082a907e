"""Reads a side-by-side file, or two packed files, as a source and a target."""

import dataclasses

import numpy as np
import tensorflow as tf

from pipelines.images import codecs, packed_pair, transforms
from pipelines.images.choices import DIRECTIONS, MAX_CHANNELS, PREPROCESS, RESIZE_METHODS, RESIZE_TO
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat, call_python, choose_reader
from pipelines.images.kernels import decode_stored
from pipelines.images.size import MAX_PIXELS, Size, parse_size
from pipelines.system.terminal import InputError


@dataclasses.dataclass(frozen=True)
class PairFormat:
    """Describes how a side-by-side file, or a packed pair of files, becomes a pair.

    Attributes:
      direction: `AtoB` (the left half, or the first file, is the source) or `BtoA`.
      size: (height, width) of each image.
      source: how the source's numbers are read.
      target: likewise.
      preprocess: one of choices.PREPROCESS.
      crop: (height, width) that is cut from the middle of images that keep their own shape; None leaves them whole.
      resize_to: whose size both sides get, `a` or `b`; `none` refuses sides of different shapes.
      max_pixels: a file with more pixels, by its header, is not decoded.

    Raises:
      InputError: one of them is out of its range.
    """

    direction: str
    size: Size
    source: ImageFormat = dataclasses.field(default_factory=ImageFormat)
    target: ImageFormat = dataclasses.field(default_factory=ImageFormat)
    preprocess: str = "resize_and_crop"
    crop: Size | None = None
    resize_to: str = "none"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("direction", self.direction, DIRECTIONS),
            ("preprocess", self.preprocess, PREPROCESS),
            ("resize_to", self.resize_to, RESIZE_TO),
            ("source.resize_method", self.source.resize_method, RESIZE_METHODS),
            ("target.resize_method", self.target.resize_method, RESIZE_METHODS),
        ):
            if value not in choices:
                raise InputError(f"{name}={value!r} is not one of {', '.join(choices)}; give one of these")
        for name, side in (("source", self.source), ("target", self.target)):
            if not 1 <= side.channels <= MAX_CHANNELS:
                raise InputError(f"{name}_channels={side.channels!r} is out of range; give 1 to {MAX_CHANNELS}")
        parse_size("size", self.size)
        if self.max_pixels < 1:
            raise InputError(f"max_pixels={self.max_pixels!r} must be at least 1")
        for name in ("source", "target"):
            # One limit for both.
            object.__setattr__(self, name, dataclasses.replace(getattr(self, name), max_pixels=self.max_pixels))

    def read(self, contents: tf.Tensor, is_packed: bool | None = None) -> transforms.Pair:
        """Returns (source, target) in [0, 1], from the bytes of a side-by-side file or of a packed pair.

        Args:
          contents: a scalar string, or bytes.
          is_packed: whether it is a packed pair; None looks at the bytes, for which a graph has both ways.

        Raises:
          BadImageError: eagerly, if a file is bad or does not fit; it names the side.
          tf.errors.OpError: in a graph, likewise.
        """
        contents = tf.convert_to_tensor(contents)
        if is_packed is None and tf.executing_eagerly():
            is_packed = packed_pair.is_packed(contents.numpy())
        if is_packed is not None:
            source, target = self._read_packed(contents) if is_packed else self._read_halves(contents)
        else:
            source, target = tf.cond(
                packed_pair.is_packed_in_graph(contents),
                lambda: self._read_packed(contents),
                lambda: self._read_halves(contents),
            )
        return self._fit(source, self.source), self._fit(target, self.target)

    def read_source(
        self, contents: tf.Tensor, pair: bool, name: tf.Tensor | str = "it", in_model: bool = False
    ) -> transforms.Image:
        """Returns the source alone, in [0, 1].

        Args:
          contents: the bytes of an image file, or of a pair.
          pair: whether it is a pair, and half of it is the source.
          name: names the image in the errors of a graph.
          in_model: as ImageFormat.read has it.
        """
        if pair:
            return self.read(contents)[0]
        return self._fit(self.source.read(contents, name, in_model), self.source)

    def _read_packed(self, contents: tf.Tensor) -> transforms.Pair:
        if tf.executing_eagerly():
            a, b = (tf.constant(part) for part in packed_pair.unpack(contents.numpy()))
        else:
            a, b = packed_pair.unpack_in_graph(contents)
        files = {"A": a, "B": b}
        images = [_naming_side(side, self._of_side(side), files[side]) for side in self._sides()]
        return images[0], images[1]

    def _read_halves(self, contents: tf.Tensor) -> transforms.Pair:
        """Reads a side-by-side file, which is decoded once."""

        def by_kernels() -> transforms.Pair:
            stored = decode_stored(contents, self.max_pixels)
            source, target = transforms.split(stored.image, self.direction)
            return (
                self.source.from_stored(stored._replace(image=source)),
                self.target.from_stored(stored._replace(image=target)),
            )

        def in_python() -> transforms.Pair:
            source, target = call_python(self._halves_of, contents, [self.source.channels, self.target.channels])
            return source, target

        needs_python = self.source.needs_python or self.target.needs_python
        return choose_reader(contents, by_kernels, in_python, needs_python)

    def _halves_of(self, contents: bytes) -> list[np.ndarray]:
        """Returns source and target of a side-by-side file, in Python."""
        # A palette's indices are classes only if both halves are.
        as_indices = all(side.labels and side.palette is None for side in (self.source, self.target))
        axes = self.source.axes
        raster = codecs.decode(contents, axes, self.max_pixels, indices=as_indices)
        width = raster.values.shape[1]
        if width % 2:
            raise BadImageError(transforms.ODD_WIDTH)
        halves = {
            "A": dataclasses.replace(raster, values=raster.values[:, : width // 2]),
            "B": dataclasses.replace(raster, values=raster.values[:, width // 2 :]),
        }
        return [self._of_side(side).from_raster(halves[side]) for side in self._sides()]

    def _sides(self) -> str:
        """Returns which side is the source, then which is the target."""
        return "AB" if self.direction == "AtoB" else "BA"

    def _of_side(self, side: str) -> ImageFormat:
        return self.source if side == self._sides()[0] else self.target

    def _fit(self, image: transforms.Image, side: ImageFormat) -> transforms.Image:
        return transforms.resize(image, self.size, side.resize_method)


def _naming_side(side: str, form: ImageFormat, contents: tf.Tensor) -> transforms.Image:
    """Reads the file of one side, `A` or `B`, which its errors name."""
    try:
        return form.read(contents, name=f"side {side}")
    except BadImageError as error:
        raise BadImageError(f"side {side}: {error.reason}") from None
