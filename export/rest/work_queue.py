"""Work in a few threads, off the event loop; what would have to wait behind too much else is refused."""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import tensorflow as tf

Result = TypeVar("Result")


class WorkQueue:
    """Threads, and places of those that wait for one; all of its methods are called on the event loop.

    Args:
      threads: how many work.
      waiting: how many places there are besides.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._places = threads + waiting
        self._taken = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place, for as long as a request is read and worked on.

        Raises:
          UnavailableError: all are taken.
        """
        if self._taken >= self._places:
            raise tf.errors.UnavailableError(
                None, None, f"the server is busy: {self._taken} requests are computed or wait; try again later"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def work(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Calls a function in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
