"""One training: what is made of options and data, from the newest checkpoint to the last step."""

import pathlib

import tensorflow as tf

from pipelines.system.disk import naming_full_disk, write_whole
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import Metrics, make_train_step
from tfpix2pix.run_dir.checkpoints import FRAME_BYTES, Checkpoints
from tfpix2pix.run_dir.claim import NOTE_FILE
from tfpix2pix.run_dir.journal import Journal, Silence
from tfpix2pix.training import actions, loop
from tfpix2pix.training.agreement import Agreement
from tfpix2pix.training.feed import Feed, UnreadableError, ValidationFeed
from tfpix2pix.training.interruption import Interruption
from tfpix2pix.training.open_data import Data
from tfpix2pix.training.validation import Validation


class Training:
    """A model at its newest checkpoint, and what happens from there.

    Args:
      options: a resolved Config.
      run_dir: is there.
      strategy: over the devices of all workers.
      workers: all of them make one and call the same methods.
      data: opened.
      interruption: entered.

    Attributes:
      checkpoints: of the run.
      agreement: true if it was asked to stop.
    """

    def __init__(
        self,
        options: Config,
        run_dir: pathlib.Path,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        data: Data,
        interruption: Interruption,
    ):
        self.options, self.run_dir, self.strategy, self.workers = options, run_dir, strategy, workers
        self.data, self.interruption = data, interruption
        steps_per_epoch = len(data.train) // options.batch_size
        total_steps = options.epochs * steps_per_epoch
        self.last_step = min(options.max_steps or total_steps, total_steps)
        self.schedule = actions.Schedule(steps_per_epoch, self.last_step)
        self.model = Pix2Pix(options, strategy, total_steps, options.decay_epochs * steps_per_epoch)
        self.checkpoints = Checkpoints(run_dir, options.keep_checkpoints, options.best_by, workers)
        self.first_step = self.checkpoints.restore_newest(self.model)
        if self.first_step >= self.last_step:
            done = f"{self.first_step} steps are done already, and {self.last_step} were asked for"
            print(f"{done}: nothing is left to train")
        elif self.first_step:
            print(f"going on after step {self.first_step} of {self.last_step}", flush=True)
        self.agreement = Agreement(interruption, workers, self.schedule.is_epoch_end)

    def run(self) -> int:
        """Trains, and returns how many steps are done by then.

        Raises:
          InputError: a loss or weight that is not finite, data that cannot be read any more, or a full disk.
        """
        self.interruption.listen()
        first_step, workers = self.first_step, self.workers
        journal = Journal(self.run_dir, first_step, self.last_step) if workers.is_chief else Silence()
        around, save = self._actions(journal)
        feed = Feed(
            self.data.train,
            self.options,
            self.strategy,
            workers,
            first_step,
            self.last_step,
            self.data.lost,
            journal.line if workers.is_chief else print,
        )
        try:
            # What the end of an epoch still owes: before the first step, or where a run was stopped in between.
            if workers.from_chief(self.schedule.is_epoch_end(first_step) and not journal.has_validation(first_step)):
                metrics = {}
                for action in around:
                    action(first_step, metrics)
            self.agreement.meet()
            if self.agreement:
                return first_step
            train_step = make_train_step(self.model, self.strategy)
            with naming_full_disk(self.run_dir, "what the training writes", self.model.nbytes() + FRAME_BYTES):
                return loop.run(train_step, feed, [self._hold, *around], first_step, self.agreement.__bool__)
        except UnreadableError as error:
            if workers.count > 1:
                # The others are inside a step that this worker cannot take, and learn of it by missing this one.
                write_whole(self.run_dir / NOTE_FILE, str(error))
                workers.cluster.end(str(error), error.exit_code)
            save.save(int(self.model.step.numpy()), {})
            raise
        finally:
            journal.close()

    def _hold(self, step: int, metrics: Metrics) -> None:
        """After the first step, there is something to save."""
        self.interruption.hold()

    def _actions(self, journal: Journal) -> tuple[list[loop.Action], actions.Save]:
        """What happens after each step, in this order, and of it what saves."""
        options, schedule, stopwatch = self.options, self.schedule, loop.Stopwatch()
        log = actions.Log(journal, schedule, stopwatch, self.model, options.log_every, self.data.lost.__len__)
        save = actions.Save(
            self.checkpoints, self.model, schedule, stopwatch, options.checkpoint_every, self.agreement.__bool__
        )
        if not self.workers.is_chief:
            return [log, self.agreement, save], save
        feed = ValidationFeed(self.data.val, options, journal.line)
        validation = Validation(
            self.model.generator, *feed.batches(), options.samples, self.data.networks, mend=feed.mend
        )
        validate = actions.Validate(
            validation, journal, schedule, stopwatch, self.run_dir / "samples", self.interruption.__bool__
        )
        # The agreement is behind the validation, for which the other workers wait there.
        return [log, validate, self.agreement, save], save
