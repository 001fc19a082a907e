"""One training at a time in a run directory; in processes of their own, as a lock is a process's."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.runs import ROOT
from tfpix2pix.run_dir.lock import Lock

# Without TensorFlow, which the lock does not need.
HOLD = """
import pathlib, sys, time
from tfpix2pix.run_dir.lock import Lock
lock = Lock(pathlib.Path(sys.argv[1]))
lock.take()
print("held", flush=True)
time.sleep(3600)
"""


def test_kill_9_frees_it(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline()
        lock = Lock(tmp_path)
        with pytest.raises(
            InputError, match=rf"run_dir={tmp_path} .*\(process {holder.pid} on {os.uname().nodename}\)"
        ):
            lock.take()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    lock.take(pytest.fail)
    lock.take(pytest.fail)
    assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {os.uname().nodename}\n"


def test_it_is_let_go_at_the_end(tmp_path):
    with Lock(tmp_path) as first:
        first.take()
        with Lock(tmp_path) as second, pytest.raises(InputError, match="is being written by another training"):
            second.take()
        # A refused one has changed nothing of it.
        with pytest.raises(InputError, match=f"process {os.getpid()} on"):
            Lock(tmp_path).take()
    Lock(tmp_path).take(pytest.fail)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(number, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    notes = []
    Lock(tmp_path).take(notes.append)
    assert len(notes) == 1
    assert f"{tmp_path}/lock has no locks ({os.strerror(number)})" in notes[0]
