"""Dockerfile and compose.yaml, which no test can run, agree with the repository: files, options, ports."""

import pathlib
import re
import shlex

import pytest
import yaml

from tests.docs.test_documents import flags_of

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
COPIED = [
    name
    for line in re.findall(r"^COPY (?!--)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name in shlex.split(line)[:-1]
]


def test_what_is_copied_is_there_and_all_that_is_sent():
    assert all((ROOT / name).exists() for name in COPIED)
    sent = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(sent) == sorted(COPIED)


def test_the_extras_are_the_packages():
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text()
    for extra in (*extras.split(","), "cuda"):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


@pytest.mark.parametrize("name", ["train", "export"])
def test_commands_and_their_options(name):
    service = SERVICES[name]
    words = ["python", "-m", "tfpix2pix.train", *service["command"]] if name == "train" else service["entrypoint"]
    module, options = words[2], words[3:]
    assert {option.partition("=")[0].removeprefix("--") for option in options} <= flags_of(module)


def test_one_volume_and_ports_of_this_machine_only():
    assert {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]} == {"work"}
    assert list(COMPOSE["volumes"]) == ["work"]
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    model = pathlib.PurePosixPath(SERVICES["export"]["entrypoint"][-1].partition("=")[2])
    base = SERVICES["serving"]["environment"]
    assert str("/workspace" / model) == f"{base['MODEL_BASE_PATH']}/{base['MODEL_NAME']}"
    added = yaml.safe_load((ROOT / "compose.cuda.yaml").read_text())["services"]
    assert set(added) <= set(SERVICES)
