"""Translates tiles of a picture with statistics that all its tiles share.

With norm_statistics=image, and with instance norm, each image is normalized by its own mean and variance. Tiles of one
picture would each have others, and seams would show. So the statistics of the whole picture are estimated from groups
of its tiles first, and then all tiles are translated with these.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from pipelines.images.size import Size
from tfpix2pix.networks.layers.normalization import BatchNormalization


class TileNetwork(Protocol):
    """What `translate_tiled` needs of a generator; another one than this module's is a served model's signatures.

    Attributes:
      has_statistics: whether images are normalized by statistics of their own, which tiles have to share.
    """

    has_statistics: bool

    def measure(self, tiles: tf.Tensor) -> tf.Tensor:
        """Returns mean and variance of each normalized channel over all tiles, `(2, K)`, layer after layer.

        Each layer is computed with the tiles' own statistics of the layers before it, as batch norm in training is.

        Args:
          tiles: `(N, h, w, source_channels)` in [-1, 1].
        """

    def generate(self, tiles: tf.Tensor, statistics: tf.Tensor | None) -> tf.Tensor:
        """Translates tiles `(N, h, w, source_channels)` to `(N, h, w, target_channels)`, both in [-1, 1].

        Args:
          tiles: of one picture.
          statistics: as `measure` returns them; None: as the generator translates whole images.
        """


class SharedStatistics:
    """A TileNetwork of a Keras generator; it shares the generator's layers, and copies no weights.

    TensorFlow traces each function once for the native size and once for all others together.

    Args:
      generator: one of GENERATORS, for the sizes that tiles may have.
      native: (height, width) that most tiles have.
      whole: translates whole images, if that is more than calling the generator.

    Attributes:
      channels: K, how many channels are normalized.
    """

    def __init__(
        self,
        generator: keras.Model,
        native: Size | None = None,
        whole: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        self.generator = generator
        self.native = native
        self.norms = [layer for layer in generator.layers if has_own_statistics(layer)]
        self.has_statistics = bool(self.norms)
        tiles = (None, None, None, generator.input_shape[-1])
        self.channels = sum(layer.gamma.shape[0] for layer in self.norms)
        statistics = (2, self.channels)
        self._measure = self._compiled(self._measured, tiles)
        self._generate = self._compiled(self._generated, tiles, statistics)
        self._whole = whole or self._compiled(lambda sources: generator(sources, training=False), tiles)

    def measure(self, tiles: tf.Tensor) -> tf.Tensor:
        """Returns mean and variance over all tiles, `(2, K)`, as TileNetwork has it."""
        return self._measure(tiles)

    def generate(self, tiles: tf.Tensor, statistics: tf.Tensor | None = None) -> tf.Tensor:
        """Translates tiles, as TileNetwork has it."""
        return self._whole(tiles) if statistics is None else self._generate(tiles, statistics)

    def _measured(self, tiles: tf.Tensor) -> tf.Tensor:
        found = []

        def own(x: tf.Tensor) -> tf.Tensor:
            found.append(tf.stack(tf.nn.moments(x, axes=(0, 1, 2))))
            return found[-1]

        self._pass(tiles, own)
        return tf.concat(found, axis=1)

    def _generated(self, tiles: tf.Tensor, statistics: tf.Tensor) -> tf.Tensor:
        of_layers = iter(tf.split(statistics, [layer.gamma.shape[0] for layer in self.norms], axis=1))
        return self._pass(tiles, lambda x: next(of_layers))

    def _pass(self, tiles: tf.Tensor, statistics: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Runs the generator's layers in their order; `statistics` gives (2, C) for the input of each norm."""
        values = {id(self.generator.input): tiles}
        for layer in self.generator.layers[1:]:
            x = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
            values[id(layer.output)] = _normalized(layer, x, statistics) if has_own_statistics(layer) else layer(x)
        return values[id(self.generator.output)]

    def _compiled(
        self, function: Callable[..., tf.Tensor], tiles: tuple[int | None, ...], *others: tuple[int, ...]
    ) -> Callable[..., tf.Tensor]:
        def of_size(height: int | None, width: int | None) -> Callable[..., tf.Tensor]:
            shapes = [(None, height, width, tiles[-1]), *others]
            signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
            return tf.function(function, input_signature=signature, autograph=False)

        of_any = of_size(*self.generator.input_shape[1:3])
        of_native = of_size(*self.native) if self.native else of_any
        return lambda x, *rest: (of_native if tuple(x.shape[1:3]) == self.native else of_any)(x, *rest)


def has_own_statistics(layer: keras.layers.Layer) -> bool:
    """Tells whether a layer normalizes each image by the image's own statistics at inference."""
    is_batch_norm = isinstance(layer, BatchNormalization) and layer.statistics == "image"
    return is_batch_norm or isinstance(layer, layers.GroupNormalization)


def _normalized(layer: layers.Layer, x: tf.Tensor, statistics: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    # As in the layers themselves: half precision is too narrow for squares and their sums.
    wide = tf.cast(x, tf.float32)
    mean, variance = tf.unstack(statistics(wide))
    y = (wide - mean) * (tf.math.rsqrt(variance + layer.epsilon) * layer.gamma) + layer.beta
    return tf.cast(y, layer.compute_dtype)


def merged(parts: Sequence[np.ndarray], counts: Sequence[int]) -> np.ndarray:
    """Merges the means and variances of several groups, each `(2, K)`, by the law of total variance.

    The mean is the mean of means; the variance is the mean of variances plus the variance of means. This is exact for
    the first norm. For later ones it is an approximation, because each group's layers were normalized by its own.

    Args:
      parts: means and variances of each group.
      counts: pixels, or tiles of one size, of each group.
    """
    means, variances = np.moveaxis(np.asarray(parts, np.float64), 1, 0)
    mean = np.average(means, axis=0, weights=counts)
    variance = np.average(variances + (means - mean) ** 2, axis=0, weights=counts)
    return np.stack([mean, variance]).astype(np.float32)


def spread(rows: int, columns: int, count: int) -> Iterator[tuple[int, int]]:
    """Yields `count` different places of a grid, or all, such that any that follow one another are spread over it.

    They are those of the additive sequence of the plastic number, which fills a square evenly (Roberts 2018).
    """
    plastic = 1.32471795724474602596
    seen: set[tuple[int, int]] = set()
    for i in range(16 * rows * columns):
        if len(seen) == min(count, rows * columns):
            return
        place = int((0.5 + i / plastic) % 1 * rows), int((0.5 + i / plastic**2) % 1 * columns)
        if place not in seen:
            seen.add(place)
            yield place
    # No place of a grid that is small enough to be taken whole is left out.
    rest = [(row, column) for row in range(rows) for column in range(columns) if (row, column) not in seen]
    yield from rest[: min(count, rows * columns) - len(seen)]
