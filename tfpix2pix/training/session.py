"""Trains: from options and data, from the newest checkpoint to the last step."""

import functools
import pathlib

from pipelines.datasets.locate import usual_direction
from pipelines.system.disk import naming_full_disk
from pipelines.system.terminal import one_line
from tfpix2pix.config import Config
from tfpix2pix.devices.cluster import Cluster
from tfpix2pix.devices.strategy import make_strategy
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import check_trainable
from tfpix2pix.run_dir import init_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.claim import claim, lock_existing_run, open_run_dir, wait_until_shared, with_kept_precision
from tfpix2pix.run_dir.lock import Lock
from tfpix2pix.training.finish import finish
from tfpix2pix.training.initial_weights import read_initial_weights
from tfpix2pix.training.interruption import Interruption, resume_command
from tfpix2pix.training.open_data import Data, agree_on_config, open_data, with_target_palette, with_target_type
from tfpix2pix.training.training import OUTPUT, Training


def train(
    config: Config,
    run_dir: str | pathlib.Path,
    cluster: Cluster | None = None,
    ends_process: bool = False,
    change: bool = False,
    command: str = "",
) -> int:
    """Trains, or resumes a training, until the last epoch, max_steps or a signal.

    Args:
      config: the options; what follows from others is filled in here.
      run_dir: the run directory; created if it does not exist.
      cluster: the workers, if several train together; all of them call this.
      ends_process: whether a signal before the first step, or a second one, ends this process, as a command wants it;
        else Ctrl-C then raises KeyboardInterrupt, as a notebook wants it.
      change: whether a run goes on with other options, and with the data as it is now, from its newest checkpoint. What
        is changed is written to history.jsonl.
      command: the command line that asked for it, for TensorBoard.

    Returns:
      0, or 128 plus the number of the signal that stopped it.

    Raises:
      InputError: options, data or run directory do not allow this training; or, later, a loss is not finite, data
        cannot be read any more, or the disk is full.
    """
    run_dir = pathlib.Path(run_dir)
    config = with_kept_precision(config, run_dir).resolved(usual_direction(config.data_name))
    with (
        Interruption(ends_process, resume_command(run_dir)) as interruption,
        Lock(run_dir) as lock,
        naming_full_disk(run_dir, OUTPUT),
    ):
        open_run_dir(run_dir, config, not cluster or cluster.is_chief, change)
        check_trainable(config)
        strategy = make_strategy(config, cluster)
        interruption.listen()
        workers = Workers(strategy, cluster)
        lock_existing_run(run_dir, lock, workers)
        agree_on_config(config, workers)
        initial = None
        if workers.from_chief(len(Checkpoints(run_dir).steps()) if workers.is_chief else 0):
            config = workers.together(lambda: init_json.with_begin(config, run_dir))
        elif config.init_from:
            initial = read_initial_weights(config, workers)
        data = open_data(config, run_dir, workers, change)
        config = with_target_palette(with_target_type(config, data.train), data.train)
        claim_run_dir(config, run_dir, data, workers, lock, change)
        training = Training(config, run_dir, strategy, workers, data, interruption, command)
        if initial:
            initial.set_in(training.model)
            workers.on_chief(functools.partial(init_json.save, run_dir, config.init_from, initial.rows))
            del initial
        step = training.run()
        code = 0
        if training.agreement:
            why = f"by {interruption.received.name}" if interruption.received else "with another worker"
            print(f"stopped {why} after step {step}; to resume from there: {resume_command(run_dir)}")
            code = 128 + training.agreement.signal
        elif workers.is_chief:
            finish(run_dir, step, training.checkpoints, config, data.val, training.shown())
        else:
            print(f"worker {workers.index} is done after step {step}")
        # The others would miss a worker that ends before them.
        workers.wait()
        return code


def claim_run_dir(
    config: Config, run_dir: pathlib.Path, data: Data, workers: Workers, lock: Lock, may_change: bool
) -> None:
    """Creates the run directory and its records, now that the training is certain to begin.

    Raises:
      InputError: on all workers: another training holds it, the run was begun with other files, or the workers do not
        share it.
    """

    def begin() -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.take()
        for change in claim(run_dir, config, data.train, data.val, may_change):
            print(one_line(f"changed: {change}"))
        for pair in data.train.lost.values():
            data.lost.add(pair)

    workers.on_chief(begin)
    workers.together(lambda: wait_until_shared(run_dir))
