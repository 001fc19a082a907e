"""Exports are compared on the pairs that the run has kept, or on the data set or folder that is named."""

import shutil

import numpy as np
import pytest
from PIL import Image

from export import saved_model
from export.compared_pairs import brought_to, find_pairs
from export.formats.parity import compare, measure, table
from export.formats.saved_model import export_saved_model
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json, kept_pairs


@pytest.fixture
def moved(short_run, tmp_path):
    """The short run without its data."""
    run_dir = shutil.copytree(short_run, tmp_path / "run")
    config = config_json.load(run_dir)
    config_json.save(config.with_data(str(tmp_path / "gone")), run_dir)
    return run_dir


def test_a_run_keeps_pairs_as_they_are(short_run):
    """PNGs of 8 bits, at the size of training: to the last bit."""
    pairs = kept_pairs.load(short_run, config_json.load(short_run), 20)
    assert len(pairs) == 4
    for index, (source, target) in enumerate(pairs):
        both = np.asarray(Image.open(short_run.parent / "pairs" / "val" / f"{index}.png"), np.float32) / 127.5 - 1
        np.testing.assert_allclose(source, both[:, 64:], atol=1e-6)
        np.testing.assert_allclose(target, both[:, :64], atol=1e-6)
    spread = kept_pairs.load(short_run, config_json.load(short_run), 2)
    np.testing.assert_array_equal(spread[1][0], pairs[3][0])


def test_an_export_needs_no_data(moved, tmp_path, capsys):
    assert call(saved_model, f"--run_dir={moved}", f"--output={tmp_path / 'm'}", "--license=CC0") == 0
    said = capsys.readouterr().out
    assert f"compared with Keras on 4 validation pairs kept in {moved}: 64x64, at the scale of training" in said
    assert '"license": "CC0"' in (tmp_path / "m" / "1" / "export.json").read_text()


def test_single_sources_instead(moved, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.fromarray(np.full((50 + i, 70, 3), 40 * i, np.uint8)).save(photos / f"{i}.png")
    (photos / "bad.png").write_bytes(b"no picture")
    config = config_json.load(moved)
    pairs, words = find_pairs(moved, config, 9, sources=str(photos))
    assert [(source.shape, target) for source, target in pairs] == [((64, 64, 3), None)] * 3
    np.testing.assert_allclose(pairs[1][0], 40 / 127.5 - 1, atol=1e-6)
    assert words.startswith(f"3 pictures of {photos}, which have no targets")
    row = compare("f", 1, lambda source: source, [source for source, _ in pairs], pairs, 90)
    assert (row.passed, row.parity.l1, row.parity.ssim) == (True, None, None)
    assert "| - | - | - |" in table([row])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sources": "PAIRS"}, "looks like side-by-side pairs.*--data"),
        ({"sources": "nowhere"}, "sources=nowhere does not exist"),
        ({"sources": "a", "data": "b"}, "exclude each other"),
        ({"data": "nowhere"}, "data=nowhere (?!.*kept none)"),
    ],
)
def test_what_users_get_wrong(short_run, given, words):
    given = {name: value.replace("PAIRS", str(short_run.parent / "pairs" / "val")) for name, value in given.items()}
    with pytest.raises(InputError, match=words):
        find_pairs(short_run, config_json.load(short_run), 3, **given)


def test_a_run_of_before_reads_its_data(short_run, moved):
    for run_dir in (moved, old := shutil.copytree(short_run, moved.parent / "old")):
        shutil.rmtree(run_dir / kept_pairs.FOLDER)
    pairs, words = find_pairs(old, config_json.load(old), 3)
    assert len(pairs) == 3
    assert words.startswith(f"3 validation pairs of {short_run.parent / 'pairs'}: 64x64")
    with pytest.raises(InputError, match=r"this run has kept none: give --data=.*--sources="):
        find_pairs(moved, config_json.load(moved), 3)


def test_a_damaged_kept_pair_is_named(moved, tmp_path):
    kept = moved / kept_pairs.FOLDER / "00.npy"
    for contents in (kept.read_bytes()[:200], b"", b"\x93NUMPY"):
        kept.write_bytes(contents)
        with pytest.raises(InputError, match=r"00\.npy cannot be read.*--data"):
            export_saved_model(moved, tmp_path / "m")
    np.save(kept, np.zeros((64, 64, 5), np.uint16))
    with pytest.raises(InputError, match=r"00\.npy .*channels"):
        export_saved_model(moved, tmp_path / "m")


def test_the_scale_is_that_of_training(tmp_path):
    """Training cropped 32x32 from pictures at 64x64: a picture squeezed to 32x32 is nothing that it saw."""
    data = make_pairs(tmp_path / "data", train=1, val=1, size=48)
    config = Config(
        data=str(data), image_size=(32, 32), load_size=(64, 64), depth=3, resize_method="nearest"
    ).resolved()
    whole, words = find_pairs(tmp_path, config, 1)
    assert (whole[0][0].shape, whole[0][1].shape) == ((64, 64, 3), (64, 64, 3))
    assert words.endswith(": 64x64, at the scale of training")
    cropped, words = find_pairs(tmp_path, config, 1, cropped=(32, 32))
    np.testing.assert_array_equal(cropped[0][0], whole[0][0][16:48, 16:48])
    assert words.endswith(": 32x32, the middle at the scale of training")
    resized, words = find_pairs(tmp_path, config, 1, resized=(32, 32))
    np.testing.assert_allclose(resized[0][1], whole[0][1][1::2, 1::2], atol=1e-5)
    assert words.endswith(": 32x32, resized as image_size says")


def test_pictures_of_other_sizes_are_reflected_and_their_middle_counts(tmp_path):
    data = make_pairs(tmp_path / "data", train=1, val=2, size=44)
    config = Config(data=str(data), image_size=(32, 32), depth=3, preprocess="crop").resolved()
    pairs, _ = find_pairs(tmp_path, config, 2)
    assert [(source.shape, target.shape) for source, target in pairs] == [((48, 48, 3), (44, 44, 3))] * 2
    # The right half is the negative of the left: an export that inverts has no error against the targets.
    parity = measure([-source for source, _ in pairs], [-source for source, _ in pairs], [t for _, t in pairs])
    assert (parity.max_difference, parity.l1) == (0, pytest.approx(0, abs=1e-6))
    np.testing.assert_array_equal(brought_to(pairs[0][0], (32, 64))[:, :48], pairs[0][0][8:40])


def test_large_pictures_are_kept_by_their_middle(tmp_path):
    image = np.arange(1024 * 600, dtype=np.float32).reshape(600, 1024, 1)
    part = kept_pairs.middle(image)
    assert part.shape == (512, 512, 1)
    assert part[0, 0, 0] == 44 * 1024 + 256
