"""The wheel alone is enough for commands, recipes, templates and the Python API, outside the repository."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.helpers.runs import PATIENCE, ROOT, SHALLOW, make_pairs

pytestmark = pytest.mark.slow
PACKAGES = ("pipelines", "tfpix2pix", "export")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy, so that the repository stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "source" / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder / "source" / file)
    options = ("--no-deps", "--no-build-isolation", "--quiet", f"--wheel-dir={folder}")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(folder / "source")], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Runs Python in an environment that has the wheel, and the packages of this one."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (packages,) = home.glob("lib/python3*/site-packages")
    options = ("--no-deps", "--no-index", "--quiet", f"--target={packages}")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    (packages / "these.pth").write_text(sysconfig.get_paths()["purelib"])
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
    }

    def run(folder, *words):
        return subprocess.run(
            [str(home / "bin" / "python"), *map(str, words)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run


def test_its_files(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in inside
    assert {name.split("/")[0] for name in inside} == {*PACKAGES, f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_commands_and_recipes(python, tmp_path):
    where = python(tmp_path, "-c", "import tfpix2pix; print(tfpix2pix.__file__, tfpix2pix.__version__)")
    assert where.stdout.split()[1:] == ["0.2.0"]
    assert not pathlib.Path(where.stdout.split()[0]).is_relative_to(ROOT)
    dry = python(tmp_path, "-m", "tfpix2pix.train", "--flagfile=demo", "--dry_run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "generator_width" in dry.stdout
    unknown = python(tmp_path, "-m", "tfpix2pix.train", "--flagfile=demonstration")
    assert unknown.returncode == 2
    assert "demo, " in unknown.stderr
    pairs = make_pairs(tmp_path / "pairs")
    options = (*SHALLOW, f"--data={pairs}", "--max_steps=1", "--run_dir=run")
    trained = python(tmp_path, "-m", "tfpix2pix.train", "--flagfile=demo", *options)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["direction"] == "BtoA"


API = """
import tfpix2pix as p2p

generator, discriminator = p2p.unet((64, 64)), p2p.patchgan((64, 64))
batches = p2p.train_dataset("pairs/train", image_size=(64, 64), batch_size=1, direction="BtoA")
config = p2p.Config(
    data="pairs",
    epochs=1,
    image_size=(64, 64),
    depth=2,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=1,
)
p2p.train(config, run_dir="run")
run = p2p.load_run("run")
image = run.translate("pairs/val/0.png")
assert image.dtype == "uint8" and image.shape == (64, 128, 3)
p2p.evaluate("run")
p2p.export_saved_model("run", "models/x")
"""


def test_the_python_api(python, tmp_path):
    make_pairs(tmp_path / "pairs")
    result = python(tmp_path, "-c", API)
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "models" / "x").glob("*/saved_model.pb"))
    assert list((tmp_path / "run" / "evaluation").rglob("report.html"))
