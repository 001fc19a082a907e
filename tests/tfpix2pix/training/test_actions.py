"""What is written, when, and what stops a run; without sleeping, on networks of width 1."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_steps
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.epochs import Stretch
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.training import loop
from tfpix2pix.training.actions import Log, Save, Validate, check_finite
from tfpix2pix.training.estimate import Estimate
from tfpix2pix.training.schedule import Schedule
from tfpix2pix.training.validation import Validation

CONFIG = Config(
    image_size=(32, 32), depth=3, generator_width=1, discriminator_width=1, discriminator_layers=1
).resolved()
METRICS = {
    name: tf.constant(value)
    for name, value in {
        "discriminator/loss": 0.5,
        "discriminator/accuracy": 0.75,
        "generator/loss": 12.0,
        "generator/l1": 0.125,
    }.items()
}


@pytest.fixture
def model(strategies):
    return Pix2Pix(CONFIG, strategies[1], total_steps=10)


def scalars_in(tensorboard):
    found = {}
    for path in sorted(tensorboard.glob("*/*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    found[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    return found


def test_log_writes_every_so_many_steps_and_at_epoch_ends(model, tmp_path):
    now = [0.0]
    watch = loop.Stopwatch(lambda: now[0])
    journal = Journal(tmp_path, 0, last_step=7)
    log = Log(journal, Schedule([Stretch(0, 5)], last_step=7), watch, model, every=2)
    for step in range(1, 8):
        now[0] += 0.5
        log(step, dict(METRICS))
        with watch.pause():
            now[0] += 100
    journal.close()
    records = read_log(tmp_path)
    assert [record["step"] for record in records] == [2, 4, 5, 6, 7]
    assert [record["epoch"] for record in records] == [0.4, 0.8, 1.0, 1.2, 1.4]
    # Half a second a step and one image: two images a second, whatever was spent in pauses.
    assert {record["images_per_second"] for record in records} == {2.0}
    scalars = scalars_in(tmp_path / "tensorboard")
    assert (scalars[4, "quality/l1"], scalars[5, "time/epoch"]) == (0.125, 1.0)


def test_the_first_step_does_not_count_for_the_speed(model, tmp_path):
    now = [0.0]
    journal = Journal(tmp_path, 0, last_step=3)
    log = Log(journal, Schedule([Stretch(0, 5)], last_step=3), loop.Stopwatch(lambda: now[0]), model, every=1)
    for step, seconds in ((1, 60.0), (2, 0.5), (3, 0.25)):
        now[0] += seconds
        log(step, dict(METRICS))
    journal.close()
    assert [record.get("images_per_second") for record in read_log(tmp_path)] == [None, 2.0, 4.0]


def test_charts_have_points_of_their_own(model, tmp_path):
    """Every third step for charts, every second one for the log, and the end for both."""
    now = [0.0]
    journal = Journal(tmp_path, 0, last_step=7)
    watch = loop.Stopwatch(lambda: now[0])
    log = Log(journal, Schedule([Stretch(0, 9)], last_step=7), watch, model, every=2, charted_every=3)
    for step in range(1, 8):
        # Half a second a step, but 2.5 for the third.
        now[0] += 2.5 if step == 3 else 0.5
        log(step, dict(METRICS))
    journal.close()
    assert {record["step"]: record.get("images_per_second") for record in read_log(tmp_path)} == {
        2: 2.0,
        4: 2 / 3,
        6: 2.0,
        7: 2.0,
    }
    scalars = scalars_in(tmp_path / "tensorboard")
    speeds = {step: value for (step, tag), value in scalars.items() if tag == "time/images_per_second"}
    # Each counts from the last line of the log.
    assert speeds == {3: pytest.approx(0.4), 6: 2.0, 7: 2.0}


def test_validation_says_how_long_an_epoch_and_a_pause_take(tmp_path):
    """An epoch has 4 steps of a second; validation takes 10 s, and the checkpoint after it 5 s."""
    now = [0.0]
    watch = loop.Stopwatch(lambda: now[0])

    def validation(is_interrupted):
        now[0] += 10
        return {"l1": 0.5}, {"source": [np.zeros((2, 2, 3))]}

    journal = Journal(tmp_path, 2, last_step=12)
    schedule = Schedule([Stretch(0, 4)], last_step=12, validate_every=2)
    validate = Validate(
        validation, journal, schedule, watch, tmp_path / "s", lambda: False, lambda: now[0], first_step=2
    )
    for step in range(3, 13):
        now[0] += 1
        validate(step, {})
        if schedule.is_validated(step):
            with watch.pause():
                now[0] += 5
    journal.close()
    first, second = read_log(tmp_path)
    # 6 steps and a validation are one epoch and a half; then a checkpoint, 4 steps and a validation are one.
    assert (first["step"], first["epoch_seconds"], first["pause_seconds"]) == (8, 16 / 1.5, 10)
    assert (second["step"], second["epoch_seconds"], second["pause_seconds"]) == (12, 19, 15)


def test_the_whole_time_is_told_after_50_steps(tmp_path, capsys):
    """A step takes half a second, the first one a minute; 200 steps, a validation every 100."""
    now, pause = [0.0], [None]
    watch = loop.Stopwatch(lambda: now[0])
    journal = Journal(tmp_path, 0, last_step=200)
    schedule = Schedule([Stretch(0, 100)], last_step=200)
    estimate = Estimate(journal, schedule, watch, 10, lambda: pause[0])
    told = {}
    estimate(0, {"validation/l1": 0.5})
    for step in range(1, 201):
        now[0] += 60 if step == 1 else 0.5
        if step == 100:
            pause[0] = 40.0
        estimate(step, dict(METRICS))
        if text := capsys.readouterr().out:
            told[step] = text
    journal.close()
    assert told == {
        50: "about 1 min 15 s left: 150 steps at 2 steps/s, without validation\n",
        100: "about 1 min 30 s left: 100 steps at 2 steps/s, with validation and checkpoints\n",
    }


def test_a_journal_drops_what_lies_after_the_checkpoint_and_what_was_cut(tmp_path):
    lines = [json.dumps({"step": step, "epoch": step / 2, "x": 1.0}) for step in (1, 2, 3)]
    lines.insert(1, json.dumps({"step": 1, "epoch": 0.5, "validation/l1": 0.25}))
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + '\n{"step": 4, "ep')
    journal = Journal(tmp_path, 2, last_step=9)
    assert journal.has_validation(1)
    assert not journal.has_validation(2)
    journal.scalars(3, 1.5, {"x": 2.0})
    journal.close()
    assert [(record["step"], record.get("x")) for record in read_log(tmp_path)] == [(1, 1), (1, None), (2, 1), (3, 2)]


def test_checkpoints_keep_the_newest_and_the_best(model, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    save = Save(
        checkpoints, model, Schedule([Stretch(0, 1)], 6), loop.Stopwatch(), every=100, is_interrupted=lambda: False
    )
    for step, l1 in enumerate((0.5, 0.2, 0.4, 0.3, 0.6)):
        model.step.assign(step)
        save(step, {"validation/l1": l1, "generator/l1": 9.0})
    assert checkpoints.steps() == [1, 3, 4]
    assert checkpoints.best() == 1
    assert checkpoints.validation(3) == {"l1": 0.3}


def test_checkpoints_of_chosen_epochs_stay(model, tmp_path):
    """An epoch has 2 steps; every second one is kept."""
    checkpoints = Checkpoints(tmp_path, keep=1)
    schedule = Schedule([Stretch(0, 2)], 9, validate_every=4, save_every_epochs=4, keep_every=2)
    save = Save(checkpoints, model, schedule, loop.Stopwatch(), every=100, is_interrupted=lambda: False)
    for step in range(10):
        model.step.assign(step)
        save(step, {})
    assert checkpoints.steps() == [4, 8, 9]
    # Another --keep_every later on takes none of them away.
    model.step.assign(10)
    Checkpoints(tmp_path, keep=1).save(model)
    assert checkpoints.steps() == [4, 8, 10]


def test_save_waits_for_its_turn(model, tmp_path):
    checkpoints, interrupted = Checkpoints(tmp_path, keep=9), [False]
    save = Save(checkpoints, model, Schedule([Stretch(0, 5)], 7), loop.Stopwatch(), 3, lambda: interrupted[0])
    for step in range(1, 8):
        model.step.assign(step)
        interrupted[0] = step == 4
        save(step, {})
    assert checkpoints.steps() == [3, 4, 5, 6, 7]


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(model, tmp_path, strategies):
    train_steps = make_train_steps(model, strategies[1])
    checkpoints = Checkpoints(tmp_path, keep=9)
    save = Save(checkpoints, model, Schedule([Stretch(0, 4)], 8), loop.Stopwatch(), 100, lambda: False)
    good = tf.zeros((1, 32, 32, 3))
    bad = tf.fill((1, 32, 32, 3), math.nan)
    batches = [(good, good)] * 4 + [(good, good), (good, bad), (good, good), (good, good)]
    with pytest.raises(InputError, match=r"loss .* step 6"):
        loop.run(train_steps, batches, [save], first_step=0)
    # The newest checkpoint is from before, and good.
    assert checkpoints.steps() == [4]
    assert checkpoints.restore_newest(model) == 4
    check_finite(model)
    assert all(np.all(np.isfinite(variable.numpy())) for variable in model.generator.trainable_variables)


def test_weights_that_are_not_finite_are_not_saved(model, tmp_path):
    """Whatever the losses were: they are those from before the update."""
    checkpoints = Checkpoints(tmp_path)
    save = Save(checkpoints, model, Schedule([Stretch(0, 1)], 8), loop.Stopwatch(), 100, lambda: False)
    save(0, {})
    assert checkpoints.steps() == [0]
    model.step.assign(1)
    kernel = model.generator.trainable_variables[0]
    kernel.assign(tf.tensor_scatter_nd_update(kernel, [[0, 0, 0, 0]], [math.inf]))
    with pytest.raises(InputError, match=r"weight .* step 1"):
        save(1, {})
    assert checkpoints.steps() == [0]


def test_the_loop_calls_actions_in_order_and_stops_when_asked():
    calls = []
    first = lambda step, metrics: (calls.append(("first", step)), metrics.update(seen=step))  # noqa: E731
    second = lambda step, metrics: calls.append(("second", metrics["seen"]))  # noqa: E731
    done = loop.run(lambda batches: {}, [(0, 0)] * 5, [first, second], 10, lambda: len(calls) >= 4)
    assert done == 12
    assert calls == [("first", 11), ("second", 11), ("first", 12), ("second", 12)]


def test_validation_means_are_over_images_whatever_the_batches():
    rng = np.random.default_rng(0)
    source, target = (rng.uniform(-1, 1, (5, 16, 16, 3)).astype("float32") for _ in range(2))
    results = []
    for batch in (2, 5):
        dataset = tf.data.Dataset.from_tensor_slices((source, target)).batch(batch)
        means, rows = Validation(tf.identity, dataset, -(-5 // batch), samples=3)()
        results.append(means)
        np.testing.assert_array_equal(rows["generated"], source[:3])
    np.testing.assert_allclose(results[0]["l1"], np.abs(source - target).mean(), rtol=1e-6)
    mse = ((source - target) ** 2).mean(axis=(1, 2, 3)) / 4
    np.testing.assert_allclose(results[0]["psnr"], (-10 * np.log10(mse)).mean(), rtol=1e-5)
    for other in results[1:]:
        np.testing.assert_allclose(list(other.values()), list(results[0].values()), rtol=1e-5)
    assert Validation(tf.identity, dataset, 1, samples=3)(lambda: True) is None
