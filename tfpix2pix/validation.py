"""The generator over a whole split: means of the metrics, and a few images to look at."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from pipelines.command import progress_bar
from tfpix2pix.metrics import image_metrics


class Validation:
    """Translates a split and measures it, with the same compiled function each time.

    Args:
      generator: as it is when called.
      dataset: batches of (source, target), always in the same order.
      batches: how many.
      samples: how many of the first pairs are kept to be shown.
    """

    def __init__(self, generator: keras.Model, dataset: tf.data.Dataset, batches: int, samples: int):
        self.dataset = dataset
        self.batches = batches
        self.samples = samples

        @tf.function(reduce_retracing=True)
        def translate_and_measure(source, target):
            generated = generator(source, training=False)
            return generated, image_metrics(target, generated)

        self._translate_and_measure = translate_and_measure

    def __call__(
        self, is_cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[dict[str, float], dict[str, np.ndarray]] | None:
        """Returns the metrics' means over all images, and the sample images by row; None if it was cancelled."""
        values, rows, shown = {}, {"source": [], "generated": [], "target": []}, 0
        for source, target in progress_bar(self.dataset, "validation", self.batches):
            if is_cancelled():
                return None
            generated, metrics = self._translate_and_measure(source, target)
            for name, value in metrics.items():
                values.setdefault(name, []).append(value.numpy())
            if shown < self.samples:
                for row, images in zip(rows.values(), (source, generated, target), strict=True):
                    row.append(images[: self.samples - shown].numpy())
                shown += len(rows["source"][-1])
        # float64, so that the mean does not depend on how many images there are.
        means = {name: float(np.concatenate(v).astype(np.float64).mean()) for name, v in values.items()}
        return means, {name: np.concatenate(images) for name, images in rows.items()}
