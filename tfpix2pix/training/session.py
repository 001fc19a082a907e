"""Trains: from options and data, from the newest checkpoint to the last step."""

import pathlib

import tensorflow as tf

from pipelines.datasets.locate import usual_direction
from pipelines.system.disk import naming_full_disk, write_whole
from tfpix2pix.config import Config
from tfpix2pix.devices.cluster import Cluster
from tfpix2pix.devices.strategy import make_strategy
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix, check_trainable
from tfpix2pix.model.step import Metrics, make_train_step
from tfpix2pix.quality.measure import Networks
from tfpix2pix.run_dir.checkpoint_parts import FRAME_BYTES
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.claim import NOTE_FILE, claim, lock_existing_run, open_run_dir, wait_until_shared
from tfpix2pix.run_dir.journal import Journal, Silence
from tfpix2pix.run_dir.lock import Lock
from tfpix2pix.training import actions, loop
from tfpix2pix.training.agreement import Agreement
from tfpix2pix.training.feed import Feed, UnreadableError, ValidationFeed
from tfpix2pix.training.finish import finish
from tfpix2pix.training.interruption import Interruption
from tfpix2pix.training.open_data import Data, agree_on_config, open_data, with_target_palette, with_target_type
from tfpix2pix.training.validation import Validation

OUTPUT = "the output of the training"


def train(
    config: Config, run_dir: str | pathlib.Path, cluster: Cluster | None = None, ends_process: bool = False
) -> int:
    """Trains, or resumes a training, until the last epoch, max_steps or a signal.

    Args:
      config: the options; what follows from others is filled in here.
      run_dir: the run directory; created if it does not exist.
      cluster: the workers, if several train together; all of them call this.
      ends_process: whether a signal before the first step, or a second one, ends this process, as a command wants it;
        else Ctrl-C then raises KeyboardInterrupt, as a notebook wants it.

    Returns:
      0, or 128 plus the number of the signal that stopped it.

    Raises:
      InputError: options, data or run directory do not allow this training; or, later, a loss is not finite, data
        cannot be read any more, or the disk is full.
    """
    run_dir = pathlib.Path(run_dir)
    config = config.resolved(usual_direction(config.data_name))
    with Interruption(ends_process) as interruption, Lock(run_dir) as lock, naming_full_disk(run_dir, OUTPUT):
        open_run_dir(run_dir, config, will_write=not cluster or cluster.is_chief)
        check_trainable(config)
        strategy = make_strategy(config, cluster)
        interruption.listen()
        workers = Workers(strategy, cluster)
        lock_existing_run(run_dir, lock, workers)
        agree_on_config(config, workers)
        data = open_data(config, run_dir, workers)
        config = with_target_palette(with_target_type(config, data.train), data.train)
        claim_run_dir(config, run_dir, data, workers, lock)
        training = Training(config, run_dir, strategy, workers, data, interruption)
        step = training.run()
        code = 0
        if training.agreement:
            why = f"by {interruption.received.name}" if interruption.received else "with another worker"
            print(f"stopped {why} after step {step}; the same command resumes from there")
            code = 128 + training.agreement.signal
        elif workers.is_chief:
            finish(run_dir, step, training.checkpoints)
        else:
            print(f"worker {workers.index} is done after step {step}")
        # The others would miss a worker that ends before them.
        workers.wait()
        return code


def claim_run_dir(config: Config, run_dir: pathlib.Path, data: Data, workers: Workers, lock: Lock) -> None:
    """Creates the run directory and its records, now that the training is certain to begin.

    Raises:
      InputError: on all workers: another training holds it, the run was begun with other files, or the workers do not
        share it.
    """

    def begin() -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.take()
        claim(run_dir, config, data.train, data.val)
        for pair in data.train.lost.values():
            data.lost.add(pair)

    workers.on_chief(begin)
    workers.together(lambda: wait_until_shared(run_dir))


