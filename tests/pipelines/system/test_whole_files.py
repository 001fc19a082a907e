"""A file or folder appears under its name whole or not at all, whoever fails in between."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from pipelines.system import disk, leftovers
from pipelines.system.disk import whole_file, whole_folder, write_whole
from pipelines.system.leftovers import UNFINISHED, temporary_name
from pipelines.system.paths import RemotePath


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "a", "first")
    with (tmp_path / "a").open() as reader:
        with whole_file(tmp_path / "a") as temporary:
            temporary.write_text("second")
            assert (tmp_path / "a").read_text() == "first"
        assert reader.read() == "first"
    assert (tmp_path / "a").read_text() == "second"
    assert names(tmp_path) == ["a"]


def test_text_is_utf_8(tmp_path):
    write_whole(tmp_path / "a", "×\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\x97\n"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file(error, tmp_path):
    write_whole(tmp_path / "a", "first")
    with pytest.raises(error), whole_file(tmp_path / "a") as temporary:
        temporary.write_text("sec")
        raise error
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_a_folder_in_the_files_place_stays(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 (each system has its own)
        write_whole(tmp_path / "a", "text")
    assert names(tmp_path) == ["a"]


def test_a_caller_that_writes_nothing_gets_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a"):
        pass


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "outside").write_text("kept")
    (tmp_path / "a").symlink_to(tmp_path / "outside")
    write_whole(tmp_path / "a", "new")
    assert (tmp_path / "outside").read_text() == "kept"
    assert not (tmp_path / "a").is_symlink()


def test_temporary_names_are_never_shared(tmp_path):
    found = {temporary_name(tmp_path / "a").name for _ in range(1000)}
    code = "from pipelines.system.leftovers import temporary_name as n; import pathlib; print(n(pathlib.Path('a')))"
    found.add(subprocess.check_output([sys.executable, "-c", code], text=True).strip())
    assert len(found) == 1001


@pytest.mark.parametrize("name", ["x" * 255, "×" * 127, "𝄞" * 63, "-.-"])
def test_any_name_that_a_file_may_have(name, tmp_path):
    write_whole(tmp_path / name, "text")
    assert names(tmp_path) == [name]


def test_several_threads_write_one_file(tmp_path):
    texts = [str(i) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "a", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in texts
    assert names(tmp_path) == ["a"]


def test_a_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "set") as temporary:
        (temporary / "deeper").mkdir()
        (temporary / "deeper" / "a").write_text("text")
        assert not (tmp_path / "set").exists()
    assert (tmp_path / "set" / "deeper" / "a").read_text() == "text"
    assert names(tmp_path) == ["set"]


def test_an_error_leaves_no_folder(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "set") as temporary:
        (temporary / "a").touch()
        raise KeyboardInterrupt
    assert not names(tmp_path)


@pytest.mark.parametrize("content", [None, "a"])
def test_a_folder_never_replaces_another(content, tmp_path):
    """Also not one that appears meanwhile."""
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "set") as temporary:
        (temporary / "new").touch()
        (tmp_path / "set").mkdir()
        if content:
            (tmp_path / "set" / content).touch()
    assert names(tmp_path) == ["set"]
    assert names(tmp_path / "set") == ([content] if content else [])


KILLED = """
import os, pathlib, signal, sys
from pipelines.system.disk import whole_file, whole_folder
folder = pathlib.Path(sys.argv[1])
with whole_file(folder / "file") as file, whole_folder(folder / "folder") as inner:
    file.touch()
    (inner / "part").touch()
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """Another process in the middle of writing a file and a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline()
        yield process
        process.kill()


def test_what_a_killed_process_left_is_removed(writer, tmp_path):
    leftovers = names(tmp_path)
    assert len(leftovers) == 2
    # Not while it lives.
    write_whole(tmp_path / "file", "")
    with whole_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path) == sorted([*leftovers, "file", "folder"])
    writer.kill()
    writer.wait()
    with whole_folder(tmp_path / "second"):
        pass
    assert names(tmp_path) == ["file", "folder", "second"]


def test_the_first_file_that_is_written_removes_leftovers(tmp_path):
    code = KILLED.replace("sys.stdin.read()", "os.kill(os.getpid(), signal.SIGKILL)")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    write_whole(tmp_path / "a", "")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["a", ".hidden", f"mine{UNFINISHED}", f".a.0-1-2-3{UNFINISHED}", f".1-x{UNFINISHED}"])
def test_other_peoples_files_are_not_leftovers(name, tmp_path):
    """Of another machine, of no process, or by a name that only looks alike."""
    (tmp_path / name).touch()
    leftovers.remove_leftovers(tmp_path)
    assert names(tmp_path) == [name]


def test_a_restarted_container_may_have_the_same_process_number(tmp_path, monkeypatch):
    temporary_name(tmp_path / "a").touch()
    leftovers.remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 1
    monkeypatch.setattr(leftovers, "_process_key", lambda _: "another1")
    leftovers.remove_leftovers(tmp_path)
    assert not names(tmp_path)


def test_a_leftover_that_is_a_link_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "kept").mkdir()
    temporary_name(tmp_path / "a").symlink_to(tmp_path / "kept")
    monkeypatch.setattr(leftovers, "_process_key", lambda _: "another1")
    leftovers.remove_leftovers(tmp_path)
    assert names(tmp_path) == ["kept"]


def test_what_has_to_survive_a_power_cut_is_synced_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []

    def fsync(descriptor):
        synced.append((os.fstat(descriptor).st_ino, (tmp_path / "a").exists() or (tmp_path / "set").exists()))

    monkeypatch.setattr(disk.os, "fsync", fsync)
    write_whole(tmp_path / "a", "text", sync=True)
    assert synced == [((tmp_path / "a").stat().st_ino, False), (tmp_path.stat().st_ino, True)]
    (tmp_path / "a").unlink()
    synced.clear()
    with whole_folder(tmp_path / "set", sync=True) as temporary:
        (temporary / "deeper").mkdir()
        (temporary / "deeper" / "b").touch()
    inside = [tmp_path / "set" / "deeper" / "b", tmp_path / "set" / "deeper", tmp_path / "set"]
    assert set(synced[:-1]) == {(path.stat().st_ino, False) for path in inside}
    assert synced[-1] == (tmp_path.stat().st_ino, True)


def test_nothing_is_synced_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.os, "fsync", lambda _: pytest.fail("synced"))
    write_whole(tmp_path / "a", "text")
    with whole_folder(tmp_path / "set"):
        pass


def test_in_an_object_store():
    store = RemotePath("ram://whole")
    with whole_file(store / "a") as temporary:
        temporary.write_bytes(b"first")
        assert not (store / "a").exists()
    with pytest.raises(ValueError, match="broken"), whole_file(store / "a") as temporary:
        temporary.write_bytes(b"sec")
        raise ValueError("broken")
    assert (store / "a").read_bytes() == b"first"
    with whole_file(store / "a", unfinished_in=store / "aside") as temporary:
        assert temporary.parent == store / "aside"
        temporary.write_bytes(b"second")
    write_whole(store / "b", "text")
    assert sorted(path.name for path in store.files()) == ["a", "b"]
    assert (store / "a").read_bytes() == b"second"
