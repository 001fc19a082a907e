"""CONTRIBUTING.md and the like name files and things that are there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def quoted(name):
    return re.findall(r"`([^`\s]+)`", (ROOT / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_paths_exist(name):
    paths = [word for word in quoted(name) if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|[\w-]+\.(md|txt|toml)", word)]
    for path in paths:
        assert (ROOT / path).exists() or path in ("tfpix2pix/flagfiles/NAME.flags", "../shared"), path


def test_names_exist():
    source = "\n".join(
        path.read_text() for package in ("pipelines", "tfpix2pix") for path in (ROOT / package).rglob("*.py")
    )
    names = {
        word for word in quoted("CONTRIBUTING.md") if re.fullmatch(r"[A-Z_]{4,}|[a-z]+_[a-z_]+|[A-Z]\w+[a-z]", word)
    }
    assert len(names) > 5
    for name in names - {"batch_size", "needs_shared"}:
        assert re.search(rf"\b{name}\b", source), name


def test_make_targets_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for name in (*FILES, "README.md", "BUILD.md"):
        for target in re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE):
            assert target in targets, (name, target)
