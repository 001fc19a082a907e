"""Measures the generator on the val split during a training: means of the metrics, and a few images."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfpix2pix.quality.measure import Batch, Networks, compile_columns, generator_column, measure
from tfpix2pix.training.feed import READ_ERRORS

# Title to images `(H, W, C)` in [-1, 1].
Rows = dict[str, list[np.ndarray]]
Recover = Callable[[Exception], tuple[tf.data.Dataset, int]]


class Validation:
    """Translates a split and measures it, with the same compiled function each time.

    Args:
      translate: sources `(N, H, W, C)` to images, with the weights that the generator has at each call.
      dataset: batches of (source, target), always in the same order.
      batches: how many.
      samples: how many of the first pairs are kept to be shown.
      networks: those that some metrics need.
      recover: gets the error when a batch cannot be read; returns another dataset and its number of batches, with which
        the validation starts again, or raises.
      kind: of the targets, one of metrics.KINDS.
      min_side: as compile_columns has it.
      examine: gets each batch's sources, generated images and targets.
    """

    def __init__(
        self,
        translate: Callable[[tf.Tensor], tf.Tensor],
        dataset: tf.data.Dataset,
        batches: int,
        samples: int,
        networks: Networks = Networks(),  # noqa: B008 (frozen)
        recover: Recover | None = None,
        kind: str = "image",
        min_side: int | None = None,
        examine: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], None] = lambda *_: None,
    ):
        self._take(dataset, batches)
        self.samples = samples
        self.recover = recover
        self.examine = examine
        self._run = compile_columns({"generated": generator_column(translate)}, networks, kind, min_side)

    def __call__(self, is_cancelled: Callable[[], bool] = lambda: False) -> tuple[dict[str, float], Rows] | None:
        """Returns the means of the metrics over all images, and the sample images by row; None if cancelled."""
        while True:
            try:
                return self._measure(is_cancelled)
            except tf.errors.ResourceExhaustedError:
                raise
            except READ_ERRORS as error:
                if not self.recover:
                    raise
                self._take(*self.recover(error))

    def _take(self, dataset: tf.data.Dataset, batches: int) -> None:
        self.dataset = dataset.map(lambda source, target: {"source": source, "target": target})
        self.batches = batches

    def _measure(self, is_cancelled: Callable[[], bool]) -> tuple[dict[str, float], Rows] | None:
        rows: Rows = {"source": [], "generated": [], "target": []}

        def keep(first: int, batch: Batch, generated: dict[str, Sequence[tf.Tensor]]) -> None:
            images = (batch["source"], *generated["generated"], batch["target"])
            for row, of_row in zip(rows.values(), images, strict=True):
                row.extend(of_row[: max(0, self.samples - first)].numpy())
            self.examine(*images)

        results = measure(
            self._run, self.dataset, self.batches, title="validation", on_batch=keep, is_cancelled=is_cancelled
        )
        if results is None:
            return None
        return results["generated"].means, rows
