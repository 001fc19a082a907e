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

from pipelines import command, find
from pipelines.command import InputError
from pipelines.loader import Pairs, eval_dataset, open_pairs, train_dataset
from pipelines.shards import naming_damage
from tfpix2pix import actions, config, loop
from tfpix2pix.checkpoint import Checkpoints
from tfpix2pix.cluster import Cluster, find_cluster
from tfpix2pix.devices import distribute, make_strategy
from tfpix2pix.interruption import Agreement, Interruption
from tfpix2pix.journal import Journal, Silence, read_log
from tfpix2pix.pages import plots
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.quality.networks import networks_for
from tfpix2pix.run_dir import claim, open_run_dir, wait_until_shared
from tfpix2pix.state import Pix2Pix
from tfpix2pix.step import make_train_step
from tfpix2pix.validation import Validation
from tfpix2pix.workers import Workers


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    command.no_arguments(argv)
    options = config.from_flags()
    options = options.resolved(find.usual_direction(options.data))
    run_dir = pathlib.Path(flags.FLAGS.run_dir or f"runs/{pathlib.Path(options.data).name}")
    cluster = find_cluster(options.strategy)
    if not cluster or cluster.is_chief:
        print(f"run_dir={run_dir}\n{options.to_json()}", end="", flush=True)
    if flags.FLAGS.dry_run:
        return 0
    if not cluster:
        return train(options, run_dir)
    with cluster.ending_when_one_is_lost():
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
      InputError: anything about options, data or run directory that stands in the way, before training begins; or a
        loss that is not finite.
    """
    open_run_dir(run_dir, options, will_write=not cluster or cluster.is_chief)
    strategy = make_strategy(options, cluster)
    workers = Workers(strategy, cluster)
    if not workers.have_same(options.without_places().to_json()):
        raise InputError("workers were started with different options; give all of them the same command")
    networks = workers.together(lambda: networks_for(options) if workers.is_chief else None)
    if workers.count > 1:
        # Named data sets are fetched once where the folder is shared, and not by all at a time.
        workers.together(lambda: find.dataset_folder(options.data, options.data_dir) if workers.is_chief else None)
    train_pairs, val_pairs = workers.together(lambda: open_splits(options))
    if not workers.have_same(train_pairs.fingerprint()):
        raise InputError(f"data={options.data} has other training pairs on one worker than on another; make them equal")
    workers.together(lambda: claim(run_dir, options, train_pairs) if workers.is_chief else None)
    workers.together(lambda: wait_until_shared(run_dir))

    steps_per_epoch = len(train_pairs) // options.batch_size
    total_steps = options.epochs * steps_per_epoch
    last_step = min(options.max_steps or total_steps, total_steps)
    schedule = actions.Schedule(steps_per_epoch, last_step)
    model = Pix2Pix(options, strategy, total_steps, options.decay_epochs * steps_per_epoch)
    checkpoints = Checkpoints(run_dir, options.keep_checkpoints, options.best_by, workers)
    first_step = checkpoints.restore_newest(model)
    if first_step >= last_step:
        print(f"{first_step} steps are done already, and {last_step} were asked for: nothing is left to train")
    elif first_step:
        print(f"going on after step {first_step} of {last_step}", flush=True)

    batches = train_dataset(
        train_pairs,
        image_size=options.image_size,
        flip=options.flip,
        batch_size=options.batch_size,
        seed=options.seed,
        first_step=first_step,
        last_step=last_step,
        worker=workers.index,
        workers=workers.count,
    )
    journal = Journal(run_dir, first_step, last_step) if workers.is_chief else Silence()
    stopwatch = loop.Stopwatch()
    with Interruption() as interruption, naming_damage(train_pairs.files, val_pairs.files):
        agreement = Agreement(interruption, workers, schedule.is_epoch_end)
        around = [
            actions.Log(journal, schedule, stopwatch, model, options.log_every),
            # Behind the validation, for which the other workers wait here.
            agreement,
            actions.Save(checkpoints, model, schedule, stopwatch, options.checkpoint_every, agreement.__bool__),
        ]
        if workers.is_chief:
            validation = Validation(
                model.generator,
                eval_dataset(val_pairs, options.validation_batch_size),
                -(-len(val_pairs) // options.validation_batch_size),
                options.samples,
                networks,
            )
            validate = actions.Validate(
                validation, journal, schedule, stopwatch, run_dir / "samples", interruption.__bool__
            )
            around.insert(1, validate)
        try:
            # What the end of an epoch still owes: before the first step, or where a run was stopped in between.
            if workers.from_chief(schedule.is_epoch_end(first_step) and not journal.has_validation(first_step)):
                metrics = {}
                for action in around:
                    action(first_step, metrics)
            agreement.meet()
            step = first_step
            if not agreement:
                train_step = make_train_step(model, strategy)
                step = loop.run(train_step, distribute(strategy, batches), around, first_step, agreement.__bool__)
        finally:
            journal.close()
    if agreement:
        print(f"stopped by {agreement.signal.name} after step {step}; the same command goes on from there")
        code = 128 + agreement.signal
    else:
        code = 0
        if workers.is_chief:
            finish(run_dir, step, checkpoints)
    # One that ends before the others would be missed by them.
    workers.wait()
    return code


def open_splits(options: config.Config) -> tuple[Pairs, Pairs]:
    """Opens train/ at load_size and val/ at image_size, after every file in them was read once."""
    folder = find.dataset_folder(options.data, options.data_dir)
    splits = []
    for split, size in (("train", options.load_size), ("val", options.image_size)):
        pairs = open_pairs(folder / split, options.pair_format(size), options.bad_images, options.cache_mib)
        if pairs.skipped:
            print(f"skipped {len(pairs.skipped)} bad files in {folder / split}:")
            for file, reason in pairs.skipped.items():
                print(f"  {command.one_line(f'{file}: {reason}')}")
        splits.append(pairs)
    if options.batch_size > len(splits[0]):
        raise InputError(
            f"batch_size={options.batch_size} is more than the {len(splits[0])} pairs in {folder / 'train'}; give a "
            "smaller one"
        )
    return splits[0], splits[1]


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
    command.run(main)
