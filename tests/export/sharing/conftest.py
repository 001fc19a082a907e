"""A run that no test has evaluated: cards say what was measured of a run."""

import shutil

import pytest


@pytest.fixture(scope="session")
def short_run(short_run, tmp_path_factory):
    """The short run as it was trained, and its pairs, without what tests of `evaluate` wrote into it."""
    folder = tmp_path_factory.mktemp("unevaluated")
    shutil.copytree(short_run.parent / "pairs", folder / "pairs")
    return shutil.copytree(short_run, folder / "run", ignore=shutil.ignore_patterns("evaluation"))
