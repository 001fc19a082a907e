"""Apache Beam, which runs one function over many blocks: in this process, or on Spark, Flink or Dataflow."""

import logging
from collections.abc import Callable, Sequence

from absl import flags

from pipelines.system.terminal import InputError

# Flags made by define_flags belong to the module that asks for them, and are shown in its --help.
flags.disclaim_key_flags()


def run(work: Callable[[object], None], blocks: Sequence[object]) -> None:
    """Calls work(block) for every block, and returns when all are done.

    Args:
      work: pickled; does all that it does by writing files, and doing it twice does no harm, since an engine repeats
        what failed, and may have two workers race for one block.
      blocks: pickled; each is the work of minutes, so that what a killed worker loses is little.

    Raises:
      InputError: Beam is not installed, or does not take the options.
    """
    beam, options = import_beam(), flags.FLAGS
    arguments = [f"--runner={options.runner}", *(f"--{argument}" for argument in options.beam)]
    if options.workers > 1:
        arguments += ["--direct_running_mode=multi_processing", f"--direct_num_workers={options.workers}"]
    try:
        pipeline = beam.Pipeline(argv=arguments)
    except (ValueError, SystemExit) as error:
        raise InputError(f"runner={options.runner}, beam={options.beam}: Beam does not take this ({error})") from None
    # A shuffle between source and work, or an engine would give all blocks to the one worker that has the list.
    pipeline | beam.Create(blocks) | beam.Reshuffle() | beam.Map(work)
    pipeline.run().wait_until_finish()


def import_beam():
    """The package, which is not among the requirements of training.

    Raises:
      InputError: it is not installed.
    """
    # Its remarks on other packages that it might use are not for users.
    logging.getLogger().setLevel(logging.ERROR)
    # Its workers print what they raise; it comes to us as well, to be said in one line.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        import apache_beam
    except ImportError:
        raise InputError("apache-beam is not installed; install it by pip install apache-beam") from None
    return apache_beam


def define_flags() -> None:
    """The options that all commands on Beam have."""
    flags.DEFINE_string("runner", "DirectRunner", "Beam's: DirectRunner, SparkRunner, FlinkRunner, DataflowRunner, ...")
    flags.DEFINE_multi_string("beam", [], "an option of the runner, such as --beam=project=mine; may be repeated")
    flags.DEFINE_integer("workers", 1, "processes of the DirectRunner", lower_bound=1)
