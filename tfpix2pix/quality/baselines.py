"""Baselines without training: they give a generator's numbers a scale."""

import threading

import numpy as np
import tensorflow as tf

from pipelines.images.pair_format import PairFormat
from pipelines.images.transforms import normalize, resize
from pipelines.pairs import Pairs
from pipelines.storage.image_files import Files
from pipelines.storage.shards import Shards
from pipelines.storage.validity import bad_files
from pipelines.system.terminal import InputError

# Sources are compared at this size, (height, width): it shows the layout, and thousands fit into memory.
SKETCH = (32, 32)


class Training:
    """Reads training pairs once, and keeps the mean target and a small sketch of each source.

    Args:
      form: how pairs are read.
      files: of training pairs; bad files are left out.

    Raises:
      InputError: no file is a pair.
    """

    def __init__(self, form: PairFormat, files: Files | Shards):
        sketches: np.ndarray = np.zeros((len(files), SKETCH[0] * SKETCH[1] * form.source_channels), np.float32)
        total: np.ndarray = np.zeros((*form.size, form.target_channels), np.float64)
        lock = threading.Lock()

        def read(index: int, contents: bytes) -> None:
            source, target = form.read(tf.constant(contents))
            sketches[index] = sketch(source)
            with lock:
                np.add(total, target.numpy(), out=total)

        bad = bad_files(files, read, "reading training pairs for the baselines", form.max_pixels)
        if len(bad) == len(files):
            raise InputError(f"none of {len(files)} training files is a pair, the first is {files[0]}; --nobaselines")
        good = [index for index, file in enumerate(files) if file not in bad]
        self.files = files.select(good)
        self._sketches = sketches[good]
        self._mean = (total / len(good)).astype(np.float32)

    def mean_target(self) -> tf.Tensor:
        """Returns the mean of all targets, `(H, W, C)` in [-1, 1]."""
        return normalize(tf.constant(self._mean))

    def nearest(self, pairs: Pairs) -> Pairs:
        """Finds the training pair with the nearest source for each pair, by the sketches' mean square difference.

        A pair is not its own neighbor.
        """
        read = pairs.reader()
        norms = (self._sketches**2).sum(1)
        places = {self.files[place]: place for place in range(len(self.files))}
        indices = []
        for index in range(len(pairs)):
            source, _ = read(tf.constant(index, tf.int64))
            # |a - b|² without |a|², which is the same for all.
            distances = norms - 2 * self._sketches @ sketch(source)
            if pairs.files[index] in places and len(places) > 1:
                distances[places[pairs.files[index]]] = np.inf
            indices.append(int(np.argmin(distances)))
        return Pairs(self.files.select(indices), pairs.form, skipped={})


def sketch(source: tf.Tensor) -> np.ndarray:
    """Reduces a source in [0, 1] to SKETCH, as one row."""
    return resize(source, SKETCH, "area").numpy().ravel()
