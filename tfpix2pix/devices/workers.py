"""What the processes of one training agree on, by sums over all of them."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.devices.cluster import Cluster

T = TypeVar("T")


class Workers:
    """The processes of one training; a single one agrees with itself at no cost.

    Every method but the properties is a meeting: all workers have to call the same ones in the same order, and each
    waits for the others. There is no time limit: while one works, the others wait, and if it dies, they learn of it.

    Args:
      strategy: over all of them.
      cluster: who they are; None for this process alone.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, cluster: Cluster | None = None):
        self.cluster = cluster
        self.index = cluster.index if cluster else 0
        self.count = len(cluster.addresses) if cluster else 1
        if cluster:
            replicas = len(strategy.extended.worker_devices)

            def replica_sum(value):
                # On the replica's device, where the sum is to be.
                return tf.distribute.get_replica_context().all_reduce("SUM", tf.identity(value))

            @tf.function
            def total(value):
                return strategy.experimental_local_results(strategy.run(replica_sum, args=(value,)))[0] // replicas

            self._total = total

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the training leaves behind."""
        return self.index == 0

    def begin_any(self, flag: bool) -> tf.Tensor | bool:
        """As any, but need not wait: the result is true as a bool once it is asked for."""
        return flag if self.count == 1 else self._total(tf.constant([int(flag)], tf.int64))[0] > 0

    def any(self, flag: bool) -> bool:
        """Whether flag is true on any worker."""
        return bool(self.begin_any(flag))

    def wait(self) -> None:
        """Returns when all workers have come here."""
        self.any(False)

    def from_chief(self, value: int) -> int:
        """The chief's value, on all workers."""
        if self.count == 1:
            return value
        return int(self._total(tf.constant([value if self.is_chief else 0], tf.int64))[0])

    def have_same(self, text: str) -> bool:
        """Whether all workers have the chief's text."""
        digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return not self.any(digest != self.from_chief(digest))

    def together(self, work: Callable[[], T]) -> T:
        """Does work on each worker, and goes on only if it succeeds on all.

        Raises:
          InputError: it raised one here, or somewhere else.
        """
        error = result = None
        try:
            result = work()
        except InputError as raised:
            error = raised
        if self.any(error is not None):
            raise error or InputError("another worker cannot train; its own message says why, and this one stops too")
        return result
