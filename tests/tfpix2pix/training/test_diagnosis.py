"""Trainings that fail in a known way are told by their logs, and healthy ones are left in peace."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from pipelines.pairs import Pairs
from tests.helpers.runs import make_pairs
from tests.tfpix2pix.training.test_resume_options import CONFIG
from tfpix2pix.losses import correct
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.networks.discriminators.discriminator import judge
from tfpix2pix.run_dir.log_jsonl import HELD_OUT
from tfpix2pix.training.diagnosis import ADVICE, Diagnosis, findings, rows_of
from tfpix2pix.training.examination import Examination

HEALTHY = {
    "validation/l1": 0.3,
    "generator/l1": 0.25,
    "discriminator/accuracy": 0.8,
    HELD_OUT: 0.75,
    "signs/variety": 0.9,
    "signs/saturated": 0.01,
    "signs/checkerboard": 3.0,
    "signs/nearest": 0.95,
}
SICK = {
    "wins": {"discriminator/accuracy": 0.995, HELD_OUT: 0.99},
    "alike": {"signs/variety": 0.05},
    "saturated": {"signs/saturated": 0.6},
    "checkerboard": {"signs/checkerboard": 12.0},
    "known pairs": {"discriminator/accuracy": 0.97, HELD_OUT: 0.6},
    "copies": {"signs/nearest": 0.3},
    "overfitting": {"validation/l1": 0.33, "generator/l1": 0.1},
}


def rows(change, healthy=1, sick=5):
    """One row a validation, of an epoch each; the first is of the untrained generator."""
    each = [HEALTHY | change] + [HEALTHY] * healthy + [HEALTHY | change] * sick
    return [row | {"step": 500 * epoch, "epoch": float(epoch)} for epoch, row in enumerate(each)]


def test_every_piece_of_advice_has_a_case():
    assert SICK.keys() == ADVICE.keys()


@pytest.mark.parametrize("name", SICK)
def test_each_failure_is_told_and_no_other(name):
    found = findings(rows(SICK[name]))
    assert found.keys() == {name}
    # With its numbers, in one line.
    assert "{" not in found[name]
    assert "\n" not in found[name]


@pytest.mark.parametrize("name", SICK)
def test_it_is_not_told_where_it_was_seen_but_twice(name):
    assert findings(rows(SICK[name], healthy=4, sick=2)) == {}


def test_a_healthy_training_and_an_untrained_one_are_left_in_peace():
    assert findings(rows({}, sick=20)) == {}
    assert findings([]) == {}
    assert findings(rows(SICK["alike"], healthy=0, sick=0)) == {}


def test_a_young_training_is_left_in_peace():
    young = [row | {"step": row["step"] // 4} for row in rows(SICK["checkerboard"])]
    assert findings(young) == {}


def test_rows_have_the_means_of_what_training_logged_between():
    log = [
        {"step": 0, "epoch": 0.0, "validation/l1": 0.9},
        {"step": 1, "epoch": 0.5, "discriminator/accuracy": 0.5, "generator/l1": 0.4},
        {"step": 2, "epoch": 1.0, "discriminator/accuracy": 1.0, "generator/l1": 0.2},
        {"step": 2, "epoch": 1.0, "validation/l1": 0.8},
    ]
    assert rows_of(log)[1] == {
        "step": 2,
        "epoch": 1.0,
        "validation/l1": 0.8,
        "discriminator/accuracy": 0.75,
        "generator/l1": pytest.approx(0.3),
    }


def test_each_thing_is_said_once(tmp_path):
    log = tmp_path / "log.jsonl"
    sick = rows(SICK["alike"], sick=6)
    diagnosis, news = Diagnosis(tmp_path, None), []
    for count in range(1, len(sick) + 1):
        log.write_text("".join(json.dumps(row) + "\n" for row in sick[:count]))
        news.append(diagnosis.news())
    assert [len(each) for each in news] == [0, 0, 0, 0, 1, 0, 0, 0]


def test_the_discriminator_is_asked_as_in_training_and_stays_as_it_is(strategies, tmp_path):
    config = dataclasses.replace(CONFIG, data=str(make_pairs(tmp_path / "pairs", size=32))).resolved()
    model = Pix2Pix(config, strategies[1], total_steps=1)
    train = Pairs(config.open_dataset().split("train"), config.train_format(), skipped={})
    examination = Examination(model, train)
    source, generated, target = (
        tf.constant(np.random.default_rng(i).uniform(-1, 1, (3, 32, 32, 3)), tf.float32) for i in range(3)
    )
    examination.add(source, generated, target)
    # An untrained network shows nothing.
    assert examination.take() == {}
    model.step.assign(1)
    before = [v.numpy().tobytes() for v in model.discriminator.variables]
    examination.add(source, generated, target)
    values = examination.take()
    assert before == [v.numpy().tobytes() for v in model.discriminator.variables]
    assert {"signs/variety", "signs/nearest", HELD_OUT} <= values.keys()
    # By training's own function, which does change its running averages.
    shares = [
        float(correct(judge(model.discriminator, source[i : i + 1], image[i : i + 1])[0][-1], is_real)[0])
        for i in range(3)
        for image, is_real in ((target, True), (generated, False))
    ]
    assert values[HELD_OUT] == pytest.approx(np.mean(shares))
    assert before != [v.numpy().tobytes() for v in model.discriminator.variables]
    # It begins anew.
    assert examination.take() == {}
