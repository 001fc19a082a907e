"""Runs the training loop: a step, then the actions."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from tfpix2pix.model.step import Metrics

Action = Callable[[int, Metrics], None]


def run(
    train_step: Callable[..., Metrics],
    batches: Iterable,
    actions: Sequence[Action],
    first_step: int,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> int:
    """Trains on all batches, or until it is interrupted, and returns how many steps are done by then.

    Args:
      train_step: (source, target) to metrics.
      batches: of (source, target).
      actions: called after each step, in this order, with the number of steps done and the step's metrics; an action
        may add metrics for those after it.
      first_step: how many steps were done before.
      is_interrupted: called after each step's actions.
    """
    step = first_step
    for source, target in batches:
        metrics = train_step(source, target)
        step += 1
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
