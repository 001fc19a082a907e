"""Agrees, among all workers, on the step after which all of them stop."""

import signal
from collections.abc import Callable

from tfpix2pix.devices.workers import Workers
from tfpix2pix.training.interruption import Interruption


class Agreement:
    """Whether any worker was asked to stop; an action, by which all workers learn of it after the same step.

    Args:
      interruption: this worker's own.
      workers: all of them.
      is_meeting: whether all wait for one another after a step anyway. Otherwise a step's answer is taken after the
        next one, so that nobody has to wait for a device at every step.
    """

    def __init__(self, interruption: Interruption, workers: Workers, is_meeting: Callable[[int], bool]):
        self.interruption = interruption
        self.workers = workers
        self.is_meeting = is_meeting
        self._agreed = False
        self._begun = False

    def __bool__(self) -> bool:
        return self._agreed

    def __call__(self, step: int, metrics: dict) -> None:
        """After a step."""
        if self.workers.count == 1 or self.is_meeting(step):
            self.meet()
            return
        before, self._begun = self._begun, self.workers.begin_any(bool(self.interruption))
        self._agreed = self._agreed or bool(before)

    def meet(self) -> None:
        """Has the answer at once."""
        self._agreed = self.workers.any(bool(self.interruption))

    @property
    def signal(self) -> signal.Signals:
        """What this worker received, or SIGTERM where it was another."""
        return self.interruption.received or signal.SIGTERM
