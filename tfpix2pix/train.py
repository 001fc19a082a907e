"""Trains pix2pix on side-by-side pairs; the same command resumes a run that was stopped.

    python -m tfpix2pix.train --flagfile=facades
    python -m tfpix2pix.train --data=my/pairs --direction=BtoA --run_dir=runs/mine --epochs=100

The run directory gets config.json, checkpoints/, tensorboard/, samples/ and log.jsonl, and at the end curves.png and
results.png.
"""

import pathlib

from absl import flags

from pipelines.system import terminal
from tfpix2pix.config import config_from_flags, define_config_flags


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.datasets.locate import usual_direction
    from tfpix2pix.devices.cluster import find_cluster
    from tfpix2pix.run_dir.claim import NOTE_FILE
    from tfpix2pix.training.session import train

    terminal.no_arguments(argv)
    config = config_from_flags(flags.FLAGS)
    config = config.resolved(usual_direction(config.data_name))
    run_dir = pathlib.Path(flags.FLAGS.run_dir or f"runs/{pathlib.Path(config.data).name}")
    cluster = find_cluster(config.strategy)
    if not cluster or cluster.is_chief:
        options = config.to_json() if flags.FLAGS.dry_run else f"{', '.join(config.chosen())}\n"
        print(f"run_dir={run_dir}\n{options}", end="", flush=True)
    if flags.FLAGS.dry_run:
        return 0
    if not cluster:
        return train(config, run_dir, ends_process=True)
    with cluster.ending_when_one_is_lost(run_dir / NOTE_FILE):
        return train(config, run_dir, cluster, ends_process=True)


def define_flags() -> None:
    """Makes the options of Config, and those of the command itself."""
    define_config_flags()
    flags.DEFINE_string("run_dir", "", "folder that the run writes; default: runs/ and the data set's name")
    flags.DEFINE_bool("dry_run", False, "print all resolved options, and stop")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
