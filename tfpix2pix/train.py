"""Trains pix2pix on side-by-side pairs; a run that was stopped goes on when started again.

    python -m tfpix2pix.train --flagfile=tfpix2pix/flagfiles/facades.flags
    python -m tfpix2pix.train --data=my/pairs --direction=BtoA --run_dir=runs/mine --epochs=100

The run directory gets config.json, checkpoints/, tensorboard/, samples/ and log.jsonl, and at the end curves.png and
results.png.
"""

import math
import pathlib
import shutil

from absl import flags

from pipelines.datasets import locate
from pipelines.system import terminal
from pipelines.system.disk import naming_full_disk
from tfpix2pix import config
from tfpix2pix.devices.cluster import Cluster, find_cluster
from tfpix2pix.devices.strategy import make_strategy
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import check_trainable
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.report import plots
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.claim import NOTE_FILE, open_run_dir
from tfpix2pix.run_dir.journal import read_log
from tfpix2pix.run_dir.lock import Lock
from tfpix2pix.training.interruption import Interruption
from tfpix2pix.training.open_data import open_data
from tfpix2pix.training.session import Training


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    options = config.from_flags()
    options = options.resolved(locate.usual_direction(options.data))
    run_dir = pathlib.Path(flags.FLAGS.run_dir or f"runs/{pathlib.Path(options.data).name}")
    cluster = find_cluster(options.strategy)
    if not cluster or cluster.is_chief:
        print(f"run_dir={run_dir}\n{options.to_json()}", end="", flush=True)
    if flags.FLAGS.dry_run:
        return 0
    if not cluster:
        return train(options, run_dir)
    with cluster.ending_when_one_is_lost(run_dir / NOTE_FILE):
        return train(options, run_dir, cluster)


def train(options: config.Config, run_dir: pathlib.Path, cluster: Cluster | None = None) -> int:
    """Trains, or goes on training, until the last epoch, max_steps, or a signal.

    Args:
      options: a resolved Config.
      run_dir: made if it is not there.
      cluster: the workers, where several train together; all of them call this.

    Returns:
      0, or 128 and the number of the signal that stopped it.

    Raises:
      InputError: anything about options, data or run directory that stands in the way, before training begins; later a
        loss that is not finite, data that cannot be read any more, or a full disk.
    """
    with Interruption() as interruption, Lock(run_dir) as lock, naming_full_disk(run_dir, "what the training writes"):
        open_run_dir(run_dir, options, will_write=not cluster or cluster.is_chief)
        check_trainable(options)
        strategy = make_strategy(options, cluster)
        interruption.listen()
        workers = Workers(strategy, cluster)
        data = open_data(options, run_dir, workers, lock)
        training = Training(options, run_dir, strategy, workers, data, interruption)
        step = training.run()
        if training.agreement:
            why = f"by {interruption.received.name}" if interruption else "with a worker that was told to"
            print(f"stopped {why} after step {step}; the same command goes on from there")
            code = 128 + training.agreement.signal
        else:
            code = 0
            if workers.is_chief:
                finish(run_dir, step, training.checkpoints)
            else:
                print(f"worker {workers.index} is done after step {step}")
        # One that ends before the others would be missed by them.
        workers.wait()
        return code


def finish(run_dir: pathlib.Path, step: int, checkpoints: Checkpoints) -> None:
    """Draws the curves, and says where everything lies and what to type next."""
    plots.curves(read_log(run_dir)).savefig(run_dir / "curves.png")
    samples = sorted((run_dir / "samples").glob("step-*.png"))
    shutil.copy(samples[-1], run_dir / "results.png")
    best = checkpoints.choose("best")
    metric = METRICS[checkpoints.best_by]
    value = metric.format(checkpoints.validation(best).get(checkpoints.best_by, math.nan))
    print(
        f"""
{run_dir} is complete: {step} steps; best validation {metric.label} {value} at step {best}
  pictures      {run_dir}/results.png, {run_dir}/curves.png, {run_dir}/samples/
  checkpoints   {run_dir}/checkpoints/, steps {", ".join(map(str, checkpoints.steps()))}
  numbers       {run_dir}/log.jsonl, {run_dir}/config.json
next
  python -m tensorboard.main --logdir={run_dir}/tensorboard
  python -m tfpix2pix.evaluate --run_dir={run_dir}
  python -m tfpix2pix.translate --run_dir={run_dir} --input=FILE_OR_FOLDER --output=translated"""
    )


def define_flags() -> None:
    """The options of Config, and those of the command itself."""
    config.define_flags()
    flags.DEFINE_string("run_dir", "", "folder that the run writes; default: runs/ and the data set's name")
    flags.DEFINE_bool("dry_run", False, "print the resolved options, and stop")
    flags.adopt_module_key_flags(config)


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
