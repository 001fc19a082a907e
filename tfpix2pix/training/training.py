"""Restores a model, plans its steps, and takes them."""

import functools
import pathlib

import tensorflow as tf

from pipelines.system.disk import naming_full_disk, write_whole
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import Metrics, make_train_steps
from tfpix2pix.networks.generators.generator import of_any_size
from tfpix2pix.quality.measure import Networks
from tfpix2pix.run_dir import options_shown
from tfpix2pix.run_dir.checkpoint_parts import FRAME_BYTES
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.claim import NOTE_FILE
from tfpix2pix.run_dir.history import HISTORY_FILE, changes, comparable_since, to_text, with_changes
from tfpix2pix.run_dir.journal import Journal, Silence
from tfpix2pix.run_dir.log_jsonl import VALIDATION, read_log
from tfpix2pix.run_dir.run_facts import as_markdown, run_facts
from tfpix2pix.training import actions, loop
from tfpix2pix.training.agreement import Agreement
from tfpix2pix.training.diagnosis import Diagnosis
from tfpix2pix.training.estimate import Estimate
from tfpix2pix.training.examination import Examination
from tfpix2pix.training.feed import Feed, UnreadableError, ValidationFeed
from tfpix2pix.training.interruption import Interruption
from tfpix2pix.training.open_data import Data
from tfpix2pix.training.patience import Patience
from tfpix2pix.training.plateau import LowerRate
from tfpix2pix.training.schedule import make_schedule, rate_steps
from tfpix2pix.training.validation import Rows, Validation
from tfpix2pix.translation.any_size import translate_any_size

OUTPUT = "the output of the training"


