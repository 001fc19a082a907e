"""What a terminal is given of names from outside."""

import os
import subprocess
import sys

import pytest

from pipelines import prepare
from pipelines.system import terminal
from pipelines.system.terminal import InputError, one_line
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT, TINY, make_pairs

train = command_module("tfpix2pix.train")

# A red line, the cursor to the top, the window's title, letters turned around, a line that nobody wrote, no UTF-8.
NASTY = b"\x1b[31m\x1b[H\x1b]0;title\x07\xe2\x80\xaegnp\r\nerror: all is lost\xff.png"
SHOWN = r"\x1b[31m\x1b[H\x1b]0;title\x07\u202egnp\r\nerror: all is lost\udcff.png"


def test_one_line():
    assert one_line(os.fsdecode(NASTY)) == SHOWN
    assert one_line("a\x00\x7f\x85\x9b\u2028\u2066") == r"a\x00\x7f\x85\x9b\u2028\u2066"
    for harmless in ("größe 2, '日本' 🎨.png", "C:\\n", ""):
        assert one_line(harmless) == harmless


def test_what_is_printed_is_escaped_line_by_line(monkeypatch, capsys):
    def main(argv):
        print(f"a\n  b {os.fsdecode(NASTY)!s:.17}", end="\n\n")
        print("größe", flush=True)

    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with pytest.raises(SystemExit):
        terminal.run(main)
    assert capsys.readouterr().out == "a\n  b \\x1b[31m\\x1b[H\\x1b]0;title\n\ngröße\n"


def test_help_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prepare", "--help"])
    with pytest.raises(SystemExit) as end:
        terminal.run(prepare.main)
    assert end.value.code == 0
    assert "--help" in capsys.readouterr().out


@pytest.fixture
def pairs(tmp_path):
    folder = make_pairs(tmp_path / "pairs")
    (folder / "train" / os.fsdecode(NASTY)).write_bytes(b"no image")
    return folder


def assert_named_in_a_line(printed, folder):
    (line,) = [line for line in printed.splitlines() if "gnp" in line]
    assert line.strip().startswith(f"{folder}/train/{SHOWN}: ")
    assert "\x1b" not in printed


def test_check_names_bad_files(pairs, capsys):
    assert call(prepare, "check", f"--data={pairs}") == 1
    assert_named_in_a_line(capsys.readouterr().err, pairs)


def test_training_names_bad_files(pairs, tmp_path, capsys):
    # It ends right behind its list of them.
    options = (*TINY, f"--data={pairs}", "--bad_images=skip", "--batch_size=9", f"--run_dir={tmp_path / 'r'}")
    with pytest.raises(InputError, match="batch_size=9 is more than the 6 pairs"):
        call(train, *options)
    assert_named_in_a_line(capsys.readouterr().out, pairs)


def test_an_error_is_one_line_whatever_it_names(tmp_path):
    file = os.fsencode(tmp_path) + b"/" + NASTY
    code = (
        f"from pipelines.system import terminal\ndef main(argv): print('a\\udcff'); open({file!r})\nterminal.run(main)"
    )
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=strict, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout) == (2, "a\\udcff\n")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr
