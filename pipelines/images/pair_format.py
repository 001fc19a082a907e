"""Reads a side-by-side file, or two packed files, as a source and a target."""

import dataclasses

import numpy as np
import tensorflow as tf

from pipelines.images import byte_pair, codecs, fit, packed_pair, transforms
from pipelines.images.byte_pair import ChooseWindow
from pipelines.images.choices import (
    DIRECTIONS,
    MAX_CHANNELS,
    OWN_SHAPE,
    PREPROCESS,
    RESIZE_METHODS,
    RESIZE_PRECISIONS,
    RESIZE_TO,
)
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.kernels import can_read, decode_stored
from pipelines.images.packed_pair import naming_side
from pipelines.images.rare import rare
from pipelines.images.readers import call_python, choose_reader
from pipelines.images.size import MAX_PIXELS, Size, middle_size, parse_size
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
      crop: (height, width) that networks see, cut from the middle; by default `size`.
      random_crop: whether that crop is left to training, which chooses its place.
      whole: whether pictures that keep their shapes (choices.OWN_SHAPE) are scaled only, not cropped.
      middle_pixels: of a larger picture only the middle is read, with at most so many pixels; 0: all of it.
      resize_to: whose size both sides get, `a` or `b`; `none` refuses sides of different shapes.
      precision: one of choices.RESIZE_PRECISIONS, if there is a random crop; else `exact` whatever it says.
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
    random_crop: bool = False
    whole: bool = False
    middle_pixels: int = 0
    resize_to: str = "none"
    precision: str = "exact"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("direction", self.direction, DIRECTIONS),
            ("preprocess", self.preprocess, PREPROCESS),
            ("resize_to", self.resize_to, RESIZE_TO),
            ("precision", self.precision, RESIZE_PRECISIONS),
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

    @property
    def network_size(self) -> Size:
        """(height, width) that networks see."""
        return self.crop or self.size

    @property
    def shape(self) -> Size | None:
        """(height, width) of all images that are read; None if they differ."""
        if self.whole and self.preprocess in OWN_SHAPE:
            return None
        if self.preprocess == "none" or not self.random_crop:
            return middle_size(self.network_size, self.middle_pixels) if self.middle_pixels else self.network_size
        return self.size if self.preprocess in ("resize_and_crop", "pad") else None

    @property
    def least_size(self) -> Size:
        """(height, width) that every image has at least."""
        return self.shape or ((1, 1) if self.whole else self.network_size)

    def read(
        self,
        contents: tf.Tensor,
        is_packed: bool | None = None,
        choose: ChooseWindow | None = None,
        window_size: Size | None = None,
    ) -> transforms.Pair:
        """Returns (source, target) in [0, 1], from the bytes of a side-by-side file or of a packed pair.

        Args:
          contents: a scalar string, or bytes.
          is_packed: whether it is a packed pair; None looks at the bytes, for which a graph has both ways.
          choose: from the pair's (height, width) to the window of it that is returned; None for all.
          window_size: (height, width) of all windows, if they have one.

        Raises:
          BadImageError: eagerly, if a file is bad or does not fit; it names the side.
          tf.errors.OpError: in a graph, likewise.
        """
        contents = tf.convert_to_tensor(contents)
        if is_packed is None and tf.executing_eagerly():
            is_packed = packed_pair.is_packed(contents.numpy())

        def in_floats() -> transforms.Pair:
            source, target = self.read_sides(contents, is_packed)
            source, target = self._fit(source, self.source), self._fit(target, self.target)
            if choose is None:
                return source, target
            window = choose(tf.shape(source)[:2])
            return fit.cut(source, window, window_size), fit.cut(target, window, window_size)

        if is_packed is None or not self._may_be_bytes:
            return in_floats()
        files = self._unpacked(contents) if is_packed else (contents,)
        reader = byte_pair.Reader(
            self.size,
            self.source.channels,
            (self.of_side("A").resize_method, self.of_side("B").resize_method),
            self.precision == "levels",
            self.max_pixels,
        )

        def in_bytes() -> transforms.Pair:
            a, b = reader.read(files, choose, window_size)
            return (a, b) if self.direction == "AtoB" else (b, a)

        source, target = tf.cond(
            reader.can_read(files), in_bytes, in_floats if tf.executing_eagerly() else rare(in_floats)
        )
        sides = self.size if choose is None else window_size or (None, None)
        result = (*sides, self.source.channels)
        return tf.ensure_shape(source, result), tf.ensure_shape(target, result)

    def read_source(
        self, contents: tf.Tensor, pair: bool, name: tf.Tensor | str = "it", in_model: bool = False
    ) -> transforms.Image:
        """Returns the source alone, in [0, 1], at the size that it has in the file.

        Args:
          contents: the bytes of an image file, or of a pair.
          pair: whether it is a pair, and half of it is the source.
          name: names the image in the errors of a graph.
          in_model: as ImageFormat.read has it.
        """
        if not pair:
            return self.source.read(contents, name, in_model)
        # A packed pair is no JPEG or PNG.
        if tf.executing_eagerly() and not self._needs_python and can_read(contents):
            return self.source.from_stored(decode_stored(contents, self.max_pixels, half=self.sides()[0]))
        return self.read_sides(contents)[0]

    @property
    def has_windows(self) -> bool:
        """Whether windows of images may be read, instead of whole ones: training's crops, or the middle of each."""
        needs_whole = any(side.percentiles for side in (self.source, self.target))
        keeps_scale = self.preprocess == "crop" or (self.whole and self.preprocess == "none")
        wants_parts = self.random_crop or (self.whole and self.middle_pixels > 0)
        return wants_parts and keeps_scale and self.resize_to == "none" and not needs_whole

    def read_sides(self, contents: tf.Tensor, is_packed: bool | None = None) -> transforms.Pair:
        """Returns source and target as they are stored, in [0, 1]; args and errors are those of `read`."""
        if is_packed is not None:
            return self._read_packed(contents) if is_packed else self._read_halves(contents)
        return tf.cond(
            packed_pair.is_packed_in_graph(contents),
            lambda: self._read_packed(contents),
            lambda: self._read_halves(contents),
        )

    @property
    def _may_be_bytes(self) -> bool:
        """Whether pairs of 8 bits are resized as bytes."""
        sides = (self.source, self.target)
        as_stored = not any(side.needs_python or side.value_range for side in sides)
        alike = self.source.channels == self.target.channels
        squeezed = self.preprocess == "resize_and_crop" and self.resize_to == "none"
        return self.random_crop and self.precision != "exact" and squeezed and alike and as_stored

    def _unpacked(self, contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the files of A and B."""
        if not tf.executing_eagerly():
            return packed_pair.unpack_in_graph(contents)
        a, b = (tf.constant(part) for part in packed_pair.unpack(contents.numpy()))
        return a, b

    def _read_packed(self, contents: tf.Tensor) -> transforms.Pair:
        files = dict(zip("AB", self._unpacked(contents), strict=True))
        images = {}
        for side in "AB":
            with naming_side(side):
                images[side] = self.of_side(side).read(files[side], name=f"side {side}")
        source, target = (self._resized(images, side) for side in self.sides())
        return source, target

    def _resized(self, images: dict[str, transforms.Image], side: str) -> transforms.Image:
        """Returns a side of two files, in the size of resize_to."""
        if self.resize_to != "none":
            size = tf.shape(images[self.resize_to.upper()])[:2]
            return transforms.resize(images[side], size, self.of_side(side).resize_method)
        is_scaled = self.preprocess in ("resize_and_crop", "pad")
        with tf.control_dependencies(fit.check_same_shape(images["A"], images["B"], is_scaled)):
            return tf.identity(images[side])

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

        return choose_reader(contents, by_kernels, in_python, self._needs_python)

    @property
    def _needs_python(self) -> bool:
        return self.source.needs_python or self.target.needs_python

    def _halves_of(self, contents: bytes) -> list[np.ndarray]:
        """Returns source and target of a side-by-side file, in Python."""
        source, target = self.split_raster(self.decode_whole(contents))
        return [self.source.from_raster(source), self.target.from_raster(target)]

    def decode_whole(self, contents: bytes) -> codecs.Raster:
        """Returns the stored numbers of a side-by-side file; raises BadImageError if it has no two halves."""
        as_indices = self.halves_are_indices()
        raster = codecs.decode(contents, self.source.axes, self.max_pixels, indices=as_indices)
        if raster.values.shape[1] % 2:
            raise BadImageError(transforms.ODD_WIDTH)
        return raster

    def split_raster(self, raster: codecs.Raster) -> tuple[codecs.Raster, codecs.Raster]:
        """Returns the source's half of what `decode_whole` returns, and the target's."""
        half = raster.values.shape[1] // 2
        a, b = (dataclasses.replace(raster, values=part) for part in (raster.values[:, :half], raster.values[:, half:]))
        return (a, b) if self.direction == "AtoB" else (b, a)

    def halves_are_indices(self) -> bool:
        """Tells whether a palette's indices are classes: only if both halves are."""
        return self.source.holds_indices and self.target.holds_indices

    def sides(self) -> str:
        """Returns which side is the source, then which is the target."""
        return "AB" if self.direction == "AtoB" else "BA"

    def of_side(self, side: str) -> ImageFormat:
        """Returns how the files of `A` or `B` are read."""
        return self.source if side == self.sides()[0] else self.target

    def _fit(self, image: transforms.Image, side: ImageFormat) -> transforms.Image:
        if self.whole and self.preprocess in OWN_SHAPE:
            return self._middle(fit.scale(image, self.size, self.preprocess, side.resize_method, self.network_size))
        image = fit.fit(image, self.size, self.preprocess, side.resize_method, self.network_size, side.border)
        if self.random_crop or image.shape[:2] == self.network_size:
            return self._middle(image)
        return fit.cut(image, fit.center_window(tf.shape(image)[:2], self.network_size), self.network_size)

    def _middle(self, image: transforms.Image) -> transforms.Image:
        """Cuts the middle out of a picture that has more than middle_pixels."""
        if not self.middle_pixels or self.shape == image.shape[:2]:
            return image
        return fit.cut(image, self.middle_window(tf.shape(image)[:2]), self.shape)

    def middle_window(self, shape: tf.Tensor | Size) -> tf.Tensor:
        """Returns (top, left, height, width) of what is read of a picture with this (height, width)."""
        return fit.middle_window(shape, self.middle_pixels)
