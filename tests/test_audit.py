"""What the check for known vulnerabilities makes of pip-audit's answers."""

import importlib.util
import json
import pathlib

import pytest

FILE = pathlib.Path(__file__).resolve().parents[1] / ".ci" / "audit.py"
GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {
    "name": "x",
    "version": "1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}, {"id": "CVE-2", "fix_versions": []}],
}
UNKNOWN = {"name": "y", "skip_reason": "not found"}


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "code", "lines"),
    [
        ([GOOD], 0, ["1 packages have no known vulnerability"]),
        ([GOOD, UNKNOWN], 0, ["1 packages have no known vulnerability", "NOT AUDITED: y"]),
        (
            [GOOD, BAD, UNKNOWN],
            1,
            ["VULNERABLE: x 1: PYSEC-1, fixed in 2", "VULNERABLE: x 1: CVE-2, fixed in no version yet"],
        ),
        # Of which pip-audit says that it found none.
        ([UNKNOWN, UNKNOWN], 3, ["NOT AUDITED: no advisory could be had of any of the 2 packages"]),
    ],
)
def test_answers(audit, capsys, packages, code, lines):
    assert audit.report(json.dumps({"dependencies": packages, "fixes": []}), "") == code
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(("answer", "errors"), [("", "a\nno route to host\n"), ("{}", ""), ("<html>", "")])
def test_no_answer(audit, capsys, answer, errors):
    assert audit.report(answer, errors) == 3
    assert capsys.readouterr().out.startswith("NOT AUDITED: pip-audit could not do it (n")
