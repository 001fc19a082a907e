"""Gives batches to the steps and to validation, also when a pair can no longer be read."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from pipelines.loader import eval_dataset, indices_of, train_dataset, whole_batch_size
from pipelines.pairs import READ_ERRORS, LostPair, Pairs
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.strategy import distribute
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir.data_json import most_missing
from tfpix2pix.run_dir.lost_pairs import Lost

Say = Callable[[str], None]


class UnreadableError(InputError):
    """Pairs that could be read before the training cannot be read any more, and bad_images=fail."""


class Feed:
    """Iterates over the batches of the steps first_step .. last_step - 1, as the strategy takes them.

    A pair that cannot be read any more ends the training (bad_images=fail), or is recorded as lost (skip): from then on
    the next pair that can be read replaces it, and all others keep their places. So the batches follow from the seed,
    the step and the lost pairs.

    The tf.data pipeline only fails at the batch that contains the pair. This class then finds the pair, so that no
    Python runs inside the pipeline.

    Args:
      pairs: of load_size.
      config: of the run.
      strategy: shares out the batches.
      workers: each makes its own part of a batch, and finds its own unreadable pairs.
      first_step: counted from 0.
      last_step: the first step without a batch.
      lost: records the lost pairs.
      say: prints a line.
      order_since: as train_dataset has it.
    """

    def __init__(
        self,
        pairs: Pairs,
        config: Config,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        first_step: int,
        last_step: int,
        lost: Lost,
        say: Say,
        order_since: int = 0,
    ):
        self.pairs = pairs
        self.config = config
        self.strategy = strategy
        self.first_step = first_step
        self.last_step = last_step
        self.lost = lost
        self.say = say
        self._part: dict[str, Any] = {
            "batch_size": config.batch_size,
            "seed": config.seed,
            "order_since": order_since,
            "worker": workers.index,
            "workers": workers.count,
        }
        self._tried = -1

    def __iter__(self) -> Iterator[tuple]:
        step = self.first_step
        while True:
            try:
                for batch in self._batches(step):
                    yield batch
                    step += 1
                return
            except READ_ERRORS as error:
                self._replace_unreadable(step, error)

    def _batches(self, step: int) -> Iterable:
        config = self.config
        dataset = train_dataset(
            self.pairs,
            image_size=config.image_size,
            first_step=step,
            last_step=self.last_step,
            **config.augmentation(),
            **self._part,
        )
        return distribute(self.strategy, dataset)

    def _replace_unreadable(self, step: int, error: Exception) -> None:
        found = self.pairs.unreadable(indices_of(step, self.pairs, **self._part))
        if not found and self._tried == step:
            raise error
        # If all of them can be read now, the step is tried once more.
        self._tried = step
        check_unreadable(found, self.pairs, self.config.bad_images)
        self.pairs = self.pairs.without(found)
        for pair in found.values():
            self.lost.add(pair)
            self.say(
                f"lost {self.pairs.files[pair.index]}: {pair.reason}; from step {step + 1} on another pair replaces it"
            )


class ValidationFeed:
    """Gives validation whole pictures; a pair that cannot be read any more ends the training, or is left out."""

    def __init__(self, pairs: Pairs, config: Config, say: Say):
        self.pairs = pairs
        self.config = config
        self.say = say
        self._has_tried = False

    def batches(self) -> tuple[tf.data.Dataset, int]:
        """Returns the pairs that are left, in order, and the number of their batches."""
        batch_size = whole_batch_size(self.pairs, self.config.validation_batch_size, self.config.image_size)
        return eval_dataset(self.pairs, batch_size), -(-len(self.pairs) // batch_size)

    def recover(self, error: Exception) -> tuple[tf.data.Dataset, int]:
        """Returns the batches without the pairs that cannot be read any more; raises the error if all can."""
        found = self.pairs.unreadable(range(len(self.pairs)))
        if not found and self._has_tried:
            raise error
        self._has_tried = not found
        check_unreadable(found, self.pairs, self.config.bad_images)
        for pair in found.values():
            self.say(f"lost {self.pairs.files[pair.index]}: {pair.reason}; validation leaves it out")
        self.pairs = self.pairs.without(found)
        self.pairs = self.pairs.select([index for index in range(len(self.pairs)) if index not in found])
        return self.batches()


def check_unreadable(found: dict[int, LostPair], pairs: Pairs, bad_images: str) -> None:
    """Raises UnreadableError if unreadable pairs end the training."""
    gone = [str(path) for path in pairs.files.containers() if not path.exists()]
    if found and gone:
        # Perhaps a disk is missing; that is more than one bad image.
        raise UnreadableError(f"{gone[0]} is gone; restore it, then give the same command to resume")
    if found and (words := most_missing(pairs.files.count_missing(), len(pairs.files), pairs.files)):
        raise UnreadableError(words)
    if found and bad_images == "fail":
        words = "; ".join(f"{pairs.files[pair.index]}: {pair.reason}" for pair in found.values())
        raise UnreadableError(
            f"{words}. Restore it as it was, then give the same command to resume; or delete what is left of it, and "
            "give --bad_images=skip to resume without it"
        )
