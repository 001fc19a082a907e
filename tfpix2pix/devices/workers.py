"""Lets the processes of one training agree, by sums over all of them."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.devices.cluster import Cluster

T = TypeVar("T")


class Workers:
    """Stands for the processes of one training; a single process agrees with itself at no cost.

    Every method is a meeting: all workers must call the same methods in the same order, and each waits for the others.
    There is no time limit: while one works, the others wait; if it dies, TensorFlow raises an error in the others.

    Args:
      strategy: over all of them.
      cluster: names them; None for this process alone.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, cluster: Cluster | None = None):
        self.cluster = cluster
        self.index = cluster.index if cluster else 0
        self.count = len(cluster.addresses) if cluster else 1
        if cluster:
            self._total = _summing(strategy)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self.index == 0

    def begin_any(self, flag: bool) -> tf.Tensor | bool:
        """Starts `any` without waiting; the result waits when it is converted to a bool."""
        return flag if self.count == 1 else self._total(tf.constant([int(flag)], tf.int64))[0] > 0

    def any(self, flag: bool) -> bool:
        """Whether flag is true on any worker."""
        return bool(self.begin_any(flag))

    def wait(self) -> None:
        """Returns when all workers have called this."""
        self.any(False)

    def from_chief(self, value: int) -> int:
        """Returns the chief's value on all workers."""
        if self.count == 1:
            return value
        return int(self._total(tf.constant([value if self.is_chief else 0], tf.int64))[0])

    def have_same(self, text: str) -> bool:
        """Whether all workers have the chief's text."""
        digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return not self.any(digest != self.from_chief(digest))

    def on_chief(self, work: Callable[[], T]) -> T | None:
        """Does work on the chief, and returns on all workers when it succeeded; the others return None.

        Raises:
          InputError: on all workers, if the work raised one.
        """
        return self.together(lambda: work() if self.is_chief else None)

    def together(self, work: Callable[[], T]) -> T:
        """Does work on each worker, and returns its result if it succeeds on all.

        Raises:
          InputError: on all workers, if work raised one on any of them.
        """
        error: InputError | None = None
        try:
            result = work()
        except InputError as raised:
            error = raised
        if self.any(error is not None):
            raise error or InputError(
                "another worker cannot train, so this one stops too; see the other worker's message"
            )
        return result


def _summing(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that all workers call, and that returns the sum of their values."""
    replicas = len(strategy.extended.worker_devices)

    def replica_sum(value: tf.Tensor) -> tf.Tensor:
        # On the replica's device, where the sum is needed.
        return tf.distribute.get_replica_context().all_reduce("SUM", tf.identity(value))

    @tf.function
    def total(value: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(replica_sum, args=(value,)))[0] // replicas

    return total
