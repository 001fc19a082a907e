"""The end of a training: results.png and the commands that it names give the same pictures."""

import math
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY, with_best
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.epochs import Stretch
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.training.actions import Validate
from tfpix2pix.training.loop import Stopwatch
from tfpix2pix.training.schedule import Schedule

train = command_module("tfpix2pix.train")

# Of pipelines/images/figure.py: pictures of 64 pixels, three times as large, below a title.
SCALE, TITLE, GAP = 3, 26, 4
CELL = 64 * SCALE


def cells(picture):
    """The rows of a figure of two columns, each a list of images."""
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    rows = []
    for top in range(TITLE, len(pixels), CELL + TITLE + GAP):
        lefts = (GAP, GAP + CELL + GAP)
        rows.append(
            [pixels[top + 1 : top + CELL : SCALE, left + 1 : left + CELL : SCALE].astype(int) for left in lefts]
        )
    return rows


@pytest.fixture
def finished(short_run, tmp_path, capsys):
    """A run whose best step is not the newest, and what a process prints that finds nothing left to train."""
    folder = with_best(0, short_run, tmp_path / "a run")
    (folder / "results.png").unlink()
    pairs = short_run.parent / "pairs"
    options = ("--direction=BtoA", "--max_steps=2", "--learning_rate=0.05", f"--data={pairs}")
    assert call(train, *TINY, *options, f"--run_dir={folder}") == 0
    return folder, capsys.readouterr().out


def test_results_show_what_the_commands_give(short_run, finished, tmp_path):
    folder, said = finished
    pairs = short_run.parent / "pairs" / "val"
    source, best, newest, target = cells(folder / "results.png")
    named = [shlex.split(line) for line in said.splitlines() if "tfpix2pix.translate" in line]
    for words, row in zip(named, (best, newest), strict=True):
        arguments = [word.replace("--output=", f"--output={tmp_path}/") for word in words[3:]]
        assert call(translate, *arguments) == 0
        (output,) = [word.partition("=")[2] for word in arguments if word.startswith("--output=")]
        for i in range(2):
            # A batch may round a value otherwise.
            assert abs(row[i] - np.asarray(Image.open(f"{output}/{i}.png")).astype(int)).max() <= 1
    for i in range(2):
        both = np.asarray(Image.open(pairs / f"{i}.png"))
        np.testing.assert_array_equal(source[i], both[:, 64:])
        np.testing.assert_array_equal(target[i], both[:, :64])
        assert abs(best[i] - newest[i]).max() > 20


def test_the_process_that_trained_shows_the_same(short_run):
    checkpoints = Checkpoints(short_run)
    steps = dict.fromkeys((checkpoints.choose("best"), 2))
    _, *rows, _ = cells(short_run / "results.png")
    files = [short_run.parent / "pairs" / "val" / f"{i}.png" for i in range(2)]
    for step, row in zip(steps, rows, strict=True):
        for shown, image in zip(row, load_run(short_run, step).translate(files, pairs=True), strict=True):
            assert abs(shown - image).max() <= 1


def test_the_end_says_which_step_the_commands_take(finished):
    folder, said = finished
    assert re.search(r"^next, with step 0, the best; all commands take it$", said, re.M)
    assert "--checkpoint=latest" in said
    assert f"python -m export.saved_model --run_dir={shlex.quote(str(folder))} --output='models/a run'" in said


def test_pictures_of_the_best_and_of_the_newest_are_kept(tmp_path):
    losses = iter((0.5, 0.3, 0.3, math.nan, 0.4))
    rows = iter(range(5))

    def validation(is_interrupted):
        return {"l1": next(losses)}, {"source": [np.full((2, 2, 3), next(rows) / 9)]}

    journal = Journal(tmp_path, 0, 9)
    watch = Stopwatch()
    validate = Validate(validation, journal, Schedule([Stretch(0, 1)], 9), watch, tmp_path / "samples", lambda: False)
    shown = []
    for step in range(5):
        validate(step, {})
        shown.append({key: round(9 * float(value["source"][0][0, 0, 0])) for key, value in validate.shown.items()})
    journal.close()
    assert shown == [{0: 0}, {1: 1}, {1: 1, 2: 2}, {1: 1, 3: 3}, {1: 1, 4: 4}]
