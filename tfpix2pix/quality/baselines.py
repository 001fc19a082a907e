"""Baselines without training: they give a generator's numbers a scale."""

import numpy as np
import tensorflow as tf

from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, format_size
from pipelines.images.transforms import normalize, resize
from pipelines.pairs import Pairs
from pipelines.storage.image_set import ImageSet
from pipelines.storage.validity import read_files
from pipelines.system.terminal import InputError, progress_bar

# Sources are compared at this size, (height, width): it shows the layout, and thousands fit into memory.
SKETCH = (32, 32)


class OtherShapeError(Exception):
    """A training pair has another shape than those that are measured."""


class Training:
    """Reads training pairs once, and keeps the mean target and a small sketch of each source.

    Args:
      form: how pairs are read.
      files: of training pairs; bad files are left out.
      shape: (height, width) of all pairs, if the form does not say it.

    Raises:
      InputError: no file is a pair.
      OtherShapeError: a pair has another shape.
    """

    def __init__(self, form: PairFormat, files: ImageSet, shape: Size | None = None):
        self._shape = form.shape or shape or form.network_size
        good, sketches = [], []
        total: np.ndarray = np.zeros((*self._shape, form.target.channels), np.float64)

        def read(contents: bytes) -> tuple[np.ndarray, np.ndarray]:
            source, target = form.read(tf.constant(contents))
            return sketch(source), target.numpy()

        found = read_files(files, read, form.max_pixels)
        for index, pair in enumerate(progress_bar(found, "reading training pairs for the baselines", len(files))):
            if not isinstance(pair, BadImageError):
                if pair[1].shape != total.shape:
                    raise OtherShapeError(
                        f"{files[index]} is {format_size(pair[1].shape[:2])}, and the pictures that are measured are "
                        f"{format_size(self._shape)}"
                    )
                good.append(index)
                sketches.append(pair[0])
                total += pair[1]
        if not good:
            raise InputError(f"none of {len(files)} training files is a pair, the first is {files[0]}; --nobaselines")
        self.files = files.select(good)
        self._sketches = np.stack(sketches)
        self._mean = (total / len(good)).astype(np.float32)

    def mean_target(self) -> tf.Tensor:
        """Returns the mean of all targets, `(H, W, C)` in [-1, 1]."""
        return normalize(tf.constant(self._mean))

    def most_frequent_class(self) -> tf.Tensor:
        """Returns the class that most pixels of the targets have, one-hot `(classes,)` in [-1, 1]."""
        classes = self._mean.shape[-1]
        return normalize(tf.one_hot(np.argmax(self._mean.sum((0, 1))), classes))

    def nearest(self, pairs: Pairs) -> Pairs:
        """Finds the training pair with the nearest source for each pair, by the sketches' mean square difference.

        A pair is not its own neighbor.
        """
        read = pairs.reader()
        norms = (self._sketches**2).sum(1)
        places = {self.files[place]: place for place in range(len(self.files))}
        indices = []
        for index in progress_bar(range(len(pairs)), "looking for nearest neighbors", len(pairs)):
            source, _ = read(tf.constant(index, tf.int64))
            # |a - b|² without |a|², which is the same for all.
            distances = norms - 2 * self._sketches @ sketch(source)
            if pairs.files[index] in places and len(places) > 1:
                distances[places[pairs.files[index]]] = np.inf
            indices.append(int(np.argmin(distances)))
        shapes = np.tile(np.array(self._shape), (len(indices), 1))
        return Pairs(self.files.select(indices), pairs.form, skipped={}, shapes=shapes)


def sketch(source: tf.Tensor) -> np.ndarray:
    """Reduces a source in [0, 1] to SKETCH, as one row."""
    return resize(source, SKETCH, "area").numpy().ravel()
