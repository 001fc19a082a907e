"""Nothing that is read is run, and what listens does so on this machine alone."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRODUCT = sorted(path for package in ("pipelines", "tfpix2pix", "export") for path in (ROOT / package).rglob("*.py"))

# What builds objects as a file says. pickletools is not among them: it tells opcodes apart, and runs none.
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve", "yaml"}
# What runs text, or makes a name for a file that somebody else may make first.
CALLS = {
    *("eval", "exec", "compile", "__import__", "importlib.import_module", "runpy.run_path", "runpy.run_module"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp"),
    # Keras' models may hold Python; ours are built by our own code, and only weights are read.
    *("keras.models.load_model", "keras.saving.load_model", "keras.config.enable_unsafe_deserialization"),
    *("keras.layers.Lambda", "layers.Lambda", "tf.py_function", "tf.numpy_function"),
}
OPTIONS = {("shell", True), ("allow_pickle", True), ("safe_mode", False)}


def faults(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] in MODULES}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if name.split(".")[0] in MODULES or name in CALLS}
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            found |= {called} & CALLS
            options = {(k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            found |= {f"{name}={value}" for name, value in options & OPTIONS}
    return found


TEXTS = [
    path
    for pattern in ("*.md", "Makefile", ".ci/*", "docs/*.*", "export/*.py", "tests/**/*.py", "tfpix2pix/**/*.py")
    for path in sorted(ROOT.glob(pattern))
    if path.suffix != ".png" and path != pathlib.Path(__file__)
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


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_is_run(path):
    assert faults(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", {"pickle"}),
        ("import os, shelve as s", {"shelve"}),
        ("from marshal import loads", {"marshal.loads"}),
        ("from dill.source import x", {"dill.source.x"}),
        ("def f():\n    import joblib", {"joblib"}),
        ("eval('1')", {"eval"}),
        ("x = [exec(y) for y in z]", {"exec"}),
        ("from tempfile import mktemp", {"tempfile.mktemp"}),
        ("subprocess.run('ls', shell=True)", {"shell=True"}),
        ("np.load(f, allow_pickle=True)", {"allow_pickle=True"}),
        ("m = keras.saving.load_model(f, safe_mode=False)", {"keras.saving.load_model", "safe_mode=False"}),
        ("import pickletools\nre.compile('a')\nnetwork.eval()\nnp.load(f)", set()),
    ],
)
def test_it_would_be_seen(source, found):
    assert faults(source) == found
