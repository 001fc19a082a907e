"""What the step and the validation are fed with, also where a pair can no longer be read."""

from collections.abc import Callable, Iterator

import tensorflow as tf

from pipelines.loader import eval_dataset, indices_of, train_dataset
from pipelines.pairs import READ_ERRORS, LostPair, Pairs
from pipelines.storage.image_files import Files
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.strategy import distribute
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir.data_json import most_gone
from tfpix2pix.run_dir.lost_pairs import Lost

Say = Callable[[str], None]


class UnreadableError(InputError):
    """Pairs that could be read before training cannot be read any more, and bad_images=fail."""


class Feed:
    """The batches of the steps first_step .. last_step - 1, as the strategy takes them.

    A pair that cannot be read any more ends the training (bad_images=fail), or is noted as lost, and from then on the
    next one that can be read stands in for it (skip); all others keep their places. So the batches follow from the
    seed, the step and what is lost.

    The data set itself only fails, at the batch that the pair is in. Which one it is, is found out afterwards, so that
    no Python is in its way.

    Args:
      pairs: of load_size.
      config: of the run.
      strategy: shares out the batches.
      workers: each makes its own part of a batch, and finds what is wrong with it by itself.
      first_step: counted from 0.
      last_step: the first that is not given any more.
      lost: where lost pairs are kept.
      say: prints a line.
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
    ):
        self.pairs = pairs
        self.config = config
        self.strategy = strategy
        self.first_step = first_step
        self.last_step = last_step
        self.lost = lost
        self.say = say
        self._part = {
            "batch_size": config.batch_size,
            "seed": config.seed,
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
                self._mend(step, error)

    def _batches(self, step: int):
        config = self.config
        dataset = train_dataset(
            self.pairs,
            image_size=config.image_size,
            flip=config.flip,
            first_step=step,
            last_step=self.last_step,
            **self._part,
        )
        return distribute(self.strategy, dataset)

    def _mend(self, step: int, error: Exception) -> None:
        found = self.pairs.unreadable(indices_of(step, self.pairs, **self._part))
        if not found and self._tried == step:
            raise error
        # Once more, where what could not be read can be read again.
        self._tried = step
        check_unreadable(found, self.pairs, self.config.bad_images)
        self.pairs = self.pairs.without(found)
        for pair in found.values():
            self.lost.add(pair)
            self.say(
                f"lost {_place(pair, self.pairs)}: {pair.reason}; from step {step + 1} on another stands in for it"
            )


class ValidationFeed:
    """Validation's batches; a pair that cannot be read any more ends the training, or is left out from then on."""

    def __init__(self, pairs: Pairs, config: Config, say: Say):
        self.pairs = pairs
        self.config = config
        self.say = say
        self._has_tried = False

    def batches(self) -> tuple[tf.data.Dataset, int]:
        """The pairs that are left, in order, and how many batches they are."""
        batch_size = self.config.validation_batch_size
        return eval_dataset(self.pairs, batch_size), -(-len(self.pairs) // batch_size)

    def mend(self, error: Exception) -> tuple[tf.data.Dataset, int]:
        """The batches without what cannot be read any more; raises the error where that is nothing."""
        found = self.pairs.unreadable(range(len(self.pairs)))
        if not found and self._has_tried:
            raise error
        self._has_tried = not found
        check_unreadable(found, self.pairs, self.config.bad_images)
        for pair in found.values():
            self.say(f"lost {_place(pair, self.pairs)}: {pair.reason}; validation goes on without it")
        self.pairs = self.pairs.without(found)
        self.pairs = self.pairs.select([index for index in range(len(self.pairs)) if index not in found])
        return self.batches()


def check_unreadable(found: dict[int, LostPair], pairs: Pairs, bad_images: str) -> None:
    """Raises UnreadableError where pairs that were found unreadable end the training."""
    gone = [str(path) for path in pairs.files.containers() if not path.exists()]
    if found and gone:
        # A disk that is not there any more, perhaps; that is not one bad image.
        raise UnreadableError(f"{gone[0]} is gone; bring it back, and give the same command to go on")
    if found and isinstance(pairs.files, Files):
        missing = sum(not path.exists() for path in pairs.files)
        if words := most_gone(missing, len(pairs.files), pairs.files.folder):
            raise UnreadableError(words)
    if found and bad_images == "fail":
        words = "; ".join(f"{_place(pair, pairs)}: {pair.reason}" for pair in found.values())
        raise UnreadableError(
            f"{words}. Bring it back as it was, and give the same command to go on; or delete what is left of it, and "
            "give --bad_images=skip to go on without it"
        )


def _place(pair: LostPair, pairs: Pairs) -> str:
    return str(pairs.files.folder / pair.name) if pair.digest else pair.name
