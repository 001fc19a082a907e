"""The picture of training pairs that preview draws: which pairs, and which pixels."""

import numpy as np
import pytest
from PIL import Image

from pipelines.images.transforms import to_uint8
from pipelines.loader import train_dataset
from pipelines.pairs import open_pairs
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.runs import assert_one_clear_line, make_pairs, run
from tfpix2pix import preview
from tfpix2pix.config import Config


def pixels_of(path):
    return np.asarray(Image.open(path))


def test_preview_draws_the_pairs(tmp_path):
    folder = make_pairs(tmp_path / "p", train=4, size=32)
    output = tmp_path / "preview.png"
    arguments = ("--image_size=32", "--load_size=32", "--noflip", "--count=3", f"--output={output}")
    assert call(preview, f"--data={folder}", *arguments) == 0
    picture = pixels_of(output)[..., :3]
    # Cells of 5 × 32 pixels, 4 pixels apart, below titles of 26.
    cells = [[picture[top : top + 160, left : left + 160] for left in (4, 168, 332)] for top in (26, 26 + 160 + 4 + 26)]
    assert picture.shape == (2 * (160 + 26 + 4), 3 * 164 + 4, 3)
    files = {path.name: pixels_of(path) for path in (folder / "train").iterdir()}
    shown = []
    for source, target in zip(*cells, strict=True):
        (name,) = [name for name, pixels in files.items() if np.array_equal(pixels[:, :32], source[2::5, 2::5])]
        shown.append(name)
        for half, cell in ((files[name][:, :32], source), (files[name][:, 32:], target)):
            np.testing.assert_array_equal(cell, np.kron(half, np.ones((5, 5, 1), np.uint8)))
    assert len(set(shown)) == 3


def test_preview_is_what_training_sees(tmp_path):
    config = Config(image_size=(64, 64), load_size=(70, 72), direction="BtoA", seed=5).resolved()
    pairs = open_pairs(make_pairs(tmp_path / "p") / "train", config.pair_format(config.load_size))
    rows = preview.preview(config, pairs, count=4)
    batches = train_dataset(
        pairs, image_size=(64, 64), flip=True, batch_size=1, seed=5, first_step=0, last_step=4
    ).as_numpy_iterator()
    for i, (source, target) in enumerate(batches):
        np.testing.assert_array_equal(rows["source"][i], source[0])
        np.testing.assert_array_equal(rows["target"][i], target[0])
    # Each target is its source's negative, wherever it was cropped.
    np.testing.assert_allclose(rows["target"], -rows["source"], rtol=0, atol=1e-4)
    assert len({to_uint8(image).numpy().tobytes() for image in rows["source"]}) == 4


def test_preview_skips_bad_images_and_shows_gray_sources(tmp_path, capsys):
    folder = make_pairs(tmp_path / "p", train=4, size=32)
    (folder / "train" / "1.png").write_bytes(b"not an image")
    output = tmp_path / "preview.png"
    arguments = ("--image_size=32", "--bad_images=skip", "--source_channels=1", f"--output={output}")
    assert call(preview, f"--data={folder}", *arguments) == 0
    assert "3 of 3 training pairs, AtoB" in capsys.readouterr().out
    sources = pixels_of(output)[26 : 26 + 160, 4 : 3 * 164, :3]
    assert (sources == sources[..., :1]).all()


def spoil_a_file(folder):
    (folder / "train" / "1.png").write_bytes(b"not an image")
    return (), r"1\.png"


@pytest.mark.parametrize(
    "wrong",
    [
        spoil_a_file,
        lambda folder: (("--load_size=16",), "load_size=16x16 .* image_size=32x32"),
        lambda folder: ((f"--output={folder}/nowhere/preview.png",), "output=.*/nowhere/preview.png"),
        lambda folder: (("facades",), "'facades'"),
    ],
    ids=["a bad file", "load_size", "output", "argument"],
)
def test_preview_refuses(tmp_path, wrong):
    folder = make_pairs(tmp_path / "p", train=4, size=32)
    arguments, message = wrong(folder)
    output = tmp_path / "preview.png"
    with pytest.raises(InputError, match=message):
        call(preview, f"--data={folder}", "--image_size=32", f"--output={output}", *arguments)
    assert not output.exists()


def test_process_of_preview(tmp_path):
    output = tmp_path / "preview.gnp"
    result = run("tfpix2pix.preview", f"--data={make_pairs(tmp_path / 'p')}", f"--output={output}")
    assert_one_clear_line(result, f"output={output}", ".png")
    assert not output.exists()


def test_preview_says_what_is_odd(tmp_path, capsys):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for i in range(3):
            # 12 bits in 16, and all sources alike.
            ramp = np.linspace(0, 4000, 32 * 32).reshape(32, 32).astype(np.uint16)
            pair = np.concatenate([ramp, np.roll(ramp, 7 * i + 1, axis=0)], axis=1)
            Image.fromarray(pair).save(tmp_path / split / f"{i}.png")
    arguments = (f"--data={tmp_path}", "--image_size=32", f"--output={tmp_path / 'preview.png'}")
    # The same in another name.
    (tmp_path / "val" / "again.png").write_bytes((tmp_path / "train" / "1.png").read_bytes())
    assert call(preview, *arguments) == 0
    told = capsys.readouterr().out
    for words in (
        "validation pairs are training pairs too",
        "12-bit data in 16-bit files",
        "--source_range=0,4095",
        "all 3 sources are the same image",
    ):
        assert words in told
    assert call(preview, *arguments, "--source_range=0,4095", "--target_range=0,4095") == 0
    assert "_range" not in capsys.readouterr().out
