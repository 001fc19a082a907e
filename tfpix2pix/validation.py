"""The generator over the val split, as training looks at it: means of the metrics, and a few images."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.quality.measure import Networks, compiled, generating, measure


class Validation:
    """Translates a split and measures it, with the same compiled function each time.

    Args:
      generator: as it is when called.
      dataset: batches of (source, target), always in the same order.
      batches: how many.
      samples: how many of the first pairs are kept to be shown.
      networks: what some metrics need.
    """

    def __init__(
        self,
        generator: keras.Model,
        dataset: tf.data.Dataset,
        batches: int,
        samples: int,
        networks: Networks = Networks(),  # noqa: B008 (frozen)
    ):
        self.dataset = dataset.map(lambda source, target: {"source": source, "target": target})
        self.batches = batches
        self.samples = samples
        self._run = compiled({"generated": generating(generator)}, networks)

    def __call__(
        self, is_cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[dict[str, float], dict[str, np.ndarray]] | None:
        """Returns the metrics' means over all images, and the sample images by row; None if it was cancelled."""
        rows = {"source": [], "generated": [], "target": []}

        def keep(first: int, batch: dict, generated: dict) -> None:
            for row, images in zip(
                rows.values(), (batch["source"], *generated["generated"], batch["target"]), strict=True
            ):
                row.append(images[: max(0, self.samples - first)].numpy())

        results = measure(
            self._run, self.dataset, self.batches, title="validation", on_batch=keep, is_cancelled=is_cancelled
        )
        if results is None:
            return None
        return results["generated"].means, {name: np.concatenate(images) for name, images in rows.items()}
