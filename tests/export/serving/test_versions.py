"""Versions appear whole or not at all."""

import pytest

from export.serving.versions import choose_version, find_version, new_version
from pipelines.system.terminal import InputError


def test_the_next_number(tmp_path):
    assert choose_version(tmp_path / "new") == 1
    for name in ("2", "10", "x3", ".unfinished-11-a"):
        (tmp_path / name).mkdir()
    assert choose_version(tmp_path) == 11
    assert choose_version(tmp_path, 3) == 3


def test_a_version_that_exists(tmp_path):
    (tmp_path / "7").mkdir()
    with pytest.raises(InputError, match=r"version=7 .*8"):
        choose_version(tmp_path, 7)


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"output=.*file"):
        choose_version(tmp_path / "file")
    with pytest.raises(InputError, match=r"output=.*x"), new_version(tmp_path / "file" / "x", 1):
        pass


def test_it_has_its_number_only_when_it_is_whole(tmp_path):
    with new_version(tmp_path / "models" / "m", 4) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("contents")
        assert not [path for path in (tmp_path / "models" / "m").iterdir() if path.name.isdecimal()]
    assert [path.name for path in (tmp_path / "models" / "m").iterdir()] == ["4"]
    assert (tmp_path / "models" / "m" / "4" / "inner" / "file").read_text() == "contents"
    assert (tmp_path / "models" / "m" / "4").stat().st_mode & 0o777 == 0o755


def test_an_error_leaves_nothing(tmp_path):
    def fail():
        with new_version(tmp_path, 1) as folder:
            (folder / "file").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


def test_two_exports_at_once(tmp_path):
    """The slower one says so, and does not touch what the faster one wrote."""

    def race():
        with new_version(tmp_path, 1) as slow:
            (slow / "slow").touch()
            with new_version(tmp_path, 1) as fast:
                (fast / "fast").touch()

    with pytest.raises(InputError, match="version=1"):
        race()
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["fast"]
    assert len(list(tmp_path.iterdir())) == 1


def test_which_version(tmp_path, monkeypatch):
    for name in ("m/2", "m/10", "m/old", "alone"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "empty").mkdir()
    assert find_version(str(tmp_path / "m")) == (tmp_path / "m" / "10", "m", 10)
    assert find_version(f"{tmp_path}/m/2/") == (tmp_path / "m" / "2", "m", 2)
    assert find_version(str(tmp_path / "alone")) == (tmp_path / "alone", "alone", 1)
    monkeypatch.chdir(tmp_path / "m")
    assert find_version(".") == (tmp_path / "m" / "10", "m", 10)
    for wrong in ("empty", "nowhere"):
        with pytest.raises(InputError, match=f"{wrong} .*export"):
            find_version(str(tmp_path / wrong))
