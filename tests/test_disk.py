"""Whole or not at all, and nothing left behind."""

import pytest

from pipelines.command import InputError
from pipelines.disk import check_writable, write_whole


def test_a_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "a", "first")
    with (tmp_path / "a").open() as reader:
        write_whole(tmp_path / "a", b"second")
        assert reader.read() == "first"
    assert (tmp_path / "a").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_fails_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "a", "first")
    (tmp_path / ".a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"


def test_trying_to_write_leaves_nothing(tmp_path):
    check_writable(tmp_path / "new", "output")
    check_writable(tmp_path, "output")
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(InputError, match=f"output={folder} cannot be written .*; give another --output"):
            check_writable(folder, "output")
