"""bioimageio.core's own test passes a package, fails one that is made wrong, and computes what `translate` does."""

import json
import os
import shutil
import subprocess

import bioimageio.spec
import numpy as np
import pytest
import tifffile

import tfpix2pix as p2p
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT, untrained

BIN = ROOT / ".venv-bioimage" / "bin"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BIN / "bioimageio").exists(), reason="make bioimage makes the environment"),
]
# Numbers of sources, and the options of a run that reads such.
KINDS = {
    "rgb": (np.uint8, 3, {"source_channels": 3, "target_channels": 3}),
    "range": (
        np.uint16,
        1,
        {"source_channels": 1, "target_channels": 1, "source_range": "200,3000", "target_range": "100,5000"}
        | {"target_type": "uint16"},
    ),
    "percentiles": (
        np.uint16,
        1,
        {"source_channels": 1, "target_channels": 1, "source_normalize": "percentile:1,99.8", "target_type": "uint16"},
    ),
}


def pictures(kind, sizes, seed=0):
    """Smooth pictures of stored numbers, `(H, W, C)`, of these sizes."""
    dtype, channels, _ = KINDS[kind]
    rng = np.random.default_rng(seed)
    top = 255 if dtype == np.uint8 else 4000
    blocks = (rng.integers(0, top, (-(-h // 4), -(-w // 4), channels)) for h, w in sizes)
    return [block.repeat(4, 0).repeat(4, 1)[:h, :w].astype(dtype) for block, (h, w) in zip(blocks, sizes, strict=True)]


@pytest.fixture(scope="module", params=KINDS)
def package(request, strategies, tmp_path_factory):
    """(kind, run directory, package), with tiles: no norm, so that none differs from the whole by its statistics."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    options = {"image_size": (32, 32), "depth": 2, "generator_width": 4, "norm": "none"}
    run = untrained(folder / "run", strategies[1], gain=20, **options, **KINDS[kind][2])
    (folder / "sources").mkdir()
    for place, picture in enumerate(pictures(kind, [(48, 40), (64, 64)], 1)):
        tifffile.imwrite(folder / "sources" / f"{place}.tif", picture[..., 0] if picture.shape[-1] == 1 else picture)
    arguments = (f"--run_dir={run}", f"--output={folder / 'zoo'}", f"--sources={folder / 'sources'}")
    about = ("--license=CC-BY-4.0", "--author=Ann Author", "--tag=nuclei", "--cite=A paper; 10.1000/182")
    assert call(command_module("export.bioimage"), *arguments, *about, "--title=Some nuclei") == 0
    return kind, run, folder / "zoo"


def core(*words, cwd):
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    return subprocess.run([*words], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)


def verdict(package, folder):
    """What the command line of bioimageio.core says of a package: exit code, and what passed, by name."""
    summary = folder / "summary.json"
    done = core(BIN / "bioimageio", "test", package / "rdf.yaml", f"--summary={summary}", cwd=folder)
    found = json.loads(summary.read_text())
    return done.returncode, found["status"], {each["name"]: each["status"] for each in found["details"]}


def test_its_own_test_passes(package, tmp_path):
    _, _, folder = package
    code, status, details = verdict(folder, tmp_path)
    assert (code, status) == (0, "passed")
    assert set(details.values()) == {"passed"}
    for weights in ("onnx", "tensorflow_saved_model_bundle"):
        assert f"Reproduce test outputs from test inputs ({weights})" in details
        # Three sizes, one by one and two at a time.
        assert sum(weights in name and "batch_size" in name for name in details) == 6


def without_range(rdf):
    """Scales as if all numbers of the type were black to white."""
    steps = rdf["inputs"][0]["preprocessing"]
    (place,) = [i for i, step in enumerate(steps) if step["id"] in ("scale_linear", "scale_range")][:1]
    steps[place] = {"id": "scale_linear", "kwargs": {"gain": 2 / 40000, "offset": -1.0}}


def with_swapped_sides(rdf):
    """Takes the height of results for their width."""
    axes = rdf["outputs"][0]["axes"]
    axes[1], axes[2] = axes[2], axes[1]


def with_channels_first(rdf):
    for side in ("inputs", "outputs"):
        axes = rdf[side][0]["axes"]
        axes.insert(1, axes.pop())


@pytest.mark.parametrize("spoil", [without_range, with_swapped_sides, with_channels_first])
def test_a_package_that_is_made_wrong_fails(package, tmp_path, spoil):
    _, _, folder = package
    wrong = shutil.copytree(folder, tmp_path / "wrong")
    rdf = bioimageio.spec.load_description(folder / "rdf.yaml", perform_io_checks=False)
    values = bioimageio.spec.dump_description(rdf)
    spoil(values)
    # All JSON is YAML.
    (wrong / "rdf.yaml").write_text(json.dumps(values))
    code, status, details = verdict(wrong, tmp_path)
    assert status != "passed"
    assert code != 0
    assert "failed" in details.values()


def test_what_the_wrong_ones_are_made_of_passes_when_it_is_not_spoiled(package, tmp_path):
    _, _, folder = package
    same = shutil.copytree(folder, tmp_path / "same")
    rdf = bioimageio.spec.load_description(folder / "rdf.yaml", perform_io_checks=False)
    (same / "rdf.yaml").write_text(json.dumps(bioimageio.spec.dump_description(rdf)))
    assert verdict(same, tmp_path)[:2] == (0, "passed")


def test_three_sizes_and_tiles_of_them_are_as_translate_gives_them(package, tmp_path):
    kind, run_dir, folder = package
    run = p2p.load_run(run_dir)
    halo = 32
    wholes = pictures(kind, [(84, 84), (96, 132), (200, 88)])
    # Tiles are of padded pictures, whose percentiles are others.
    tiles = wholes if kind != "percentiles" else []
    for name, images in (("whole", wholes), ("tiles", tiles)):
        for place, image in enumerate(images):
            np.save(tmp_path / f"{name}-{place}.npy", image)
    done = core(BIN / "python", ROOT / "tests" / "bioimage" / "check.py", folder, tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for weights in ("onnx", "tensorflow_saved_model_bundle"):
        for place, image in enumerate(wholes):
            result = np.load(tmp_path / f"{weights}-whole-{place}.npy")
            expected = run.translate(image, fit="pad")
            assert result.dtype == expected.dtype
            assert expected.std() > 5
            assert_same(result, expected)
        for place, image in enumerate(tiles):
            result = np.load(tmp_path / f"{weights}-tiles-{place}.npy")
            room = ((halo, halo), (halo, halo), (0, 0))
            expected = run.translate(np.pad(image, room, "symmetric"), fit="pad")[halo:-halo, halo:-halo]
            assert_same(result, expected)
            # Where the padding does not reach, it is the picture's own.
            whole = run.translate(image, fit="pad")
            assert_same(result[halo:-halo, halo:-halo], whole[halo:-halo, halo:-halo])


def assert_same(result, expected):
    """Equal, but for few numbers that are rounded to the next one."""
    assert result.shape == expected.shape
    differences = np.abs(result.astype(np.int64) - expected)
    assert differences.max() <= 1
    assert np.mean(differences > 0) < 0.01
