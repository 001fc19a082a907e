"""Times the train step, the generator and the input pipeline on the devices of this process."""

import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
import psutil
import tensorflow as tf

from pipelines.loader import train_dataset
from pipelines.pairs import Pairs
from pipelines.system.disk import MIB
from tfpix2pix.config import Config
from tfpix2pix.devices.strategy import distribute, make_strategy
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step

# Runs that are not timed: the first one traces, the second one still allocates.
WARM_UP_RUNS = 2
# The input pipeline is timed over this many pairs, after as many that fill its buffers.
PIPELINE_PAIRS = 400


def measure_speed(config: Config, steps: int = 5, start: float | None = None) -> dict[str, object]:
    """Measures all figures of the benchmark.

    Args:
      config: a resolved Config.
      steps: how many runs are timed; the figure is their median.
      start: the time.monotonic() from which seconds_to_first_step counts; default: the call.

    Returns:
      Figures by name, such as seconds_per_step. Memory is in MiB.

    Raises:
      InputError: the training pairs cannot be found; before anything is built.
    """
    start = time.monotonic() if start is None else start
    pairs = Pairs(config.open_dataset().split("train"), config.train_format(), skipped={})
    strategy = make_strategy(config)
    model = Pix2Pix(config, strategy, total_steps=1000)
    train_step = make_train_step(model, strategy)
    shape = (config.batch_size, *config.image_size)
    source = tf.random.uniform((*shape, config.input_channels), -1, 1)
    target = tf.random.uniform((*shape, config.target_channels), -1, 1)
    batch = tf.data.Dataset.from_tensors((source, target)).repeat()
    batches = iter(distribute(strategy, batch))

    def step() -> None:
        # To fetch a loss and a weight waits for both updates.
        float(train_step(*next(batches))["generator/loss"])
        model.generator.trainable_variables[-1].numpy()

    @tf.function(autograph=False)
    def translate() -> tf.Tensor:
        return model.generator(source, training=False)[0, 0, 0, 0]

    step()
    seconds_to_first_step = time.monotonic() - start
    seconds_per_step = median_seconds(step, steps)
    seconds_per_inference = median_seconds(lambda: float(translate()), steps)
    peak = peak_memory_mib()
    return {
        "name": "tfpix2pix",
        "version": tf.__version__,
        "batch_size": config.batch_size,
        "generator_parameters": count_parameters(model.generator),
        "discriminator_parameters": count_parameters(model.discriminator),
        "seconds_per_step": seconds_per_step,
        "seconds_per_inference": seconds_per_inference,
        "images_per_second": config.batch_size / seconds_per_step,
        "pipeline_images_per_second": pipeline_images_per_second(config, pairs),
        "peak_rss_mib": peak,
        "seconds_to_first_step": seconds_to_first_step,
    }


def median_seconds(run: Callable[[], object], times: int) -> float:
    """Times some runs after WARM_UP_RUNS others, and returns the median."""
    for _ in range(WARM_UP_RUNS):
        run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def pipeline_images_per_second(config: Config, pairs: Pairs) -> float:
    """Counts the training pairs that the input pipeline alone reads from files in a second."""
    batches = -(-PIPELINE_PAIRS // config.batch_size)
    batch_size = min(config.batch_size, len(pairs))
    dataset = iter(
        train_dataset(
            pairs,
            image_size=config.image_size,
            batch_size=batch_size,
            seed=config.seed,
            first_step=0,
            last_step=2 * batches,
            **config.augmentation(),
        )
    )
    for _ in range(batches):
        next(dataset)
    start = time.perf_counter()
    for _ in range(batches):
        next(dataset)
    return batches * batch_size / (time.perf_counter() - start)


def peak_memory_mib() -> float:
    """Returns the peak resident memory of this process so far."""
    try:
        import resource
    except ImportError:
        # Windows, where psutil knows the peak.
        memory = psutil.Process().memory_info()
        return getattr(memory, "peak_wset", memory.rss) / MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (MIB if psutil.MACOS else 1024)


def count_parameters(network: keras.Model) -> int:
    """Counts the trained parameters."""
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
