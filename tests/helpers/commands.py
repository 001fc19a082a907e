"""Calls commands with their flags: inside this process if that proves as much, or as several processes at a time."""

import concurrent.futures
import importlib
import os

from absl import flags

from tests.helpers.runs import ROOT, run


def command_module(name):
    """The module of a command, such as tfpix2pix.train, also where the package has a function of that name."""
    return importlib.import_module(name)


def all_commands():
    """The names of all commands' modules, such as tfpix2pix.train."""
    return [
        f"{package}.{path.stem}"
        for package in ("pipelines", "tfpix2pix", "export")
        for path in sorted((ROOT / package).glob("*.py"))
        if '__name__ == "__main__"' in path.read_text()
    ]


def call(module, *arguments):
    """Parses the arguments, returns what main does, and leaves no flag behind for the next call."""
    before = set(flags.FLAGS)
    module.define_flags()
    try:
        return module.main(flags.FLAGS([module.__name__, *map(str, arguments)]))
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)


def run_all(commands):
    """Runs commands, name to (module, *arguments), side by side; returns name to result."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(commands, pool.map(lambda command: run(*command), commands.values()), strict=True))


def entries(folder):
    """Lists everything below a folder; None if there is no such folder."""
    return sorted(folder.rglob("*")) if folder.exists() else None
