"""What pyproject.toml, requirements.txt and constraints.txt say of the same packages agrees."""

import importlib.util
import pathlib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.13")


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load(ROOT / ".ci" / "requirements.py")
PROJECT = (ROOT / "pyproject.toml").read_text()


def required(file, python):
    """Name to requirement, of the lines that count for a Python version."""
    lines = (line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith(("#", "-c")))
    found = [Requirement(line) for line in lines]
    found = [r for r in found if r.marker is None or r.marker.evaluate({"python_version": python})]
    assert len(found) == len({r.name for r in found})
    return {canonicalize_name(r.name): r for r in found}


def in_project(*extras, tensorflow="tensorflow[and-cuda]"):
    lines = TOOL.requirements(tensorflow, list(extras), PROJECT)
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_txt_is_the_package_with_serving_for_gpus(python):
    pinned, project = required("requirements.txt", python), in_project("serving")
    assert pinned.keys() == project.keys()
    assert pinned["tensorflow"].extras == {"and-cuda"}
    constraints = required("constraints.txt", python)
    for name, requirement in pinned.items():
        if requirement.specifier or python != "3.10":
            assert requirement.specifier == constraints[name].specifier


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_lie_in_the_ranges(python):
    everything = in_project("cuda", "serving", "serve", "export", "beam", "video", "zarr", "dev", "docs")
    for name, pin in required("constraints.txt", python).items():
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        if name in everything:
            assert everything[name].specifier.contains(specifier.version), name
    if python != "3.10":
        assert everything.keys() <= required("constraints.txt", python).keys()


def test_with_tensorflow_cpu_nothing_asks_for_the_other_one():
    names = in_project(
        "serving", "serve", "dev", "export", "beam", "video", "zarr", "docs", tensorflow="tensorflow-cpu"
    ).keys()
    assert "tensorflow-cpu" in names
    assert not names & {"tensorflow", "tensorflow-serving-api"}


def test_groups():
    assert TOOL.group("audit", PROJECT) == ["pip-audit==2.10.1"]
