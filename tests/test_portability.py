"""What only some systems have is not needed: simulated by taking it away, on the system that runs the tests.

What TensorFlow and the other packages need of their own system is imported before, and stays as it is.
"""

import shutil
import subprocess
import sys

import pytest

from tests.helpers.commands import all_commands
from tests.helpers.runs import PATIENCE, ROOT, SHALLOW, make_pairs, start_code

# Modules and names that Windows has not.
WITHOUT = """
import errno, os, runpy, signal, sys
import psutil
{imports}
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, names in {{
    os: ["sysconf", "getuid", "geteuid", "getgid", "O_NOFOLLOW", "O_DIRECTORY", "fork", "sched_getaffinity"],
    errno: ["EDQUOT"],
    signal: ["SIGKILL", "SIGUSR1", "SIGHUP", "SIGALRM", "SIGBUS", "pthread_sigmask"],
}}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.argv = {argv!r}
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
IMPORTS = "import tensorflow, keras, matplotlib.pyplot, PIL.Image, tensorboard, multiprocessing.pool"


def run(imports, *argv):
    code = WITHOUT.format(imports=imports, argv=list(map(str, argv)))
    if imports:
        process = start_code(code)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.mark.parametrize("command", all_commands())
def test_every_command_starts(command):
    result = run("", command, "--help")
    assert result.returncode == 0, result.stderr
    assert "--" in result.stdout


@pytest.mark.slow
def test_train_and_translate(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    options = (*SHALLOW, f"--data={pairs}", "--direction=BtoA", "--max_steps=1", f"--run_dir={tmp_path / 'run'}")
    dry = run(IMPORTS, "tfpix2pix.train", *options, "--dry_run")
    assert dry.returncode == 0, dry.stderr
    assert not (tmp_path / "run").exists()
    trained = run(IMPORTS, "tfpix2pix.train", *options)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "run" / "checkpoints" / "00000001").is_dir()
    where = (f"--run_dir={tmp_path / 'run'}", f"--input={pairs / 'val'}", f"--output={tmp_path / 'output'}")
    translated = run(IMPORTS, "tfpix2pix.translate", *where, "--pairs")
    assert translated.returncode == 0, translated.stderr
    assert len(list((tmp_path / "output").glob("*.png"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("command", ["demo", "combine"])
def test_data_sets(command, tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    other = shutil.copytree(pairs / "train", tmp_path / "other")
    options = {
        "demo": ("--data_dir", tmp_path),
        "combine": ("--a", pairs / "train", "--b", other, "--output", tmp_path / "combined"),
    }[command]
    words = [f"{name}={value}" for name, value in zip(options[::2], options[1::2], strict=True)]
    result = run(IMPORTS, "pipelines.prepare", command, *words)
    assert result.returncode == 0, result.stderr
