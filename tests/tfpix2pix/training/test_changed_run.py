"""A run goes on with other options and other data, to the last bit as if nobody had stopped it in between."""

import dataclasses
import json
import shutil

import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tests.helpers.runs import assert_same_state, make_pairs
from tfpix2pix.config import Config
from tfpix2pix.report import plots
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.history import TRAINING_PAIRS, changes
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.training.session import train


def state(run_dir, step):
    return run_dir / "checkpoints" / f"{step:08d}"


def lines(run_dir):
    """Returns the changes that affect the weights or their validation."""
    return [(c.step, c.option, c.old, c.new) for c in changes(run_dir) if c.is_of_training]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """One of two epochs of four pairs; with a pool, and checkpoints of steps 2 and 4."""
    folder = tmp_path_factory.mktemp("begun")
    config = Config(
        data=make_pairs(folder / "p", train=4, val=1, size=32),
        image_size=(32, 32),
        depth=2,
        generator_width=2,
        discriminator_width=2,
        discriminator_layers=1,
        pool_size=2,
        epochs=2,
        max_steps=4,
        log_every=1,
        checkpoint_every=2,
        validate_every=1,
    )
    assert train(config, folder / "r") == 0
    return folder, config


@pytest.fixture
def copy(begun, tmp_path):
    """The run and its pairs, to be changed."""
    folder, config = begun
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy", dataclasses.replace(config, data=str(tmp_path / "copy" / "p"))


@pytest.fixture(scope="module")
def undisturbed(begun, tmp_path_factory):
    """The same run, trained to its end."""
    folder = tmp_path_factory.mktemp("undisturbed") / "r"
    shutil.copytree(begun[0] / "r", folder)
    assert train(dataclasses.replace(begun[1], max_steps=0), folder) == 0
    return folder


