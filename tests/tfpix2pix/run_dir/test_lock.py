"""One training at a time in a run directory, also after the holder was killed."""

import errno
import os
import socket
import subprocess
import sys

import filelock
import pytest

from pipelines.system.terminal import InputError
from tests.helpers.runs import ROOT
from tfpix2pix.run_dir.lock import Lock

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
            InputError, match=rf"run_dir={tmp_path} .*\(process {holder.pid} on {socket.gethostname()}\)"
        ):
            lock.take()
    finally:
        holder.kill()
        holder.communicate()
    lock.take(pytest.fail)
    lock.take(pytest.fail)
    assert (tmp_path / "lock.holder").read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_it_is_let_go_at_the_end(tmp_path):
    with Lock(tmp_path) as first:
        first.take()
        with Lock(tmp_path) as second, pytest.raises(InputError, match=f"run_dir={tmp_path}"):
            second.take()
        # The one that was refused has changed nothing.
        with pytest.raises(InputError, match=f"process {os.getpid()} on"):
            Lock(tmp_path).take()
    Lock(tmp_path).take(pytest.fail)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(number, tmp_path, monkeypatch):
    def acquire(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "_acquire", acquire)
    notes = []
    Lock(tmp_path).take(notes.append)
    assert len(notes) == 1
    assert str(tmp_path / "lock") in notes[0]
    assert os.strerror(number) in notes[0]


def test_a_folder_that_cannot_be_written_is_no_missing_lock(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Lock(tmp_path / "file").take(pytest.fail)
