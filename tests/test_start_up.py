"""Every command answers --help and mistakes in flags at once, and starts without TensorFlow's notices."""

import os
import subprocess
import sys

import pytest

from pipelines.system.start_notices import NOTICES
from tests.helpers.commands import all_commands
from tests.helpers.runs import ROOT

COMMANDS = all_commands()


def run(command, *arguments):
    """Runs a command, and says on standard output whether it imported TensorFlow."""
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('TENSORFLOW' if 'tensorflow' in sys.modules else 'NONE'))\n"
        f"sys.argv = {[command, *arguments]!r}\n"
        f"runpy.run_module({command!r}, run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
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
    "tfpix2pix.evaluate": ["--run_dir=/nowhere"],
    "tfpix2pix.compare": ["/nowhere", "/nowhere2", "--output=/nowhere/x"],
    "tfpix2pix.translate": ["--run_dir=/nowhere", "--input=/nowhere", "--output=/nowhere/x"],
    "tfpix2pix.benchmark": ["--data=/nowhere"],
    "tfpix2pix.preview": ["--data=/nowhere", "--output=/nowhere/x"],
    "export.saved_model": ["--run_dir=/nowhere", "--export_dir=/nowhere/x"],
    "export.tflite": ["--run_dir=/nowhere", "--export_dir=/nowhere/x"],
    "export.onnx": ["--run_dir=/nowhere", "--export_dir=/nowhere/x"],
    "export.bulk": ["--model=/nowhere", "--input=/nowhere", "--output=/nowhere/x"],
    "export.client": ["--model=x", "--input=/nowhere"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_the_notices(command):
    result = run(command, *MISTAKES[command])
    lines = result.stderr.encode().splitlines()
    assert not any(NOTICES.match(line) or b"oneDNN" in line for line in lines)
    assert (result.returncode, len(lines)) == (2, 1), result.stderr
