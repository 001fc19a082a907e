"""Runs the training loop: a step, then the actions."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from tfpix2pix.model.step import Metrics

Action = Callable[[int, Metrics], None]


def run(
    train_steps: Callable[[Sequence], Metrics],
    batches: Iterable,
    actions: Sequence[Action],
    first_step: int,
    is_interrupted: Callable[[], bool] = lambda: False,
    ends_call: Callable[[int], bool] = lambda step: True,
) -> int:
    """Trains on all batches, or until it is interrupted, and returns how many steps are done by then.

    Args:
      train_steps: a list of (source, target) to the metrics of the last.
      batches: of (source, target).
      actions: called after each call, in this order, with the number of steps done and the last step's metrics; an
        action may add metrics for those after it.
      first_step: how many steps were done before.
      is_interrupted: called after each call's actions.
      ends_call: says after how many steps done a call ends; all are, by default. The last step ends one.
    """
    step, waiting = first_step, []
    for batch in batches:
        waiting.append(batch)
        if not ends_call(step + len(waiting)):
            continue
        metrics = train_steps(waiting)
        step += len(waiting)
        waiting = []
        for action in actions:
            action(step, metrics)
        if is_interrupted():
            break
    return step


class Stopwatch:
    """Measures the seconds spent on training, without the pauses for validation and checkpoints."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._paused = 0.0

    @property
    def paused(self) -> float:
        """The seconds of all pauses so far."""
        return self._paused

    def __call__(self) -> float:
        """Returns seconds, from an arbitrary start."""
        return self._clock() - self._paused

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Stops the watch while the code inside runs."""
        start = self._clock()
        try:
            yield
        finally:
            self._paused += self._clock() - start