class Training:
    """Restores a model from its newest checkpoint, and trains it from there.

    Args:
      config: resolved.
      run_dir: exists.
      strategy: over the devices of all workers.
      workers: each of them makes a Training and calls the same methods.
      data: what open_data returned.
      interruption: entered.

    Attributes:
      checkpoints: of the run.
      agreement: true once the workers agreed to stop.
    """

    def __init__(
        self,
        config: Config,
        run_dir: pathlib.Path,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        data: Data,
        interruption: Interruption,
    ):
        self.config, self.run_dir, self.strategy, self.workers = config, run_dir, strategy, workers
        self.data, self.interruption = data, interruption
        steps_per_epoch = len(data.train) // config.batch_size
        total_steps = config.epochs * steps_per_epoch
        self.last_step = min(config.max_steps or total_steps, total_steps)
        self.schedule = actions.Schedule(steps_per_epoch, self.last_step)
        self.model = Pix2Pix(config, strategy, total_steps, config.decay_epochs * steps_per_epoch)
        self.checkpoints = Checkpoints(run_dir, config.keep_checkpoints, config.best_by, workers)
        self.first_step = self.checkpoints.restore_newest(self.model)
        if self.first_step >= self.last_step:
            print(
                f"all {self.last_step} steps are done already (the run has {self.first_step}): nothing is left to train"
            )
        elif self.first_step:
            print(f"resuming after step {self.first_step} of {self.last_step}", flush=True)
        self.agreement = Agreement(interruption, workers, self.schedule.is_epoch_end)

    def run(self) -> int:
        """Trains, and returns how many steps are done by then.

        Raises:
          InputError: a loss or weight is not finite, data cannot be read any more, or the disk is full.
        """
        self.interruption.listen()
        first_step, workers = self.first_step, self.workers
        journal = Journal(self.run_dir, first_step, self.last_step) if workers.is_chief else Silence()
        around, save = self._actions(journal)
        feed = Feed(
            self.data.train,
            self.config,
            self.strategy,
            workers,
            first_step,
            self.last_step,
            self.data.lost,
            journal.line if workers.is_chief else print,
        )
        try:
            # The validation of an epoch's end that is still missing: before the first step, or if the run was stopped.
            if workers.from_chief(self.schedule.is_epoch_end(first_step) and not journal.has_validation(first_step)):
                metrics: Metrics = {}
                for action in around:
                    action(first_step, metrics)
            self.agreement.meet()
            if self.agreement:
                return first_step
            train_step = make_train_step(self.model, self.strategy)
            with naming_full_disk(self.run_dir, OUTPUT, self.model.nbytes() + FRAME_BYTES):
                return loop.run(train_step, feed, [self._hold, *around], first_step, self.agreement.__bool__)
        except UnreadableError as error:
            if workers.cluster:
                # The others are inside a step that this worker cannot take. They learn of it when this one is gone.
                write_whole(self.run_dir / NOTE_FILE, str(error))
                workers.cluster.end(str(error), error.exit_code)
            save.save(int(self.model.step.numpy()), {})
            raise
        finally:
            journal.close()

    def _hold(self, step: int, metrics: Metrics) -> None:
        """Tells the interruption, after the first step, that there is something to save."""
        self.interruption.hold()

    def _actions(self, journal: Journal) -> tuple[list[loop.Action], actions.Save]:
        """Returns what happens after each step, in this order, and the one of these actions that saves."""
        config, schedule, stopwatch = self.config, self.schedule, loop.Stopwatch()
        log = actions.Log(journal, schedule, stopwatch, self.model, config.log_every, self.data.lost.__len__)
        save = actions.Save(
            self.checkpoints, self.model, schedule, stopwatch, config.checkpoint_every, self.agreement.__bool__
        )
        if not self.workers.is_chief:
            return [log, self.agreement, save], save
        feed = ValidationFeed(self.data.val, config, journal.line)
        validation = Validation(
            self.model.generator,
            *feed.batches(),
            config.samples,
            self.data.networks or Networks(),
            recover=feed.recover,
            kind=config.target_kind,
        )
        validate = actions.Validate(
            validation,
            journal,
            schedule,
            stopwatch,
            self.run_dir / "samples",
            self.interruption.__bool__,
            displays=config.displays(),
        )
        # Validation comes before the agreement, where the other workers wait for it.
        return [log, validate, self.agreement, save], save
