"""TensorFlow's notices at its start stay off the terminal, and nothing else does, however the import ends."""

import ctypes
import os
import signal
import subprocess
import sys

import pytest

from pipelines.system.start_notices import import_tensorflow
from tests.helpers.runs import ROOT

NOTICE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795632518.631682   12965 port.cc:153] oneDNN custom operations are on. You may see\n"
    "2026-11-25 18:00:00.123456: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:31] Could not find cuda drivers\n"
)
SHOWN = "E0000 00:00:1795632518.631682   12965 x.cc:1] an error\nWARNING: another\nhalf a line"
# How a fake TensorFlow ends, and what becomes of the process.
ENDS = {
    "pass": 0,
    "raise ImportError('no such library')": 1,
    "raise SystemExit(5)": 5,
    "os.abort()": -signal.SIGABRT,
    "ctypes.string_at(0)": -signal.SIGSEGV,
    "os.kill(os.getpid(), signal.SIGILL)": -signal.SIGILL,
}
IMPORT = "from pipelines.system.start_notices import import_tensorflow; import_tensorflow(); print('imported')"


@pytest.fixture
def fake(tmp_path):
    """Runs `import_tensorflow` with a fake TensorFlow that prints, and then ends so."""

    def run(text, end="pass", **environment):
        (tmp_path / "tensorflow.py").write_text(
            f"import ctypes, os, signal, sys\nos.write(2, {text.encode()!r})\nsys.stderr.write(' and Python')\n{end}\n"
        )
        return subprocess.run(
            [sys.executable, "-c", IMPORT],
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("end", ENDS)
def test_all_but_the_notices_is_shown_however_the_import_ends(end, fake):
    result = fake(NOTICE + SHOWN, end)
    assert result.returncode == ENDS[end]
    assert result.stderr.startswith(SHOWN)
    assert "and Python" in result.stderr or result.returncode < 0
    assert ("no such library" in result.stderr) == ("ImportError" in end)
    assert result.stdout == ("imported\n" if end == "pass" else "")


def test_whoever_asks_for_the_notices_gets_them(fake):
    assert fake(NOTICE, TF_CPP_MIN_LOG_LEVEL="0").stderr == f"{NOTICE} and Python"


def test_much_text(fake):
    text = (NOTICE + "a line\n") * 20_000
    assert fake(text).stderr == "a line\n" * 20_000 + " and Python"


def test_without_a_standard_error():
    code = f"import os; os.close(2); {IMPORT}"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "imported\n")


def test_descriptors_and_signals_are_as_before():
    signals = (signal.SIGABRT, signal.SIGSEGV)
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p

    def state():
        handlers = {number: libc.signal(number, None) for number in signals}
        for number, handler in handlers.items():
            libc.signal(number, ctypes.c_void_p(handler))
        return handlers, len(os.listdir("/proc/self/fd")), os.fstat(2).st_ino

    before = state()
    import_tensorflow()
    assert state() == before


def test_the_garbage_collector_runs_but_leaves_what_the_import_made():
    code = f"import gc; {IMPORT}; assert gc.isenabled(); print(gc.get_freeze_count())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # TensorFlow's functions, classes and modules are hundreds of thousands of objects.
    assert int(ended.stdout.split()[-1]) > 100_000


def test_typing_is_as_before():
    code = f"import typing; {IMPORT}; assert not hasattr(typing, 'compile')"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
