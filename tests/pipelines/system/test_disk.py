"""Errors of a full disk say how much is missing; a folder is tried before it is written into."""

import errno
import os
import re
import shutil

import pytest
import tensorflow as tf

from pipelines.system.disk import DiskFullError, check_room, check_writable, naming_full_disk
from pipelines.system.terminal import InputError


def test_check_writable_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "deep", "output")
    check_writable(tmp_path, "output")
    assert not list(tmp_path.iterdir())


def test_check_writable_refuses_what_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(InputError, match=f"output={folder}"):
            check_writable(folder, "output")


@pytest.fixture
def free(monkeypatch):
    """Says how many bytes are free on every disk."""
    return lambda n: monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**30, 2**30 - n, n))


def test_check_room_refuses_what_does_not_fit(tmp_path, free):
    free(2**20)
    check_room(tmp_path, "a picture", 2**20)
    message = f"no room for a picture in {tmp_path}: it needs 3.5 MiB and the disk at"
    with pytest.raises(DiskFullError, match=rf"{re.escape(message)} .*1\.0 MiB.*2\.5 MiB"):
        check_room(tmp_path, "a picture", 7 * 2**19)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_errors_of_a_full_disk_say_how_much_is_free(number, tmp_path, free):
    free(5 * 2**20)
    words = os.strerror(number)
    for error in (OSError(number, words), tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/x; {words}")):
        with pytest.raises(DiskFullError, match=r"5\.0 MiB free"), naming_full_disk(tmp_path, "a"):
            raise error
    assert DiskFullError.exit_code == 74


def test_other_errors_pass(tmp_path):
    for error in (OSError(errno.EIO, "x"), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")):
        with pytest.raises(type(error)), naming_full_disk(tmp_path, "the log"):
            raise error
