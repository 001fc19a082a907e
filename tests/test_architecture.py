"""Who may import whom: pipelines ← tfpix2pix ← export, no circles, and nobody imports a command."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "tfpix2pix", "export")


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {name for name in found if name in modules()}


GRAPH = {name: imports(path) for name, path in modules().items()}


def test_the_graph_is_seen():
    assert "pipelines.loader" in GRAPH["tfpix2pix.training.feed"]
    assert "tfpix2pix.networks.losses" in GRAPH["tfpix2pix.model.step"]


@pytest.mark.parametrize("name", GRAPH)
def test_direction(name):
    rank = PACKAGES.index(name.split(".")[0])
    assert all(PACKAGES.index(other.split(".")[0]) <= rank for other in GRAPH[name])


def test_no_circles():
    def walk(name, path):
        assert name not in path, " -> ".join([*path, name])
        for other in GRAPH[name]:
            walk(other, [*path, name])

    for name in GRAPH:
        walk(name, [])


def test_commands_are_imported_by_nobody():
    commands = {name for name, path in modules().items() if '__name__ == "__main__"' in path.read_text()}
    assert "tfpix2pix.train" in commands
    for name, used in GRAPH.items():
        assert not used & commands, name
