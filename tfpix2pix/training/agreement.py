"""Has all workers stop after the same step."""

import signal
from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.devices.workers import Workers
from tfpix2pix.training.interruption import Interruption


class Agreement:
    """An action that asks all workers after each step whether one of them received a signal; true once one did.

    Args:
      interruption: of this worker.
      workers: all of them.
      is_meeting: whether the workers wait for one another after a step anyway. After other steps the answer is read
        one step later, so that nobody has to wait for a device at every step.
    """

    def __init__(self, interruption: Interruption, workers: Workers, is_meeting: Callable[[int], bool]):
        self.interruption = interruption
        self.workers = workers
        self.is_meeting = is_meeting
        self._agreed = False
        self._begun: tf.Tensor | bool = False

    def __bool__(self) -> bool:
        return self._agreed

    def __call__(self, step: int, metrics: dict) -> None:
        """Asks all workers, after a step."""
        if self.workers.count == 1 or self.is_meeting(step):
            self.meet()
            return
        before, self._begun = self._begun, self.workers.begin_any(bool(self.interruption))
        self._agreed = self._agreed or bool(before)

    def meet(self) -> None:
        """Asks all workers, and waits for the answer."""
        self._agreed = self.workers.any(bool(self.interruption))

    @property
    def signal(self) -> signal.Signals:
        """The signal that this worker received, or SIGTERM if another worker received one."""
        return self.interruption.received or signal.SIGTERM
