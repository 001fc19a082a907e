"""Every command answers --help and mistakes in flags at once, and starts without TensorFlow's notices."""

import os
import subprocess
import sys

import pytest

from pipelines.system.start_notices import NOTICES
from tests.helpers import runs
from tests.helpers.commands import all_commands
from tests.helpers.runs import ROOT

COMMANDS = all_commands()


def run(command, *arguments, **variables):
    """Runs a command, and says on standard output whether it imported TensorFlow."""
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('TENSORFLOW' if 'tensorflow' in sys.modules else 'NONE'))\n"
        f"sys.argv = {[command, *arguments]!r}\n"
        f"runpy.run_module({command!r}, run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | variables
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_all_commands_are_found():
    assert {"pipelines.prepare", "tfpix2pix.train", "export.client"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_mistakes_in_flags_are_answered_without_tensorflow(command):
    shown = run(command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "--" in shown.stdout
    assert shown.stdout.endswith("NONE\n")
    mistaken = run(command, "--no_such_flag=1")
    assert mistaken.returncode == 2
    assert "no_such_flag" in mistaken.stderr
    assert mistaken.stderr.count("\n") == 1
    assert mistaken.stdout.endswith("NONE\n")


# Flags with which a command gets as far as its first error, TensorFlow imported.
MISTAKES = {
    "pipelines.prepare": ["check", "--data=/nowhere"],
    "tfpix2pix.train": ["--data=/nowhere", "--run_dir=/nowhere/run"],
    "tfpix2pix.import_torch": ["/nowhere/x.pth", "--run_dir=/nowhere/run"],
    "tfpix2pix.evaluate": ["--run_dir=/nowhere"],
    "tfpix2pix.compare": ["/nowhere", "/nowhere2", "--output=/nowhere/x"],
    "tfpix2pix.translate": ["--run_dir=/nowhere", "--input=/nowhere", "--output=/nowhere/x"],
    "tfpix2pix.benchmark": ["--data=/nowhere"],
    "tfpix2pix.preview": ["--data=/nowhere", "--output=/nowhere/x"],
    "tfpix2pix.watch": ["/nowhere"],
    "export.saved_model": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.tflite": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.onnx": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.torch": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.card": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.bioimage": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.web": ["--run_dir=/nowhere", "--output=/nowhere/x"],
    "export.bulk": ["--model=/nowhere", "--input=/nowhere", "--output=/nowhere/x"],
    "export.serve": ["--model=/nowhere", "--port=0"],
    "export.client": ["--model=x", "--input=/nowhere"],
}
# These say it before they import TensorFlow, or do without.
WITHOUT_TENSORFLOW = ("tfpix2pix.watch", "export.web", "export.serve")
A_PAGE_THAT_IS_THERE = ("export.web", ["--serve", "--output=/nowhere"])


def notices_in(text):
    return [line for line in text.encode().splitlines() if NOTICES.match(line) or b"oneDNN" in line]


@pytest.mark.parametrize(
    ("command", "arguments"), [*((name, MISTAKES[name]) for name in WITHOUT_TENSORFLOW), A_PAGE_THAT_IS_THERE]
)
def test_what_does_without_tensorflow_does_not_import_it(command, arguments, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('imported')\n")
    result = run(command, *arguments, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "NONE\n", 1), result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in WITHOUT_TENSORFLOW])
def test_no_command_shows_the_notices(command, tmp_path):
    """A stand-in for TensorFlow shows the notices, then fails: importing the real one takes seconds."""
    notice = "I0000 00:00:1795632518.631682   12965 port.cc:153] oneDNN custom operations are on.\n"
    assert notices_in(notice)
    (tmp_path / "tensorflow.py").write_text(
        f"import os\nos.write(2, {notice.encode()!r})\nraise RuntimeError('imported')\n"
    )
    result = run(command, *MISTAKES[command], PYTHONPATH=str(tmp_path))
    assert "imported" in result.stderr
    assert not notices_in(result.stderr)


@pytest.mark.slow
def test_the_real_tensorflow_shows_none():
    result = run("tfpix2pix.train", *MISTAKES["tfpix2pix.train"])
    assert result.stdout.endswith("TENSORFLOW\n")
    assert not notices_in(result.stderr)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_mistake_ends_a_command_in_one_line(command):
    result = runs.run(command, *MISTAKES[command])
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
