"""When epochs end, also where pairs or batch size were changed, and when a run stops early."""

import math

import pytest

from pipelines.loader import index_at
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir.epochs import stretches
from tfpix2pix.run_dir.history import TRAINING_PAIRS, VALIDATION_PAIRS, Change, comparable_since, with_changes
from tfpix2pix.training.patience import Patience
from tfpix2pix.training.schedule import make_schedule


def pairs_change(step, old, new):
    return Change(step, TRAINING_PAIRS, f"{old} (00000000)", f"{new} (11111111)")


def ends(schedule, last):
    return [step for step in range(last + 1) if schedule.is_epoch_end(step)]


# What was changed, pairs and batch size at the end, epochs, and the steps at which epochs end.
HISTORIES = [
    ([], 6, 1, 2, [0, 6, 12]),
    ([], 7, 2, 3, [0, 3, 6, 9]),
    # One more picture after the second epoch.
    ([pairs_change(12, 6, 7)], 7, 1, 4, [0, 6, 12, 19, 26]),
    # Half of the second epoch is done with 6 pairs; the other half takes 2 of 4 steps.
    ([pairs_change(9, 6, 4)], 4, 1, 3, [0, 6, 11, 15]),
    # Two thirds of an epoch are left: 2.67 steps of 4, so the third of them ends it, and a third of a step is done of
    # the next.
    ([pairs_change(2, 6, 4)], 4, 1, 2, [0, 5, 9]),
    ([Change(6, "batch_size", 1, 3)], 6, 3, 3, [0, 6, 8, 10]),
    # Both at the same step, and again later; what happened to other options does not matter.
    (
        [Change(6, "epochs", 2, 4), pairs_change(6, 6, 8), Change(6, "batch_size", 1, 4), pairs_change(8, 8, 4)],
        4,
        4,
        4,
        [0, 6, 8, 9, 10],
    ),
    # Changed and changed back, with steps in between.
    ([pairs_change(6, 6, 3), pairs_change(9, 3, 6)], 6, 1, 3, [0, 6, 9, 15]),
    # Before the first step.
    ([pairs_change(0, 6, 3)], 3, 1, 2, [0, 3, 6]),
]


@pytest.mark.parametrize(("history", "pairs", "batch_size", "epochs", "expected"), HISTORIES)
def test_epochs_end_where_their_shares_add_up(history, pairs, batch_size, epochs, expected):
    config = Config(epochs=epochs, batch_size=batch_size, validate_every=1)
    schedule = make_schedule(config, history, pairs)
    assert schedule.last_step == expected[-1]
    assert ends(schedule, expected[-1]) == expected
    assert [schedule.validations_after(step) for step in range(expected[-1] + 1)] == [
        sum(end > step for end in expected) for step in range(expected[-1] + 1)
    ]
    # In floats, adding up what each step does.
    done, held = 0.0, stretches(history, pairs, batch_size)
    for step in range(expected[-1]):
        stretch = [each for each in held if each.first_step <= step][-1]
        done += 1 / stretch.steps_per_epoch
        assert schedule.epoch(step + 1) == pytest.approx(done)


def test_the_order_after_a_change_has_all_pairs_once_an_epoch():
    since, seen = 9, []
    for epoch in range(20):
        first = since + 4 * epoch
        order = [int(index_at(position, 4, 1, 7, since)) for position in range(first, first + 4)]
        assert sorted(order) == [0, 1, 2, 3]
        seen.append(order)
    assert len({*map(tuple, seen)}) > 1
    # Without a change it is what it was.
    assert [int(index_at(i, 6, 2, 7)) for i in range(12)] == [int(index_at(i, 6, 2, 7, 0)) for i in range(12)]


def test_what_is_validated_saved_and_kept():
    config = Config(epochs=12, validate_every=3, save_every_epochs=4, keep_every=6)
    schedule = make_schedule(config, [], 2)
    steps = range(25)
    assert [step for step in steps if schedule.is_validated(step)] == [0, 6, 12, 18, 24]
    assert [step for step in steps if schedule.is_saved(step)] == [0, 8, 12, 16, 24]
    assert [step for step in steps if schedule.is_kept(step)] == [12, 24]


@pytest.mark.parametrize(("pairs", "every"), [(400, 1), (20, 1), (19, 2), (6, 4), (2, 10), (1, 20)])
def test_by_default_a_validation_is_worth_its_steps(pairs, every):
    schedule = make_schedule(Config(epochs=100), [], pairs)
    assert (schedule.validate_every, schedule.save_every_epochs, schedule.keep_every) == (every, every, 0)
    assert make_schedule(Config(epochs=100, validate_every=2), [], pairs).save_every_epochs == 2


def test_what_is_changed_back_before_a_step_was_never_changed():
    history = with_changes(
        [Change(3, "epochs", 1, 2)], 6, 2.0, {"batch_size": (1, 2, ""), "image_size": ((1, 2), 3, "")}
    )
    assert [(c.step, c.option, c.old, c.new) for c in history[1:]] == [
        (6, "batch_size", 1, 2),
        (6, "image_size", [1, 2], 3),
    ]
    history = with_changes(history, 6, 2.0, {"batch_size": (2, 1, ""), "image_size": (3, 4, "")})
    assert [(c.option, c.old, c.new) for c in history] == [("epochs", 1, 2), ("image_size", [1, 2], 4)]
    # Of an earlier step, what came after it is dated back.
    history = with_changes(history, 2, 0.5, {})
    assert [(c.step, c.epoch, c.option) for c in history] == [(2, 0.5, "epochs"), (2, 0.5, "image_size")]


def test_values_compare_since_the_last_change_of_what_is_measured():
    assert comparable_since([]) == -1
    history = [Change(4, VALIDATION_PAIRS, "2 (0)", "3 (1)"), pairs_change(6, 6, 7), Change(8, "load_size", 1, 2)]
    assert comparable_since(history) == 4
    assert comparable_since([*history, Change(9, "load_size", 2, 3, "validation is at 128x128 from then on")]) == 9


@pytest.mark.parametrize(
    ("best_by", "values", "stops_after"),
    [
        ("l1", [0.5, 0.4, 0.4, 0.41], 4),
        ("l1", [0.5, 0.4, 0.45, 0.3, 0.35, 0.2, 0.3, 0.3], 8),
        ("psnr", [10.0, 11.0, 10.5, 11.0], 4),
        ("psnr", [10.0, 11.0, 10.5, 12.0], None),
        ("l1", [math.nan, 0.5, math.nan, 0.5], 4),
    ],
)
def test_patience_ends_at_the_same_validation_wherever_the_run_resumes(best_by, values, stops_after):
    for resumed in range(len(values)):
        patience = Patience(2, best_by, values[:resumed], lambda step: True, Workers())
        ended = resumed if patience else None
        for number, value in enumerate(values[resumed:], resumed + 1):
            patience(number, {f"validation/{best_by}": value})
            ended = ended or (number if patience else None)
        assert ended == stops_after
    endless = Patience(0, best_by, values * 9, lambda step: True, Workers())
    endless(1, {})
    assert not endless
