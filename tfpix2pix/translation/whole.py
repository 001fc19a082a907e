"""Translates whole pictures in batches that fit into memory."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import tensorflow as tf

from pipelines.images import codecs, fit, packed_pair, transforms
from pipelines.images.choices import OWN_SHAPE
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import DAMAGED, BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, next_multiple
from pipelines.images.whole_source import read_whole_source
from pipelines.storage.validity import read_file
from pipelines.storage.zarr_image import ZarrImage, as_npy, is_zarr
from tfpix2pix.translation.memory_budget import batches
from tfpix2pix.translation.options import SizeOptions

# Batches that are read before their turn. The network keeps all cores busy, so that one read may take longer than one
# batch; a source takes little memory beside the network.
READ_AHEAD = 3
# A file, or the bytes of one.
Picture: TypeAlias = pathlib.Path | bytes
# `(H, W, target_channels)` in [-1, 1], or why there is none.
Result: TypeAlias = tf.Tensor | BadImageError


@dataclasses.dataclass(frozen=True)
class Source:
    """A picture as the generator takes it.

    Attributes:
      image: `(H, W, source_channels)` in [-1, 1].
      window: (top, left, height, width) of the picture in it; around it are a border or reflections.
      size: (height, width) of the picture in its file.
    """

    image: tf.Tensor
    window: tuple[int, ...]
    size: Size


@dataclasses.dataclass(frozen=True)
class WholePictures:
    """Translates pictures that are brought to one scale whole.

    Attributes:
      generate: maps `(N, H, W, source_channels)` to `(N, H, W, target_channels)`, both in [-1, 1], for all H and W.
      form: how sources are read, as fit_choice.source_format has it.
      pairs: whether each picture is a pair, whose source half is translated.
      step: sides that the generator sees are multiples of it.
      options: say what size results have.
      room: the most pixels that the generator takes at a time.
      batch_size: the most pictures that it takes at a time.
    """

    generate: Callable[[tf.Tensor], tf.Tensor]
    form: PairFormat
    pairs: bool
    step: int
    options: SizeOptions
    room: int
    batch_size: int

    def pixels(self, picture: Picture) -> int:
        """Returns how many pixels the generator will see of a picture, by its header; 0 if that cannot be read."""
        with contextlib.suppress(BadImageError, OSError):
            return math.prod(next_multiple(self._scaled_size(picture), self.step))
        return 0

    def translate(self, pictures: Sequence[Picture], pixels: Sequence[int]) -> Iterator[Result]:
        """Yields the result of each picture, in order; reads the next batches while one is translated.

        Args:
          pictures: any number.
          pixels: of each, as `pixels` has it.
        """
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            ahead: collections.deque[list[concurrent.futures.Future[Source | BadImageError]]] = collections.deque()
            for batch in [*batches(pictures, pixels, self.batch_size, self.room), *[[]] * READ_AHEAD]:
                ahead.append([pool.submit(self._read, picture) for picture in batch])
                if len(ahead) <= READ_AHEAD:
                    continue
                sources = [future.result() for future in ahead.popleft()]
                good = [source for source in sources if not isinstance(source, BadImageError)]
                generated = iter(self._translated(good))
                yield from (source if isinstance(source, BadImageError) else next(generated) for source in sources)

    def _scaled_size(self, picture: Picture) -> Size:
        if self.form.preprocess not in OWN_SHAPE:
            return self.form.size
        if isinstance(picture, pathlib.Path) and is_zarr(picture):
            return self._scaled(ZarrImage(picture, self.form.source.axes, math.inf).header)
        with contextlib.ExitStack() as stack:
            contents = picture if isinstance(picture, bytes) else stack.enter_context(StoredFile(picture))
            if isinstance(contents, bytes) and packed_pair.is_packed(contents):
                contents = packed_pair.unpack(contents)[self.form.sides() == "BA"]
            return self._scaled(codecs.probe(contents, self.form.source.axes))

    def _scaled(self, header: codecs.Header) -> Size:
        shape = header.height, header.width // (2 if self.pairs else 1)
        form = self.form
        height, width = fit.scaled_size(shape, form.size, form.preprocess, form.network_size).numpy().tolist()
        return height, width

    def read_own(self, picture: Picture) -> tf.Tensor:
        """Reads a source, `(H, W, channels)` in [0, 1], at the size that it has; raises BadImageError if it cannot."""

        def decode(contents: bytes) -> tf.Tensor:
            return self.form.read_source(tf.constant(contents), self.pairs)

        return decode(picture) if isinstance(picture, bytes) else read_file(picture, decode, self.form.max_pixels)

    def _read(self, picture: Picture) -> Source | BadImageError:
        """Reads a source; returns the error if it cannot be read."""

        def decode(contents: bytes) -> Source:
            image, window, size = read_whole_source(self.form, tf.constant(contents), self.pairs, self.step)
            height, width = size.numpy().tolist()
            return Source(transforms.normalize(image), tuple(window.numpy().tolist()), (height, width))

        try:
            if isinstance(picture, pathlib.Path) and is_zarr(picture):
                picture = as_npy(picture, self.form.source.axes, self.form.max_pixels)
            return decode(picture) if isinstance(picture, bytes) else read_file(picture, decode, self.form.max_pixels)
        except BadImageError as error:
            return error
        except tf.errors.InvalidArgumentError:
            return BadImageError(DAMAGED)

    def _translated(self, sources: Sequence[Source]) -> list[tf.Tensor]:
        """Translates sources, those of one shape together."""
        results: dict[int, tf.Tensor] = {}
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, source in enumerate(sources):
            by_shape.setdefault(tuple(source.image.shape), []).append(i)
        for places in by_shape.values():
            images = [sources[i].image for i in places]
            # To stack a single one would copy it.
            generated = self.generate(images[0][None] if len(images) == 1 else tf.stack(images))
            results.update((i, self._sized(image, sources[i])) for i, image in zip(places, generated, strict=True))
        return [results[i] for i in range(len(sources))]

    def _sized(self, generated: tf.Tensor, source: Source) -> tf.Tensor:
        """Cuts what lies around the picture, and resizes the rest to the size that was asked for."""
        is_all = source.window == (0, 0, *generated.shape[:2])
        image = generated if is_all else fit.cut(generated, tf.constant(source.window))
        size = self.options.result_size(source.size, tuple(image.shape[:2]))
        if tuple(image.shape[:2]) == size:
            return image
        return self.form.target.resize_generated(image, size)
