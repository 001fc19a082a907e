"""Times the train step, the generator and the input pipeline, each by itself.

python -m tfpix2pix.benchmark --batch_size=1 --steps=5 --json

All options of training are options here too; the defaults are the paper's networks at 256×256. With --json the last
line is one JSON object.
"""

import time

START = time.monotonic()

import json  # noqa: E402 (the start counts from before the first import)
import resource  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from absl import flags  # noqa: E402
from tensorflow.python.eager import context  # noqa: E402 (nothing public gives the optimised graph)

from pipelines.datasets import locate  # noqa: E402
from pipelines.loader import train_dataset  # noqa: E402
from pipelines.pairs import Pairs  # noqa: E402
from pipelines.storage.shards import open_files  # noqa: E402
from pipelines.system import terminal  # noqa: E402
from tfpix2pix import config  # noqa: E402
from tfpix2pix.devices.strategy import distribute, make_strategy  # noqa: E402
from tfpix2pix.model.state import Pix2Pix  # noqa: E402
from tfpix2pix.model.step import make_train_step  # noqa: E402

# Runs that are not counted: the first one traces, the second one still allocates.
WARM_UP = 2
# Pairs that the input pipeline is timed over, after as many to fill its buffers.
PIPELINE_PAIRS = 100


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    options = config.from_flags()
    options = options.resolved(locate.usual_direction(options.data))
    figures = measure(options, flags.FLAGS.steps)
    if flags.FLAGS.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:32} {value:.4g}" if isinstance(value, float) else f"{name:32} {value}")
    return 0


def measure(options: config.Config, steps: int) -> dict[str, object]:
    """All figures, by name.

    Args:
      options: a resolved Config.
      steps: timed runs; their median counts.
    """
    strategy = make_strategy(options)
    model = Pix2Pix(options, strategy, total_steps=1000)
    train_step = make_train_step(model, strategy)
    shape = (options.batch_size, *options.image_size)
    source = tf.random.uniform((*shape, options.source_channels), -1, 1)
    target = tf.random.uniform((*shape, options.target_channels), -1, 1)
    batch = tf.data.Dataset.from_tensors((source, target)).repeat()
    batches = iter(distribute(strategy, batch))

    def step() -> None:
        # Fetching a loss and a weight waits for both updates.
        float(train_step(*next(batches))["generator/loss"])
        model.generator.trainable_variables[-1].numpy()

    @tf.function
    def translate():
        return model.generator(source, training=False)[0, 0, 0, 0]

    operations = count_operations(step)
    seconds_to_first_step = time.monotonic() - START
    seconds_per_step = median_seconds(step, steps)
    seconds_per_inference = median_seconds(lambda: float(translate()), steps)
    peak = peak_rss_mib()
    return {
        "name": "tfpix2pix",
        "version": tf.__version__,
        "batch_size": options.batch_size,
        "generator_parameters": count_parameters(model.generator),
        "discriminator_parameters": count_parameters(model.discriminator),
        "seconds_per_step": seconds_per_step,
        "seconds_per_inference": seconds_per_inference,
        "images_per_second": options.batch_size / seconds_per_step,
        "pipeline_images_per_second": pipeline_images_per_second(options),
        "peak_rss_mib": peak,
        "operations": operations,
        "seconds_to_first_step": seconds_to_first_step,
    }


def median_seconds(run: Callable[[], None], times: int) -> float:
    """The median of timed runs, after WARM_UP others."""
    for _ in range(WARM_UP):
        run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def count_operations(first_step: Callable[[], None]) -> int:
    """Operations in the step's graph, functions included, as it runs after TensorFlow's own optimisation.

    Args:
      first_step: the first run of the step, since only that one optimises.
    """
    context.enable_run_metadata()
    first_step()
    metadata = context.context().export_run_metadata()
    context.disable_run_metadata()
    graphs = [graph for function in metadata.function_graphs for graph in function.partition_graphs]
    largest = max(graphs, key=lambda graph: len(graph.node), default=None)
    return len(largest.node) if largest else 0


def pipeline_images_per_second(options: config.Config) -> float:
    """Training pairs a second that the input pipeline makes by itself, read from files."""
    folder = locate.dataset_folder(options.data, options.data_dir)
    pairs = Pairs(open_files(folder / "train"), options.pair_format(options.load_size), skipped={})
    batches = -(-PIPELINE_PAIRS // options.batch_size)
    dataset = iter(
        train_dataset(
            pairs,
            image_size=options.image_size,
            flip=options.flip,
            batch_size=min(options.batch_size, len(pairs)),
            seed=options.seed,
            first_step=0,
            last_step=2 * batches,
        )
    )
    for _ in range(batches):
        next(dataset)
    start = time.perf_counter()
    for _ in range(batches):
        next(dataset)
    return batches * options.batch_size / (time.perf_counter() - start)


def peak_rss_mib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def count_parameters(network: tf.Module) -> int:
    """Trained parameters."""
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def define_flags() -> None:
    """The options of Config, and those of the command itself."""
    config.define_flags()
    flags.DEFINE_integer("steps", 5, "timed runs; their median counts", lower_bound=1)
    flags.DEFINE_bool("json", False, "print one JSON object as the last line")
    flags.adopt_module_key_flags(config)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
