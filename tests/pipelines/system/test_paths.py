"""Where a path lies, however it is written."""

import pytest

from pipelines.system.paths import is_inside, parse_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("photos", True),
        ("photos/a/b", True),
        ("other/../photos/a", True),
        ("link/a", True),
        ("photos2", False),
        (".", False),
    ],
)
def test_local_paths(tmp_path, monkeypatch, path, expected):
    (tmp_path / "photos").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    assert is_inside(parse_path(path), tmp_path / "photos") is expected


@pytest.mark.parametrize(
    ("path", "expected"), [("gs://b/in", True), ("gs://b/in/x", True), ("gs://b/in2", False), ("in", False)]
)
def test_paths_of_an_object_store(path, expected):
    assert is_inside(parse_path(path), parse_path("gs://b/in")) is expected
