"""Compares the files of --uncertainty with NumPy over single passes of the generator."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, entries
from tests.helpers.runs import untrained
from tests.tfpix2pix.test_translate import normal
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.translation.uncertain_results import choose


@pytest.fixture(scope="module")
def run_dir(noisy_run):
    return noisy_run


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "a.png"
    Image.fromarray(blocks(64, 128)).save(path)
    return path


def blocks(height, width):
    colors = np.random.default_rng(4).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.kron(colors, np.ones((8, 8, 1), np.uint8))


def translated(run_dir, source, output, *arguments):
    common = (f"--run_dir={run_dir}", f"--input={source}", f"--output={output}", "--uncertainty")
    assert call(translate, *common, *arguments) == 0


def test_mean_and_deviation_of_masks_and_mirrors(run_dir, photo, tmp_path, capsys):
    translated(run_dir, photo, tmp_path, "--samples=3", "--tta")
    assert {path.name for path in entries(tmp_path)} == {"a.png", "a_std.tif", "a_std.png"}
    assert "3 dropout masks x 2 mirrors" in capsys.readouterr().out
    generator, *_ = load_generator(run_dir, image_size=(None, None), dropout_at_inference=True)
    source = normal(Image.open(photo))
    passes = [generator(source)[0].numpy() for _ in range(3)]
    passes += [generator(source[:, :, ::-1])[0].numpy()[:, ::-1] for _ in range(3)]
    levels = (np.float64(passes) + 1) * 127.5
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png")) - levels.mean(0)).max() < 0.51
    deviation = tifffile.imread(tmp_path / "a_std.tif")
    assert deviation.dtype == np.float32
    np.testing.assert_allclose(deviation, levels.std(0, ddof=1), atol=1e-3)
    assert deviation.mean() > 1  # the test can fail
    shown = np.asarray(Image.open(tmp_path / "a_std.png"))
    assert shown.shape == (64, 128, 3)
    # More deviation is lighter.
    assert np.corrcoef(shown.mean(-1).ravel(), deviation.mean(-1).ravel())[0, 1] > 0.9


def test_turns_of_a_picture_that_is_not_square_in_the_targets_units(strategies, tmp_path):
    target = {"target_range": "-40,120", "target_type": "float32", "target_channels": 1}
    run = load_run(untrained(tmp_path / "r", strategies[1], rotate90=True, flip=False, **target))
    picture = blocks(80, 48)
    image, deviation = run.translate_with_uncertainty(picture, samples=1, tta=True)
    turned = [np.rot90(run.translate(np.rot90(picture, k)), -k).astype(np.float64) for k in range(4)]
    assert image.shape == deviation.shape == (80, 48, 1)
    np.testing.assert_allclose(image, np.mean(turned, axis=0), atol=1e-3)
    np.testing.assert_allclose(deviation, np.std(turned, axis=0, ddof=1), atol=1e-3)
    assert deviation.mean() > 0.5  # the test can fail


def test_in_tiles_as_in_one(run_dir, tmp_path):
    """Each tile is 64×64, and so is its result: what lies between the overlaps is that of the tile alone."""
    Image.fromarray(blocks(64, 192)).save(tmp_path / "a.png")
    tiled = ("--fit=tile", "--tile=64", "--overlap=0", "--norm_statistics=moving", "--samples=1", "--tta")
    translated(run_dir, tmp_path / "a.png", tmp_path / "o", *tiled)
    deviation = tifffile.imread(tmp_path / "o" / "a_std.tif")
    run = load_run(run_dir, norm_statistics="moving")
    for left in (0, 64, 128):
        part = slice(left, left + 64)
        image, expected = run.translate_with_uncertainty(blocks(64, 192)[:, part], samples=1, tta=True)
        np.testing.assert_allclose(deviation[:, part], expected, atol=1e-3)
        written = np.asarray(Image.open(tmp_path / "o" / "a.png"))[:, part]
        assert np.abs(written.astype(int) - image).max() <= 1
    assert np.asarray(Image.open(tmp_path / "o" / "a_std.png")).shape == (64, 192, 3)


def test_entropy_of_label_maps(strategies, photo, tmp_path):
    run_dir = untrained(tmp_path / "r", strategies[1], target_labels=4, target_type="uint8")
    translated(run_dir, photo, tmp_path / "o")  # one pass
    shares = (load_generator(run_dir, image_size=(None, None))[0](normal(Image.open(photo)))[0].numpy() + 1) / 2
    entropy = tifffile.imread(tmp_path / "o" / "a_entropy.tif")
    np.testing.assert_allclose(entropy, -(shares * np.log(shares)).sum(-1) / np.log(4), atol=1e-5)
    assert np.ptp(entropy) > 1e-3
    classes = Image.open(tmp_path / "o" / "a.png")
    assert classes.mode == "P"
    first, second = np.sort(shares, axis=-1)[..., -1], np.sort(shares, axis=-1)[..., -2]
    is_clear = first - second > 1e-4
    np.testing.assert_array_equal(np.asarray(classes)[is_clear], shares.argmax(-1)[is_clear])


def test_what_cannot_be_estimated(strategies, run_dir, photo, tmp_path):
    without = load_run(untrained(tmp_path / "r", strategies[1], dropout=0.0, flip=False))
    for run, samples, tta, words in (
        (without, 4, False, r"samples=4 .*dropout=0"),
        (without, None, False, "one pass"),
        (without, 1, True, "tta=True"),
        (load_run(run_dir), 4, False, "dropout_at_inference=True"),
        (load_run(run_dir), 0, False, "samples=0"),
    ):
        with pytest.raises(InputError, match=words):
            choose(run.config, run.generator, samples, tta)
    with pytest.raises(InputError, match=r"tta=True .*--uncertainty"):
        call(translate, f"--run_dir={run_dir}", f"--input={photo}", f"--output={tmp_path / 'o'}", "--tta")
    (tmp_path / "in").mkdir()
    for name in ("a", "a_std"):
        Image.fromarray(blocks(64, 64)).save(tmp_path / "in" / f"{name}.png")
    with pytest.raises(InputError, match=r"a_std\.png"):
        translated(run_dir, tmp_path / "in", tmp_path / "o")
    assert entries(tmp_path / "o") is None
