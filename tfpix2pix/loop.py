"""The loop: a step, then what is to happen around it."""

import contextlib
import ctypes
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf

from pipelines.command import InputError
from tfpix2pix.step import Metrics

# From glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

Action = Callable[[int, Metrics], None]


def make_strategy(batch_size: int) -> tf.distribute.Strategy:
    """One replica on each GPU, or one on the CPU.

    Raises:
      InputError: the batch cannot be shared out evenly.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        keep_freed_memory()
    for gpu in gpus:
        # Take memory as it is needed, so that TensorBoard or a second, small job can run beside.
        tf.config.experimental.set_memory_growth(gpu, True)
    strategy = tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(len(gpus))] or ["CPU:0"])
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InputError(
            f"batch_size={batch_size} cannot be shared evenly by {replicas} GPUs: give a multiple of {replicas}, or "
            "fewer GPUs by CUDA_VISIBLE_DEVICES"
        )
    return strategy


def keep_freed_memory() -> None:
    """Has the allocator keep what a step frees for the next one, where it is glibc's; elsewhere nothing happens.

    By default it gives large pieces back to the system, which hands them out again page by page: 4 to 8 percent of a
    step of the paper's networks on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_MMAP_THRESHOLD, 2**25)


def distribute(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Iterable:
    """Global batches as the strategy's train step takes them: shared out over replicas, on their devices.

    A single CPU takes the data set as it is. TensorFlow's distributed iterator would set the allocator's trim threshold
    to 128 kB for the whole process (its GeneratorDataset logs it); memory then goes back to the system at every turn,
    and a step of the paper's networks takes 1.4 times as long.
    """
    if strategy.num_replicas_in_sync == 1 and not tf.config.list_physical_devices("GPU"):
        return dataset
    return strategy.experimental_distribute_dataset(dataset)


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
      actions: each called after each step with the number of steps done and its metrics, in this order; one may add
        metrics for those behind it.
      first_step: how many steps were done before.
      is_interrupted: asked after each step's actions.
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
    """Seconds spent on training, without the pauses for validation and checkpoints."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._paused = 0.0

    def __call__(self) -> float:
        """Seconds, from an arbitrary start."""
        return self._clock() - self._paused

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """What runs inside does not count."""
        start = self._clock()
        try:
            yield
        finally:
            self._paused += self._clock() - start
