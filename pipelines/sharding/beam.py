"""Runs a function over many blocks by Apache Beam: in this process, or on Spark, Flink or Dataflow."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from pipelines.system.terminal import InputError

# Flags made by define_flags belong to the command that calls it, and appear in its --help.
flags.disclaim_key_flags()


def run(
    work: Callable[[Any], None],
    blocks: Sequence[Any],
    *,
    runner: str = "DirectRunner",
    options: Sequence[str] = (),
    workers: int = 1,
) -> None:
    """Calls work(block) for every block, and returns when all are done.

    Args:
      work: is pickled; writes its results to files. Calling it twice must do no harm: a runner repeats what failed,
        and may give one block to two workers.
      blocks: are pickled; each takes minutes at most, which bounds what a killed worker loses.
      runner: the name of Beam's runner.
      options: of the runner, such as `project=mine`.
      workers: processes of the DirectRunner.

    Raises:
      InputError: Beam is not installed, or refuses the runner or an option.
    """
    beam = import_beam()
    arguments = [f"--runner={runner}", *(f"--{option}" for option in options)]
    if workers > 1:
        arguments += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    try:
        pipeline = beam.Pipeline(argv=arguments)
    except (ValueError, SystemExit) as error:
        raise InputError(f"runner={runner}, beam={list(options)}: Beam refuses this ({error}); see --help") from None
    # Without a shuffle between source and work, a runner gives all blocks to the one worker that has the list.
    pipeline | beam.Create(blocks) | beam.Reshuffle() | beam.Map(work)
    pipeline.run().wait_until_finish()


def import_beam() -> Any:
    """Imports and returns apache_beam, an optional dependency.

    Raises:
      InputError: it is not installed.
    """
    # Hides its remarks on optional packages of its own.
    logging.getLogger().setLevel(logging.ERROR)
    # Its workers log what they raise; the error also reaches the command, which prints it in one line.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        import apache_beam
    except ImportError:
        raise InputError("apache-beam is not installed; pip install apache-beam") from None
    return apache_beam


def define_flags() -> None:
    """Defines the options that all commands on Beam have."""
    flags.DEFINE_string("runner", "DirectRunner", "Beam's: DirectRunner, SparkRunner, FlinkRunner, DataflowRunner, ...")
    flags.DEFINE_multi_string("beam", [], "an option of the runner, such as --beam=project=mine; may be repeated")
    flags.DEFINE_integer("workers", 1, "processes of the DirectRunner", lower_bound=1)
