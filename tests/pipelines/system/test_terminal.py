"""Names from outside are escaped on the terminal; flags and recipes are parsed, and a mistake is one line."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from absl import flags

from pipelines import prepare
from pipelines.system import terminal
from pipelines.system.terminal import InputError, one_line
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT, TINY, make_pairs

train = command_module("tfpix2pix.train")

# A red line, the cursor to the top, the window's title, letters turned around, a line that nobody wrote, no UTF-8.
NASTY = b"\x1b[31m\x1b[H\x1b]0;title\x07\xe2\x80\xaegnp\r\nerror: all is lost\xff.png"
SHOWN = r"\x1b[31m\x1b[H\x1b]0;title\x07\u202egnp\r\nerror: all is lost\udcff.png"


@pytest.mark.parametrize("columns", [0, 100])
def test_long_work_shows_progress_on_a_terminal_whatever_it_says_of_its_width(monkeypatch, columns):
    """Terminals of containers have 0 columns: a bar of that width is not seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(theirs, "w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        bar = iter(terminal.progress_bar("ab", "reading files", 2))
        assert next(bar) == "a"
        assert b"reading files" in os.read(ours, 1000)
        assert list(bar) == ["b"]
    os.close(ours)


def test_no_progress_in_a_log(monkeypatch, capsys):
    assert list(terminal.progress_bar("ab", "reading files", 2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_a_line_is_seen_through_a_pipe_when_it_is_printed():
    code = (
        "import sys; from pipelines.system import terminal; sys.argv = ['it']; terminal.import_tensorflow = str; "
        "terminal.run(lambda _: print('reading') or sys.stdin.read() and 0)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as process:
        # It waits for the end of its input, which comes after this line.
        assert process.stdout.readline() == "reading\n"
        process.stdin.close()


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


def test_help_exits_with_0(monkeypatch, capsys):
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


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A folder of the recipes `one` and `two`; the test runs in a folder beside it."""
    for name, text in {"one": "--speed=1", "two": "--speed=2"}.items():
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / f"{name}.flags").write_text(text)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "recipes"


@pytest.fixture
def speed():
    flags.DEFINE_integer("speed", 0, "of what is tested")
    yield flags.FLAGS["speed"]
    delattr(flags.FLAGS, "speed")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--flagfile=one"], 1),
        (["-flagfile=two"], 2),
        (["--flagfile", "two"], 2),
        (["--flagfile=one", "--flagfile=two"], 2),
        (["--flagfile=one", "--speed=7"], 7),
        (["--flagfile=../recipes/two.flags"], 2),
        (["--flagfile=own"], 5),
        (["--", "--flagfile=one"], 0),
    ],
)
def test_recipes_by_their_bare_names(words, expected, recipes, speed, tmp_path):
    (tmp_path / "here" / "own").write_text("--speed=5")
    (tmp_path / "here" / "one").mkdir()  # a folder is not a flagfile
    terminal.parse_flags(["x", *words], recipes)
    assert speed.value == expected


@pytest.mark.parametrize("words", [["--flagfile=three"], ["--flagfile", "three"]])
def test_an_unknown_recipe(words, recipes, speed, capsys):
    with pytest.raises(SystemExit) as end:
        terminal.parse_flags(["x", *words], recipes)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    for named in ("flagfile=three", "one", "two"):
        assert named in line


@pytest.mark.parametrize("words", [["--flagfile=no/such"], ["--flagfile=x.flags"], ["--flagfile"]])
def test_a_flagfile_that_is_not_there(words, recipes, capsys):
    with pytest.raises(SystemExit) as end:
        terminal.parse_flags(["x", *words], recipes)
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_flag_that_is_missing_is_named_as_one_writes_it(capsys):
    flags.DEFINE_string("whereto", None, "of what is tested", required=True)
    try:
        with pytest.raises(SystemExit):
            terminal.parse_flags(["x"])
    finally:
        delattr(flags.FLAGS, "whereto")
    assert capsys.readouterr().err == "error: whereto is missing; give --whereto=...; see --help\n"
