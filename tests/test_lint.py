"""The linters' rules see what they are there for; what no linter looks for is looked for here.

Layers, circles and imports of commands are import-linter's, in pyproject.toml.
"""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRODUCT = sorted(path for package in ("pipelines", "tfpix2pix", "export") for path in (ROOT / package).rglob("*.py"))
# Read flags that others define, for a command's parser.
PARSERS = {"pipelines/system/command_help.py", "pipelines/system/terminal.py"}

UNSAFE = """
import pickle
import os, shelve as s
from marshal import loads
from dill.source import x
import joblib
import cloudpickle
import jsonpickle
import yaml
import runpy
eval("1")
y = [exec(y) for y in z]
os.system("ls")
os.popen("ls")
from tempfile import mktemp; mktemp()
import subprocess; subprocess.run("ls", shell=True)
subprocess.getoutput("ls")
import keras; m = keras.saving.load_model(f)
from keras.models import load_model
keras.layers.Lambda(f)
keras.config.enable_unsafe_deserialization()
import tensorflow as tf; tf.py_function(f)
tf.numpy_function(f)
import importlib; importlib.import_module(f)
server(("0.0.0.0", 0))
assert x
""".strip()
SAFE = "import pickletools\nimport re\nre.compile('a')\nnetwork.eval()\n"


def flagged(source):
    """The lines in which ruff finds something unsafe, from 1."""
    command = [sys.executable, "-m", "ruff", "check", "--select=S,TID251", "--output-format=concise", "--no-cache"]
    words = [*command, "--stdin-filename=pipelines/x.py", "-"]
    result = subprocess.run(words, cwd=ROOT, input=source, capture_output=True, text=True, check=False)
    return {int(number) for number in re.findall(r"^pipelines/x\.py:(\d+):", result.stdout, re.MULTILINE)}


def test_ruff_sees_what_is_unsafe():
    assert flagged(UNSAFE) == set(range(1, len(UNSAFE.splitlines()) + 1))
    assert flagged(SAFE) == set()


def faults(source):
    """What ruff has no rule for: calls that build code, and options that let a file do so."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & {"compile", "__import__"}
            options = {(k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            found |= {name for name, _ in options & {("allow_pickle", True), ("safe_mode", False)}}
    return found


def test_nothing_that_is_read_is_run():
    assert len(PRODUCT) > 100
    assert {path: faults(path.read_text()) for path in PRODUCT if faults(path.read_text())} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("np.load(f, allow_pickle=True)", {"allow_pickle"}),
        ("load(f, safe_mode=False)", {"safe_mode"}),
        ("x = __import__(f)", {"__import__"}),
        ("compile(f, f, 'exec')", {"compile"}),
        ("re.compile('a')\nnp.load(f)", set()),
    ],
)
def test_it_would_be_seen(source, found):
    assert faults(source) == found


def reads_flags(source):
    """Whether a module uses absl's FLAGS: to define a flag is not to read it."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "FLAGS" and ast.unparse(node.value).endswith("flags"))
        or (isinstance(node, ast.alias) and node.name == "FLAGS")
        for node in ast.walk(ast.parse(source))
    )


def test_only_commands_read_flags():
    for path in PRODUCT:
        source = path.read_text()
        if '__name__ == "__main__"' not in source and path.relative_to(ROOT).as_posix() not in PARSERS:
            assert not reads_flags(source), path


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("flags.FLAGS.data", True),
        ("values = absl.flags.FLAGS", True),
        ("from absl.flags import FLAGS", True),
        ("flags.DEFINE_string('x', None, 'y')", False),
    ],
)
def test_a_reader_would_be_seen(source, reads):
    assert reads_flags(source) is reads


TEXTS = [
    path
    for pattern in ("*.md", "Makefile", ".ci/*", "docs/*.*", "export/**/*.py", "tests/**/*.py", "tfpix2pix/**/*.py")
    for path in sorted(ROOT.glob(pattern))
    if path.suffix not in (".png", ".jpg") and path != pathlib.Path(__file__)
]
# A container's port without an address, the address of all interfaces, a socket's that is empty, TensorBoard's flag.
OPEN = re.compile(r"""-p \d+:\d+|\b0\.0\.0\.0\b|\[::\]|\(\((?:""|''),|--bind_all""")


def test_everything_listens_on_this_machine_only():
    assert len(TEXTS) > 100
    for path in TEXTS:
        assert not OPEN.findall(path.read_text()), path


@pytest.mark.parametrize(
    "text", ["docker run -p 8500:8500 x", 'host="0.0.0.0"', 'add_insecure_port("[::]:0")', 'Server(("", 0), H)']
)
def test_an_open_door_would_be_seen(text):
    assert OPEN.search(text)
