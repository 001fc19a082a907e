"""Pairs that cannot be read any more: what replaces them, what is said, and what a resumed run sees."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.pair_format import PairFormat
from pipelines.loader import indices_of, train_dataset
from pipelines.pairs import open_pairs
from pipelines.system.terminal import InputError
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.run_dir.lost_pairs import Lost
from tfpix2pix.training.feed import Feed, UnreadableError, ValidationFeed
from tfpix2pix.training.validation import Validation

FORM = PairFormat("AtoB", (70, 70))
CONFIG = Config(image_size=(64, 64), batch_size=2, seed=3, validation_batch_size=2).resolved()
SKIP = dataclasses.replace(CONFIG, bad_images="skip")
PART = {"batch_size": 2, "seed": 3}
STEPS = 12


@pytest.fixture
def folder(tmp_path):
    return make_pairs(tmp_path / "p", train=7, val=5)


@pytest.fixture
def lines():
    return []


def open_train(folder, config=CONFIG, lost=()):
    return open_pairs(folder / "train", FORM, config.bad_images, lost=lost)


def batches(pairs, first_step=0):
    options = {"image_size": (64, 64), "flip": True, "first_step": first_step, "last_step": STEPS, **PART}
    return list(train_dataset(pairs, **options).as_numpy_iterator())


def feed(pairs, config, strategies, tmp_path, lines, first_step=0):
    return Feed(pairs, config, strategies[1], Workers(), first_step, STEPS, Lost(tmp_path), lines.append)


def first_step_with(index, pairs):
    return next(step for step in range(STEPS) if index in indices_of(step, pairs, **PART))


def assert_same(a, b):
    for one, other in zip(a, b, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)


def test_indices_are_those_that_are_read(folder):
    """Image i is one color, so that the batches say which pairs they are."""
    pairs = open_train(folder)
    value = lambda i: np.float32((i + 1) / 10)  # noqa: E731
    cache = tuple(np.stack([np.full((70, 70, 3), value(i)) for i in range(7)]) for _ in range(2))
    for step, (source, _) in enumerate(batches(dataclasses.replace(pairs, cache=cache))):
        expected = [value(i) * 2 - 1 for i in indices_of(step, pairs, **PART)]
        np.testing.assert_allclose(source[:, 0, 0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("how", ["vanished", "another image", pytest.param("cut short", marks=pytest.mark.slow)])
def test_a_lost_pair_is_replaced_by_the_next_and_all_others_keep_their_places(how, folder, strategies, tmp_path, lines):
    pairs = open_train(folder, SKIP)
    file = folder / "train" / "6.png"
    contents, other = file.read_bytes(), (folder / "train" / "1.png").read_bytes()
    # What is to come out: pair 0, the next after the last, in place of pair 6.
    file.write_bytes((folder / "train" / "0.png").read_bytes())
    expected = batches(open_train(folder))
    file.write_bytes(contents)
    if how == "vanished":
        file.unlink()
    else:
        file.write_bytes(other if how == "another image" else contents[:-30])
    assert_same(feed(pairs, SKIP, strategies, tmp_path, lines), expected)
    reason = {
        "vanished": "it cannot be read (No such file or directory)",
        "another image": "it has changed since the training began",
        "cut short": "it is damaged or cut short",
    }[how]
    step = first_step_with(6, pairs) + 1
    assert len(lines) == 1
    assert lines[0].startswith(f"lost {file}: {reason}; from step {step} on ")

    # A run that resumes knows it from the beginning, and says nothing more.
    lost = Lost(tmp_path)
    assert len(lost) == 1
    again = open_train(folder, SKIP, lost.load())
    assert again.fingerprint() == fingerprint_before(folder, file, contents)
    assert again.contents() == pairs.contents()
    assert_same(feed(again, SKIP, strategies, tmp_path, lines, first_step=5), expected[5:])
    assert len(lines) == 1


def fingerprint_before(folder, file, contents):
    now = file.read_bytes() if file.exists() else None
    file.write_bytes(contents)
    fingerprint = open_train(folder).fingerprint()
    file.unlink() if now is None else file.write_bytes(now)
    return fingerprint


def test_a_stand_in_that_gets_lost_too(folder, strategies, tmp_path, lines):
    pairs = open_train(folder, SKIP)
    (folder / "train" / "3.png").unlink()
    (folder / "train" / "4.png").unlink()
    list(feed(pairs, SKIP, strategies, tmp_path, lines))
    assert sorted(line.split(":")[0] for line in lines) == [f"lost {folder}/train/{i}.png" for i in (3, 4)]
    assert {pair.index for pair in Lost(tmp_path).load()} == {3, 4}


def test_fail_names_the_file_at_the_step_that_it_is_for(folder, strategies, tmp_path, lines):
    pairs = open_train(folder)
    expected = batches(pairs)
    file = folder / "train" / "6.png"
    file.unlink()
    taken = []
    with pytest.raises(UnreadableError, match=rf"{file}: .*No such file.*--bad_images=skip"):
        taken.extend(feed(pairs, CONFIG, strategies, tmp_path, lines))
    assert_same(taken, expected[: first_step_with(6, pairs)])
    assert not lines
    assert len(Lost(tmp_path)) == 0


def test_a_folder_that_is_gone_is_no_bad_image(folder, strategies, tmp_path, lines):
    pairs = open_train(folder, SKIP)
    (folder / "train").rename(folder / "elsewhere")
    with pytest.raises(UnreadableError, match=f"{folder}/train is gone"):
        list(feed(pairs, SKIP, strategies, tmp_path, lines))


def test_none_left(folder, strategies, tmp_path, lines):
    pairs = open_train(folder, SKIP)
    for file in (folder / "train").iterdir():
        file.write_bytes(b"")
    with pytest.raises(InputError, match="none of the 7 pairs"):
        list(feed(pairs, SKIP, strategies, tmp_path, lines))


@pytest.mark.parametrize(("count", "is_most"), [pytest.param(3, False, marks=pytest.mark.slow), (4, True)])
def test_most_of_the_files_gone_is_no_matter_of_single_files(folder, strategies, tmp_path, lines, count, is_most):
    """A disk that is away for a moment; nothing is noted as lost for ever."""
    pairs = open_train(folder, SKIP)
    for number in range(count):
        (folder / "train" / f"{number}.png").unlink()
    if not is_most:
        list(feed(pairs, SKIP, strategies, tmp_path, lines))
        assert len(lines) == count
        return
    with pytest.raises(InputError, match=f"4 of 7 files in {folder / 'train'} are gone"):
        list(feed(pairs, SKIP, strategies, tmp_path, lines))
    assert not (tmp_path / "lost").exists()


def test_what_can_be_read_again_is_read_again(folder, strategies, tmp_path, lines, monkeypatch):
    """A file that is gone for a moment only, as over a network, costs nothing."""
    pairs = open_train(folder)
    expected = batches(pairs)
    file = folder / "train" / "6.png"
    away = file.rename(folder / "6.png")
    unreadable = type(pairs).unreadable

    def come_back(self, indices):
        if away.exists():
            away.rename(file)
        return unreadable(self, indices)

    monkeypatch.setattr(type(pairs), "unreadable", come_back)
    assert_same(feed(pairs, CONFIG, strategies, tmp_path, lines), expected)
    assert not lines


@pytest.mark.parametrize("bad_images", ["fail", "skip"])
def test_validation_without_a_file(bad_images, folder, lines):
    config = dataclasses.replace(CONFIG, bad_images=bad_images)
    form = dataclasses.replace(FORM, size=(64, 64))
    pairs = open_pairs(folder / "val", form, bad_images)
    file = folder / "val" / "3.png"
    file.unlink()
    fed = ValidationFeed(pairs, config, lines.append)
    validate = Validation(tf.identity, *fed.batches(), samples=2, recover=fed.recover)
    if bad_images == "fail":
        with pytest.raises(UnreadableError, match=f"{file}: "):
            validate()
        return
    means, _ = validate()
    left = Validation(
        tf.identity, *ValidationFeed(open_pairs(folder / "val", form), config, print).batches(), samples=2
    )
    assert means == left()[0]
    assert len(lines) == 1
    assert lines[0].startswith(f"lost {file}: it cannot be read (No such file or directory); validation ")
    assert validate()[0] == means
    assert len(lines) == 1


def test_another_error_is_no_lost_pair(folder, lines):
    fed = ValidationFeed(open_pairs(folder / "val", FORM), SKIP, lines.append)
    error = tf.errors.ResourceExhaustedError(None, None, "no memory")
    fed.recover(error)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        fed.recover(error)
