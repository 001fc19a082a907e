"""SIGTERM and Ctrl-C ask the training to stop after the step it is in; a second one stops at once."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, notes the first signal instead of dying of it.

    Attributes:
      received: the signal that came, None before. Shells and schedulers expect 128 + its number as exit code.
    """

    received: signal.Signals | None = None

    def __enter__(self) -> "Interruption":
        self._former = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.received is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        for again in SIGNALS:
            signal.signal(again, self._former[again])
