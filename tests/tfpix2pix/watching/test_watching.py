"""Reads logs that were written by hand, at a given time, and checks the table of watch."""

import json
import os

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json
from tfpix2pix.watching.find_runs import find_runs
from tfpix2pix.watching.progress import Progress, WatchedRun
from tfpix2pix.watching.table import brief, table

watch = command_module("tfpix2pix.watch")

NOW = 1_800_000_000.0


def trained(step, loss, speed=8.0):
    return {"step": step, "epoch": step / 100, "generator/loss": loss, "discriminator/loss": loss / 10} | (
        {"images_per_second": speed} if speed else {}
    )


def validated(step, l1, **more):
    return {"step": step, "epoch": step / 100, "validation/l1": l1, "validation/psnr": 10 * l1, **more}


def write(run_dir, records, age=0.0, half=""):
    (run_dir / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records) + half)
    os.utime(run_dir / "log.jsonl", (NOW - age, NOW - age))


def make(folder, records=(), pairs=200, age=4.0, half="", **options):
    """A run of 4 epochs, each 100 steps of 2 of 200 pairs."""
    folder.mkdir(parents=True)
    values = {"image_size": (32, 32), "batch_size": 2, "epochs": 4, "log_every": 10}
    config_json.save(Config(**values | options).resolved(), folder)
    if pairs:
        (folder / "data.json").write_text(json.dumps({"pairs": pairs}))
    if records:
        write(folder, records, age, half)
    return folder


RECORDS = [
    validated(0, 0.5, pause_seconds=9.0),
    trained(10, 30.0, 0),
    *(trained(step, 20.0, 8.0) for step in range(20, 101, 10)),
    validated(100, 0.25, pause_seconds=6.0),
    # One line was slow.
    trained(110, 14.5, 1.0),
    trained(120, 12.3),
]


def test_the_time_left_is_that_of_steps_and_validations(tmp_path):
    found = WatchedRun(make(tmp_path / "r", RECORDS)).progress(NOW)
    # 280 steps of 2 images at 8 images a second, and 3 validations of 6 seconds: 70 + 18.
    assert found.seconds_left == 88.0
    assert (found.step, found.last_step, found.images_per_second, found.state) == (120, 400, 8.0, "running")
    assert found.losses == {"generator/loss": 12.3, "discriminator/loss": pytest.approx(1.23)}
    assert (found.best, found.age) == ((0.25, 100), 4.0)


def test_without_data_json_the_log_says_how_long_an_epoch_is(tmp_path):
    run = WatchedRun(make(tmp_path / "r", RECORDS, pairs=0, max_steps=250))
    assert run.progress(NOW).last_step == 250
    # 130 steps are 32.5 s; what is left are 2 validations: of step 200, and of the end.
    assert run.progress(NOW).seconds_left == 32.5 + 12


@pytest.mark.parametrize(
    ("records", "age", "ended", "state"),
    [
        ([], 0, False, "begun"),
        (RECORDS, 59, False, "running"),
        # A line takes 2.5 s and a validation 6; a minute without one is too much.
        (RECORDS, 61, False, "silent"),
        (RECORDS, 61, True, "stopped"),
        ([*RECORDS, trained(400, 1.0)], 9e6, True, "finished"),
        # The first steps are being compiled.
        (RECORDS[:1], 599, False, "running"),
        (RECORDS[:1], 601, False, "silent"),
        # A line every 250 seconds.
        ([*RECORDS, *(trained(step, 1.0, 0.08) for step in range(130, 200, 10))], 700, False, "running"),
    ],
)
def test_states(tmp_path, records, age, ended, state):
    folder = make(tmp_path / "r", records, age=age)
    lines = [{"begins_after": 0, "at": "x"}, *([{"ends_after": 120, "seconds": 30.0}] if ended else [])]
    (folder / "sessions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert WatchedRun(folder).progress(NOW).state == state


def test_only_whole_lines_count_and_each_once(tmp_path):
    folder = make(tmp_path / "r", RECORDS[:-1], half='{"step": 120, "epoch": 1.2, "gen')
    run = WatchedRun(folder)
    assert run.progress(NOW).step == 110
    write(folder, RECORDS)
    assert run.progress(NOW).step == 120
    assert run.progress(NOW).seconds_left == 88.0
    # Resumed from step 10: the lines after it are gone, in another file.
    write(tmp_path, [RECORDS[0], trained(10, 30.0, 4.0)])
    os.replace(tmp_path / "log.jsonl", folder / "log.jsonl")
    found = run.progress(NOW)
    assert (found.step, found.images_per_second, found.best) == (10, 4.0, (0.5, 0))


def test_the_best_is_by_the_metric_of_the_run(tmp_path):
    nan = validated(200, float("nan"))
    by_psnr = WatchedRun(make(tmp_path / "a", [*RECORDS, nan], best_by="psnr")).progress(NOW)
    assert (by_psnr.best, by_psnr.best_by) == ((5.0, 0), "psnr")
    assert WatchedRun(make(tmp_path / "b", [*RECORDS, nan])).progress(NOW).best == (0.25, 100)


def test_one_spoiled_run_does_not_hide_the_others(tmp_path, capsys):
    make(tmp_path / "runs" / "a", RECORDS)
    make(tmp_path / "runs" / "more" / "b", RECORDS)
    (tmp_path / "runs" / "a" / "config.json").write_text("{")
    assert call(watch, tmp_path / "runs", "--once") == 0
    heading, a, b = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["run", "step", "done"]
    assert "unreadable" in a
    assert (a.split()[0], b.split()[0]) == ("a", "more/b")
    assert list(find_runs([str(tmp_path / "runs" / "a")])) == [str(tmp_path / "runs" / "a")]
    assert "120/400   30%" in b
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no run"):
        find_runs([str(tmp_path / "runs"), str(tmp_path / "empty")])
    with pytest.raises(InputError, match="nowhere is not a folder"):
        find_runs(["nowhere"])


def test_the_table_fits_a_terminal():
    losses = {"generator/loss": 12.34, "discriminator/loss": 1.234}
    small = Progress(120, 400, 8.0, 88.0, losses, (0.25, 100), "l1", 4.0, "running")
    assert table({"runs/a": small}, 80) == [
        "run        step  done  img/s   left      D     G      best L1  last line",
        "runs/a  120/400   30%  8.000  1m28s  1.234  12.3  0.2500 @100  4s ago",
    ]
    losses = {"generator/loss": -123.456, "discriminator/loss": -0.00123}
    large = Progress(99_998, 99_999, 1234.5, 90_000.0, losses, (20.25, 99_998), "psnr", 3600, "finished")
    lines = table({"runs/of/a/very/long/name": large, "runs/a": small}, 80)
    assert max(map(len, lines)) <= 80
    words = "~/long/name 99998/99999 99% 1234 1d01h -0.001 -123 20.25 @99998 finished 1h00m"
    assert lines[1].split() == words.split()
    assert lines[2].split()[-3:] == ["@100", "4s", "ago"]
    assert table({"runs/of/a/very/long/name": large}, 200)[1].startswith("runs/of/a/very/long/name  99998/99999")
    # Names may be another's.
    assert "\x1b" not in "".join(table({"runs/\x1b[2J": small}, 80))


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4s"), (185, "3m05s"), (3599.6, "1h00m"), (7500, "2h05m"), (273_600, "3d04h")]
)
def test_times_are_brief(seconds, text):
    assert brief(seconds) == text
