"""Queues in the graph of a served model: concurrent requests share batches, or wait for one another."""

import contextlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# The most images in one request, whatever the size of the batches that they are computed in.
MAX_REQUEST = 1024
# How long an image waits for others to share its batch, and how many batches may wait before requests are refused.
BATCH_TIMEOUT_MICROS = 2000
MAX_WAITING_BATCHES = 100
# How many pictures of other sizes may wait before requests are refused.
MAX_WAITING_PICTURES = 1000
# One image's own error is reported, or, some 1 time in 100, that its loop was stopped: so often it is asked again.
TRIES = 10

Generate = Callable[[tf.Tensor], tf.Tensor]


def one_at_a_time(function: Callable[..., Any], *arguments: tf.Tensor) -> Any:
    """Calls a function in a graph; of all calls, in whatever requests, one runs at a time, and the others wait.

    Args:
      function: of tensors, to a tensor or a tuple of them.
      *arguments: of the function.
    """

    def of_batch(*batch: tf.Tensor) -> Any:
        return tf.nest.map_structure(lambda result: result[None], function(*(argument[0] for argument in batch)))

    # The name is that of the queue.
    with tf.name_scope("one_at_a_time"):
        results = tf.nondifferentiable_batch_function(
            num_batch_threads=1,
            max_batch_size=1,
            batch_timeout_micros=0,
            allowed_batch_sizes=[1],
            max_enqueued_batches=MAX_WAITING_PICTURES,
        )(of_batch)(*(argument[None] for argument in arguments))
    return tf.nest.map_structure(lambda result: result[0], results)


def ask_again(call: Callable[[], Any]) -> Any:
    """Returns what a call of a served model returns; calls up to TRIES times, as long as its loop was only stopped.

    Raises:
      tf.errors.CancelledError: nothing else was said.
    """
    for _ in range(TRIES - 1):
        with contextlib.suppress(tf.errors.CancelledError):
            return call()
    return call()


def in_batches(generate: Generate, max_batch_size: int) -> Generate:
    """Returns `generate` for concurrent calls: their images share batches of 1, 2, 4, ... max_batch_size."""
    sizes = [2**i for i in range(max_batch_size.bit_length()) if 2**i < max_batch_size]
    batched = tf.nondifferentiable_batch_function(
        num_batch_threads=1,
        max_batch_size=MAX_REQUEST,
        batch_timeout_micros=BATCH_TIMEOUT_MICROS,
        allowed_batch_sizes=[*sizes, max_batch_size],
        max_enqueued_batches=MAX_WAITING_BATCHES,
    )(generate)

    def named(sources: tf.Tensor) -> tf.Tensor:
        # Queues of one name are one, also those of other models in the process.
        with tf.name_scope(f"up_to_{max_batch_size}"):
            return batched(sources)

    return named
