"""A change of a run is made whole, wherever the process is killed, and the history can be read."""

import dataclasses
import json

import pytest

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.run_dir import change, config_json, history
from tfpix2pix.run_dir.claim import check_same_run, options_for

CONFIG = Config(image_size=(32, 32), epochs=3, direction="AtoB").resolved()
CHANGED = dataclasses.replace(CONFIG, epochs=6)
LINE = history.Change(18, "epochs", 3, 6, epoch=3.0)


@pytest.fixture
def run_dir(tmp_path):
    config_json.save(CONFIG, tmp_path)
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "00000003.json").touch()
    return tmp_path


def contents(run_dir):
    return {path.name: path.read_text() for path in run_dir.iterdir() if path.is_file()}


class KilledError(BaseException):
    """As SIGKILL, it lets nobody catch it."""


def test_it_is_made_whole_wherever_it_is_cut(run_dir, tmp_path, monkeypatch):
    """Killed before and after each write, it is then made by the next start, or was not made at all."""
    before = contents(run_dir)
    texts = {"config.json": CHANGED.to_json(), "data.json": '{"pairs": 7}', "history.jsonl": history.to_text([LINE])}
    writes = []

    def counted(function):
        def wrapper(*arguments, **options):
            for is_done in (False, True):
                if is_done:
                    function(*arguments, **options)
                writes.append(arguments)
                if len(writes) == moment:
                    raise KilledError

        return wrapper

    outcomes = []
    for moment in range(1, 99):  # noqa: B007 (the wrapper reads it)
        for name, text in before.items():
            (run_dir / name).write_text(text)
        (run_dir / "history.jsonl").unlink(missing_ok=True)
        (run_dir / "lost").mkdir(exist_ok=True)
        writes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(change, "write_whole", counted(change.write_whole))
            patch.setattr(change.shutil, "rmtree", counted(change.shutil.rmtree))
            patch.setattr(change, "sync_folder", counted(change.sync_folder))
            try:
                change.make_change(run_dir, CHANGED, texts["data.json"], [LINE])
            except KilledError:
                pass
            else:
                break
        # Whoever reads before the next training finishes the change sees it, too.
        epochs = change.load_config(run_dir).epochs
        change.finish_change(run_dir)
        after = contents(run_dir)
        assert after == (texts if epochs == 6 else before)
        assert (run_dir / "lost").exists() == (epochs == 3)
        assert config_json.load(run_dir).epochs == epochs
        outcomes.append(epochs)
    # Two moments for each of: change.json, lost/, three files, the folder. Only the first comes before the change.
    assert outcomes == [3] + [6] * 11


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"config.json": "{}"}', '{"config.json": "{}", "history.jsonl": "x"}']
)
def test_an_unreadable_change_is_named_and_changes_nothing(run_dir, text):
    (run_dir / change.CHANGE_FILE).write_text(text)
    before = contents(run_dir)
    for read in (change.finish_change, change.load_config):
        with pytest.raises(InputError, match=r"change\.json cannot be read .*delete it"):
            read(run_dir)
    assert contents(run_dir) == before


def test_history_is_read_as_it_was_written(tmp_path):
    assert history.changes(tmp_path) == []
    lines = [LINE, history.Change(20, history.TRAINING_PAIRS, "6 (ab)", "7 (cd)", "9.png is new", 3.3)]
    (tmp_path / "history.jsonl").write_text(history.to_text(lines))
    assert history.changes(tmp_path) == lines
    assert str(lines[1]) == "training pairs 6 (ab) became 7 (cd) after step 20 (9.png is new)"
    values = json.loads(history.to_text([lines[1]]))
    for spoiled in (
        {"step": -1},
        {"step": "1"},
        {"epoch": "x"},
        {"option": 5},
        {"old": 6},
        {"old": "0 (ab)"},
        {"x": 1},
    ):
        (tmp_path / "history.jsonl").write_text(json.dumps(values | spoiled))
        with pytest.raises(InputError, match=r"history\.jsonl cannot be read"):
            history.changes(tmp_path)


def test_options_that_are_not_given_are_the_runs(run_dir):
    assert options_for(run_dir, {}).resolved() == CONFIG
    assert options_for(run_dir, {"epochs": 6}).resolved() == CHANGED
    assert options_for(run_dir / "new", {"epochs": 6}) == Config(epochs=6)
    # What follows from others follows from those that are given: without a crop, load_size is image_size.
    assert options_for(run_dir, {"crop": False}).resolved().load_size == (32, 32)
    config_json.save(dataclasses.replace(CONFIG, load_size=(40, 40)), run_dir)
    with pytest.raises(InputError, match="load_size=40x40"):
        options_for(run_dir, {"crop": False})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": 6}, "epochs 3 became 6; give --change "),
        (
            {"learning_rate": 0.1, "pool_size": 5},
            "pool_size 0 became 5; learning_rate 0.0002 became 0.1; give --change ",
        ),
        ({"norm": "instance"}, "norm batch became instance; .*--init_from="),
        ({"norm": "instance", "epochs": 6}, "norm batch became instance; .*--init_from="),
        # No Config has that size and this run's depth.
        ({"image_size": (16, 16)}, "image_size 32x32 became 16x16; .*--init_from="),
        ({"mixed_precision": "float16"}, "mixed_precision none became float16; .*--init_from="),
    ],
)
def test_a_refusal_names_what_to_type(run_dir, given, words):
    with pytest.raises(InputError, match=words):
        check_same_run(run_dir, options_for(run_dir, given).resolved(), may_change=False)
    if "--change" in words:
        check_same_run(run_dir, options_for(run_dir, given).resolved(), may_change=True)
    else:
        with pytest.raises(InputError, match=words):
            check_same_run(run_dir, options_for(run_dir, given).resolved(), may_change=True)
    check_same_run(run_dir, options_for(run_dir, {"log_every": 3}).resolved(), may_change=False)


def test_each_option_says_what_may_change():
    kinds = {field.name: field.metadata["change"] for field in dataclasses.fields(Config)}
    assert {*kinds.values()} == {"machine", "freely", "asked", "never"}
    for name in ("generator_width", "depth", "discriminator_layers", "source_channels", "norm", "image_size"):
        assert kinds[name] == "never"
