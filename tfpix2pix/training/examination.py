"""Gathers signs of failure from the images that validation makes, and from how the discriminator judges their pairs."""

import contextlib

import numpy as np
import tensorflow as tf

from pipelines.loader import eval_dataset
from pipelines.pairs import READ_ERRORS, Pairs
from pipelines.storage.sample import spread_indices
from tfpix2pix.losses import UNDECIDED, correct
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.quality.signs import Signs, thumbnails
from tfpix2pix.run_dir.log_jsonl import HELD_OUT, SIGNS

# So many of the first images are looked at, which is enough to tell.
IMAGES = 100
# The discriminator judges so many.
JUDGED = 20
# So many training targets, at even distances, are compared with.
LEARNED = 200


class Examination:
    """Gathers signs during one validation after another.

    Args:
      model: its discriminator is asked about pairs that it was not trained on.
      train: the training pairs; with targets of many sizes, or crops, results are not compared with them.
    """

    def __init__(self, model: Pix2Pix, train: Pairs):
        self.model = model
        self.train = train
        self._learned: np.ndarray | None = None
        self._begin()

    def _begin(self) -> None:
        self._seen = 0
        self._signs: Signs | None = None
        self._accuracies: list[float] = []

    def add(self, source: tf.Tensor, generated: tf.Tensor, target: tf.Tensor) -> None:
        """Looks at a batch, `(N, H, W, C)` in [-1, 1], if it has not seen enough; untrained networks show nothing."""
        if self._seen >= IMAGES or not int(self.model.step.numpy()):
            return
        if self._signs is None:
            self._signs = Signs(self._thumbnails())
        self._signs.add(generated.numpy(), target.numpy())
        if self._seen < JUDGED and self.model.config.gan_weight:
            each = ((x[i : i + 1] for x in (source, generated, target)) for i in range(len(source)))
            self._accuracies += [self._accuracy(*pair) for pair in each]
        self._seen += len(source)

    def take(self) -> dict[str, float]:
        """Returns what the images showed, by the names that log.jsonl has, and begins anew."""
        values = {SIGNS + name: value for name, value in self._signs.values().items()} if self._signs else {}
        if self._accuracies:
            values[HELD_OUT] = float(np.mean(self._accuracies))
        self._begin()
        return values

    def _thumbnails(self) -> np.ndarray | None:
        # Crops at random have no place at which to compare them, also if their pictures are of one size.
        if self._learned is None and self.train.form.shape:
            rows = spread_indices(len(self.train), LEARNED)
            # A pair that is gone is training's to say.
            with contextlib.suppress(*READ_ERRORS):
                batches = eval_dataset(self.train.select(rows))
                self._learned = np.concatenate([thumbnails(target) for _, target in batches])
        return self._learned

    def _accuracy(self, source: tf.Tensor, generated: tf.Tensor, target: tf.Tensor) -> float:
        """Returns the share of an image's patches that the discriminator judges rightly, of target and result."""
        height, width = self.model.config.image_size
        network, undecided = self.model.discriminator, UNDECIDED[self.model.config.gan_loss]
        shares = []
        for image, is_real in ((target, True), (generated, False)):
            inputs = [source, image] if len(network.inputs) == 2 else [image]
            window = [tf.image.resize_with_crop_or_pad(x, height, width) for x in inputs]
            # As in training, by the pair's own statistics; what that would change of the network's state is dropped.
            outputs, _ = network.stateless_call(
                network.trainable_variables, network.non_trainable_variables, window, training=True
            )
            outputs = outputs if isinstance(outputs, list) else [outputs]
            each = len(outputs) // self.model.config.discriminator_scales
            shares += [correct(logits, is_real, undecided) for logits in outputs[each - 1 :: each]]
        return float(tf.reduce_mean(tf.concat(shares, 0)))