@pytest.mark.slow
def test_a_changed_run_resumes_to_the_last_bit(copy, capsys, tmp_path):
    """Other rate, batch, pool and number of epochs, and one more picture; then stopped within an epoch."""
    folder, config = copy
    shutil.copy(folder / "p" / "train" / "0.png", folder / "p" / "train" / "x.png")
    other = dataclasses.replace(
        config, learning_rate=1e-3, batch_size=2, pool_size=3, epochs=3, decay_epochs=1, flip_vertical=True, max_steps=0
    )
    with pytest.raises(InputError, match=r"batch_size 1 became 2; .*--change"):
        train(other, folder / "r")
    with pytest.raises(InputError, match=r"4 training pairs, and now there are 5: x\.png is new; .*--change"):
        train(config, folder / "r")
    stopped = shutil.copytree(folder / "r", tmp_path / "stopped")
    assert train(other, folder / "r", change=True) == 0
    assert train(dataclasses.replace(other, max_steps=5), stopped, change=True) == 0
    # As it is, the run is that of the new options; nobody has to ask for a change again.
    assert train(other, stopped) == 0
    # An epoch of 5 pairs has 2 steps; the first epoch of 4 pairs is done, and two are left.
    assert_same_state(state(folder / "r", 8), state(stopped, 8))
    with pytest.raises(AssertionError):
        assert_same_state(state(folder / "r", 8), state(folder / "r", 6))
    records = {record["step"]: record for record in read_log(stopped) if "learning_rate" in record}
    assert [round(records[step]["epoch"], 4) for step in range(3, 9)] == [0.75, 1, 1.5, 2, 2.5, 3]
    # The rate that the next update would have.
    assert [records[step]["learning_rate"] for step in range(3, 9)] == pytest.approx([2e-4, 2e-4, 1e-3, 1e-3, 5e-4, 0])
    expected = {
        "batch_size": (1, 2),
        "pool_size": (2, 3),
        "epochs": (2, 3),
        "decay_epochs": (0, 1),
        "learning_rate": (2e-4, 1e-3),
        "flip_vertical": (False, True),
    }
    for run_dir in (folder / "r", stopped):
        written = lines(run_dir)
        assert {option: (old, new) for _, option, old, new in written if option != TRAINING_PAIRS} == expected
        assert {step for step, *_ in written} == {4}
        assert json.loads((run_dir / "data.json").read_text())["pairs"] == 5
        pairs = next(change for change in changes(run_dir) if change.option == TRAINING_PAIRS)
        assert (pairs.old[:2], pairs.new[:2], pairs.reason, pairs.epoch) == ("4 ", "5 ", "x.png is new", 1.0)
    # It is told where people look: on the terminal, in TensorBoard and in the curves.
    assert "changed: learning_rate 0.0002 became 0.001 after step 4" in capsys.readouterr().out
    texts = [
        value.tensor.string_val[0].decode()
        for path in sorted((folder / "r" / "tensorboard").glob("*/*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "changed"
    ]
    assert len(texts) == 1
    assert "- training pairs 4 " in texts[0]
    figure = plots.curves(read_log(stopped), changes(stopped))
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert all("batch_size" in axes.texts[0].get_text() for axes in drawn)
    assert all([1.0, 1.0] in [list(line.get_xdata()) for line in axes.lines] for axes in drawn)


@pytest.mark.slow
def test_changed_back_is_as_never_changed(copy, undisturbed):
    """Also where one picture is gone and comes back."""
    folder, config = copy
    other = dataclasses.replace(config, learning_rate=1e-3, batch_size=2, pool_size=0, epochs=5)
    picture = folder / "p" / "train" / "1.png"
    contents = picture.read_bytes()
    picture.unlink()
    assert train(other, folder / "r", change=True) == 0
    assert len(lines(folder / "r")) == 5
    picture.write_bytes(contents)
    assert train(dataclasses.replace(config, max_steps=0), folder / "r", change=True) == 0
    assert lines(folder / "r") == []
    assert_same_state(state(folder / "r", 8), state(undisturbed, 8))
    assert (folder / "r" / "data.json").read_text() == (undisturbed / "data.json").read_text()
    configs = [config_json.load(run_dir).without_machine_options() for run_dir in (folder / "r", undisturbed)]
    assert configs[0] == configs[1]


@pytest.mark.slow
def test_a_change_at_a_checkpoint_that_is_damaged_begins_earlier(copy, capsys):
    folder, config = copy
    other = dataclasses.replace(config, batch_size=2, epochs=3)
    assert train(other, folder / "r", change=True) == 0
    assert {step for step, *_ in lines(folder / "r")} == {4}
    for path in state(folder / "r", 4).glob("state.data*"):
        path.write_bytes(b"")
    assert train(dataclasses.replace(other, max_steps=0), folder / "r") == 0
    assert "now begins there" in capsys.readouterr().out
    # Half an epoch was done; the rest of three takes 5 steps of 2.
    assert {step for step, *_ in lines(folder / "r")} == {2}
    assert read_log(folder / "r")[-1]["step"] == 7


def test_what_cannot_be_changed_stays_as_it_is(begun, undisturbed, tmp_path):
    config = dataclasses.replace(begun[1], max_steps=0)
    with pytest.raises(InputError, match="none holds no run to change"):
        train(config, tmp_path / "none", change=True)
    assert not (tmp_path / "none").exists()
    run_dir = shutil.copytree(undisturbed, tmp_path / "r")
    with pytest.raises(InputError, match=r"epochs=1 .* 2 that are done"):
        train(dataclasses.replace(config, epochs=1), run_dir, change=True)
    assert config_json.load(run_dir).epochs == 2
    assert changes(run_dir) == changes(undisturbed)


@pytest.mark.slow
def test_patience_stops_a_run_and_lets_it_go_on(copy, capsys):
    """With a rate of 0 no validation is better than the first."""
    folder, config = copy
    config = dataclasses.replace(config, learning_rate=0.0, epochs=4, max_steps=0, patience=2)
    assert train(config, folder / "r", change=True) == 0
    output = capsys.readouterr().out
    # The validations of steps 0 and 4 were different, with the rate from before.
    assert "stopped early after step 12: validation L1 has not improved for 2 validations (--patience=2)" in output
    assert state(folder / "r", 12).is_dir()
    assert train(config, folder / "r") == 0
    assert "nothing is left to train; --patience=0 trains to the last epoch" in capsys.readouterr().out
    assert read_log(folder / "r")[-1]["step"] == 12
