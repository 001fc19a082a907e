"""A bound in time for what has none, or one that begins anew with each byte."""

import functools
import queue
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

Result = TypeVar("Result")


class LateError(Exception):
    """It took longer; it goes on, and what comes of it is lost."""


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Calls work in a thread, and returns what it returns or raises what it raises.

    Raises:
      LateError: it takes longer.
    """
    outcomes: queue.SimpleQueue[Callable[[], Result]] = queue.SimpleQueue()

    def run() -> None:
        try:
            result = work()
            outcomes.put(lambda: result)
        except Exception as error:
            outcomes.put(functools.partial(_raise, error))

    # A daemon, so that one that is kept waiting does not keep the command from ending.
    threading.Thread(target=run, daemon=True).start()
    try:
        outcome = outcomes.get(timeout=seconds)
    except queue.Empty:
        raise LateError from None
    return outcome()


def _raise(error: Exception) -> NoReturn:
    raise error