class Training:
    """Restores a model from its newest checkpoint, and trains it from there.

    Args:
      config: resolved.
      run_dir: exists.
      strategy: over the devices of all workers.
      workers: each of them makes a Training and calls the same methods.
      data: what open_data returned.
      interruption: entered.
      command: the command line, for TensorBoard.

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
        command: str = "",
    ):
        self.command = command
        self.config, self.run_dir, self.strategy, self.workers = config, run_dir, strategy, workers
        self.data, self.interruption = data, interruption
        self.history = changes(run_dir)
        if not workers.have_same(to_text(self.history)):
            raise InputError(f"{run_dir / HISTORY_FILE} differs between workers; start all of them again")
        self._plan()
        self.model = Pix2Pix(config, strategy, *rate_steps(config, self.schedule.stretches))
        if workers.is_chief and (frozen := self.model.frozen_weights):
            count = sum(network.count_params() for network in (self.model.generator, self.model.discriminator))
            print(f"freeze={config.freeze}: {frozen:,} of {count:,} weights do not learn")
        self.checkpoints = Checkpoints(run_dir, config.keep_checkpoints, config.best_by, workers)
        self.first_step = self.checkpoints.restore_newest(self.model)
        if any(change.step > self.first_step for change in self.history):
            self._change_earlier()
        if self.first_step >= self.last_step:
            more = "another --max_steps" if config.max_steps else "more --epochs and --change"
            print(
                f"all {self.last_step} steps are done already (the run has {self.first_step}): nothing is left to "
                f"train; {more} would train on"
            )
        elif self.first_step:
            print(f"resuming after step {self.first_step} of {self.last_step}", flush=True)
        self.agreement = Agreement(interruption, workers, self.schedule.is_epoch_end)
        self._validate: actions.Validate | None = None
        self.patience = Patience(
            config.patience,
            config.best_by,
            [value for _, value in self._validations()],
            self.schedule.ends_epoch,
            workers,
        )

    def run(self) -> int:
        """Trains, and returns how many steps are done by then.

        Raises:
          InputError: a loss or weight is not finite, data cannot be read any more, or the disk is full.
        """
        self.interruption.listen()
        first_step, workers = self.first_step, self.workers
        journal = Journal(self.run_dir, first_step, self.last_step) if workers.is_chief else Silence()
        self.interruption.before_end = journal.end_session
        journal.text("run", as_markdown(run_facts(self.run_dir, self.config)))
        journal.text("options", options_shown.as_markdown(self.config, self.command))
        journal.hparams(options_shown.hparams(self.config))
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
            self.schedule.stretches[-1].first_step,
        )
        if now := [change for change in self.history if change.step == first_step]:
            journal.text("changed", "".join(f"- {change}\n" for change in now))
        try:
            # The validation of an epoch's end that is still missing: before the first step, or if the run was stopped.
            if workers.from_chief(self.schedule.is_validated(first_step) and not journal.has_validation(first_step)):
                metrics: Metrics = {}
                for action in around:
                    action(first_step, metrics)
            self.agreement.meet()
            if self.patience:
                journal.line(f"{self.patience}: nothing is left to train; --patience=0 trains to the last epoch")
            if self.agreement or self.patience:
                return first_step
            train_steps = make_train_steps(self.model, self.strategy)
            with naming_full_disk(self.run_dir, OUTPUT, self.model.nbytes() + FRAME_BYTES):
                todo = [self._hold, *around]
                step = loop.run(train_steps, feed, todo, first_step, self._is_stopping, self._ends_call)
            if self.patience:
                journal.line(f"stopped early after step {step}: {self.patience} (--patience={self.config.patience})")
            return step
        except UnreadableError as error:
            if workers.cluster:
                # The others are inside a step that this worker cannot take. They learn of it when this one is gone.
                write_whole(self.run_dir / NOTE_FILE, str(error))
                workers.cluster.end(str(error), error.exit_code)
            save.save(int(self.model.step.numpy()), {})
            raise
        finally:
            journal.close(int(self.model.step.numpy()))

    def shown(self) -> dict[int, Rows]:
        """Returns the pictures of the validations that were made here, of the best and of the newest, by step."""
        return self._validate.shown if self._validate else {}

    def _hold(self, step: int, metrics: Metrics) -> None:
        """Tells the interruption, after the first step, that there is something to save."""
        self.interruption.hold()

    def _ends_call(self, step: int) -> bool:
        """Whether a call ends with this step: so that what is done between steps finds the weights of its step."""
        return step % self.config.steps_per_call == 0 or self.schedule.is_epoch_end(step)

    def _plan(self) -> None:
        """Makes the schedule that follows from the options, the data and their history."""
        self.schedule = make_schedule(self.config, self.history, len(self.data.train))
        self.last_step = self.schedule.last_step

    def _change_earlier(self) -> None:
        """Has what was changed at checkpoints that are gone begin at the one that was restored."""
        step = self.first_step
        epoch = self.schedule.epoch(step)
        self.history = with_changes(self.history, step, epoch, {})
        self.workers.on_chief(lambda: write_whole(self.run_dir / HISTORY_FILE, to_text(self.history), sync=True))
        self._plan()
        self.model.plan_rates(*rate_steps(self.config, self.schedule.stretches))
        print(f"what was changed later than step {step}, from which the run resumes, now begins there", flush=True)

    def _validations(self) -> list[tuple[int, float]]:
        """Returns (step, value) of the validations so far by best_by, as far as they compare with those to come."""
        name, since = VALIDATION + self.config.best_by, comparable_since(self.history)
        records = read_log(self.run_dir) if self.workers.is_chief else []
        return [
            (step, record[name])
            for record in records
            if name in record
            and since < (step := int(record["step"])) <= self.first_step
            and self.schedule.ends_epoch(step)
        ]

    def _is_stopping(self) -> bool:
        return bool(self.agreement or self.patience)

    def _actions(self, journal: Journal) -> tuple[list[loop.Action], actions.Save]:
        """Returns what happens after each step, in this order, and the one of these actions that saves."""
        config, schedule, stopwatch = self.config, self.schedule, loop.Stopwatch()
        log = actions.Log(
            journal,
            schedule,
            stopwatch,
            self.model,
            config.log_every,
            self.data.lost.__len__,
            config.tensorboard_every,
        )
        save = actions.Save(
            self.checkpoints, self.model, schedule, stopwatch, config.checkpoint_every, self._is_stopping
        )
        # They meet the other workers, in this order.
        meetings: list[loop.Action] = [self.agreement, self.patience]
        if self.model.plateau:
            meetings.append(
                LowerRate(
                    config, self.model.plateau, self._validations(), schedule.ends_epoch, self.workers, journal.line
                )
            )
        if not self.workers.is_chief:
            return [log, *meetings, save], save
        feed = ValidationFeed(self.data.val, config, journal.line)
        examination = Examination(self.model, self.data.train)
        is_native = self.data.val.shape == config.image_size
        generator = self.model.final_generator if is_native else of_any_size(self.model.final_generator)
        validation = Validation(
            functools.partial(translate_any_size, generator, step=config.multiple),
            *feed.batches(),
            config.samples,
            self.data.networks or Networks(),
            recover=feed.recover,
            kind=config.target_kind,
            min_side=self.data.val.min_side,
            examine=examination.add if config.target_kind == "image" else lambda *_: None,
        )
        validate = actions.Validate(
            validation,
            journal,
            schedule,
            stopwatch,
            self.run_dir / "samples",
            self.interruption.__bool__,
            displays=config.displays(),
            measured=config.measured_at,
            best_by=config.best_by,
            first_step=self.first_step,
            # Of label maps and masks, the signs of images say nothing.
            diagnosis=Diagnosis(self.run_dir, examination) if config.target_kind == "image" else None,
        )
        self._validate = validate
        estimate = Estimate(journal, schedule, stopwatch, config.log_every, lambda: validate.pause_seconds)
        # Validation comes before the agreement, where the other workers wait for it.
        return [log, validate, estimate, *meetings, save], save
