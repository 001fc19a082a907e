"""The documents name what is there: commands, flags, recipes, make targets, tests, files."""

import importlib
import importlib.util
import re

import pytest
from absl import flags

from tests.helpers.runs import ROOT

PACKAGES = ("pipelines", "tfpix2pix", "export")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "BUILD.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = (
    "pipelines.prepare",
    *(
        f"tfpix2pix.{name}"
        for name in ("train", "import_torch", "evaluate", "compare", "translate", "benchmark", "preview", "watch")
    ),
    *(
        f"export.{name}"
        for name in ("saved_model", "tflite", "onnx", "torch", "web", "card", "bioimage", "bulk", "serve", "client")
    ),
)
# Of other programs: pip, Beam, Slurm, MkDocs, git, and the PyTorch reference.
FOREIGN_FLAGS = {"setup_file", "bind", "gpus-per-task", "gpu-bind", "no-deps", "requirement", "strict", "signal"}
FOREIGN_FLAGS |= {"build-arg", "file", "gpus", "user"}
FOREIGN_FLAGS |= {"crop_size", "dataroot", "eval", "netG", "ngf", "no_dropout"}
# Flags that absl and every command have.
COMMON_FLAGS = {"help", "helpfull", "flagfile"}


def flags_of(module_name):
    """The names that a command takes, booleans also with `no` in front."""
    module = importlib.import_module(module_name)
    before = set(flags.FLAGS)
    module.define_flags()
    added = set(flags.FLAGS) - before
    try:
        booleans = {f"no{name}" for name in added if flags.FLAGS[name].boolean}
        return added | booleans | COMMON_FLAGS
    finally:
        for name in added:
            delattr(flags.FLAGS, name)


@pytest.fixture(scope="module")
def known_flags():
    return {name: flags_of(name) for name in COMMANDS}


FENCED = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)


def code_lines(text):
    """The lines of code blocks, fenced or indented, with continued lines joined."""
    fenced = [line for block in FENCED.findall(text) for line in block.splitlines()]
    indented = re.findall(r"^(?: {4}|\t)(.*)$", FENCED.sub("", text), re.M)
    joined = re.sub(r"\\\n\s*", " ", "\n".join(fenced + indented))
    return joined.splitlines()


def inline_code(text):
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", text))


def commands_in(text):
    """(module, the rest of its line) of every `-m module` of ours, in blocks and inline."""
    for line in [*code_lines(text), *inline_code(text)]:
        for match in re.finditer(r"-m[, ]+((?:pipelines|tfpix2pix|export|tests)[\w.]*)(.*)", line):
            yield match[1], match[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
class TestDocument:
    def test_commands_and_their_flags(self, document, known_flags):
        for module, rest in commands_in(document.read_text()):
            assert importlib.util.find_spec(module), f"python -m {module} is not there"
            if module not in known_flags:
                continue
            for name in re.findall(r"(?<!\S)--(\w+)", rest.split("#")[0]):
                assert name in known_flags[module], f"python -m {module} has no --{name}"

    def test_flags_in_the_text(self, document, known_flags):
        known = set().union(*known_flags.values()) | FOREIGN_FLAGS
        for code in inline_code(document.read_text()):
            for name in re.findall(r"(?<!\S)--([\w-]+)", code):
                assert name in known, f"no command has --{name}"

    def test_recipes(self, document):
        for name in re.findall(r"--flagfile=([\w./]+)", document.read_text()):
            path = ROOT / name if "/" in name else ROOT / "tfpix2pix" / "flagfiles" / f"{name}.flags"
            assert path.is_file(), f"there is no recipe {name}"

    def test_make_targets(self, document):
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
        text = document.read_text()
        for line in [*code_lines(text), *inline_code(text)]:
            match = re.match(r"make ([a-z][\w-]*)", line)
            assert not match or match[1] in targets, f"there is no make {match[1]}"

    def test_tests(self, document):
        there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
        for name in re.findall(r"\btest_\w+", document.read_text()):
            assert name in there, f"there is no {name}.py"

    def test_links(self, document):
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", document.read_text())):
            if not re.match(r"https?:", target):
                path, _, _ = target.partition("#")
                assert not path or (document.parent / path).exists(), f"{target} leads nowhere"

    def test_files_of_the_repository(self, document):
        for name in re.findall(r"`((?:pipelines|tfpix2pix|export|tests|docs)/[\w./]*)`", document.read_text()):
            assert (ROOT / name).exists(), f"{name} is not there"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) < 900


def tree_of(document):
    """The lines of the tree in a document: (path of the folder above, name, the words beside it)."""
    block = next(block for block in FENCED.findall(document.read_text()) if block.startswith("pipelines/"))
    folders = []
    for line in block.splitlines():
        indent, name, words = re.fullmatch(r"( *)(\S+) *(.*)", line).groups()
        folders = folders[: len(indent) // 2]
        yield "".join(folders), name, words
        folders.append(name)


def modules(folder=ROOT):
    return {
        path.relative_to(folder).as_posix()
        for package in PACKAGES
        for path in (folder / package).rglob("*.py")
        if path.name != "__init__.py"
    }


@pytest.fixture(scope="module")
def design_tree():
    return {folder + name: words for folder, name, words in tree_of(ROOT / "docs" / "design.md")}


def test_the_tree_of_the_design_names_every_module_and_no_other(design_tree):
    assert {path for path in design_tree if path.endswith(".py") and not path.endswith("__init__.py")} == modules()
    assert not [path for path in design_tree if not (ROOT / path).exists()]
    assert not [path for path, words in design_tree.items() if not words], "every line says what it is"


def test_the_tree_of_the_design_marks_the_commands(design_tree):
    marked = {path for path, words in design_tree.items() if words.startswith("COMMAND")}
    assert marked == {name.replace(".", "/") + ".py" for name in COMMANDS}


def test_the_tree_of_the_readme_names_every_folder_and_no_other():
    named = {folder + name for folder, name, _ in tree_of(ROOT / "README.md")}
    folders = {f"{path.relative_to(ROOT).as_posix()}/" for package in PACKAGES for path in (ROOT / package).rglob("*")}
    with_files = {name for name in folders if (ROOT / name).is_dir() and any((ROOT / name).glob("*.*"))}
    assert named == with_files | {f"{package}/" for package in PACKAGES}
