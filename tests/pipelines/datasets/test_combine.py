"""Joining two folders to side-by-side pairs."""

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines import prepare
from pipelines.datasets.combine import combine, side_by_side
from pipelines.images.kernels import decode
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, entries

HEIGHT, WIDTH = 6, 8


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def make_sides(folder, names, suffixes=(".png", ".jpg")):
    """Folders A of the first suffix and B of the second, with an image for each name."""
    for side, suffix in zip("AB", suffixes, strict=True):
        for i, name in enumerate(names):
            save(folder / side / f"{name}{suffix}", noise(HEIGHT, WIDTH, 3, seed=2 * i + (side == "B")))
    return folder / "A", folder / "B", folder / "pairs"


def pixels_of(path):
    return np.asarray(Image.open(path))


def assert_pairs(output, origins):
    """Every file of output is the originals side by side, and there is no other."""
    assert {path for path in entries(output) if path.is_file()} == {output / name for name in origins}
    for name, (a, b) in origins.items():
        np.testing.assert_array_equal(pixels_of(output / name), np.hstack([pixels_of(a), pixels_of(b)]))


def test_combine_splits_flat_folders(tmp_path):
    a, b, output = make_sides(tmp_path, [*"abcdefg"])
    assert combine(a, b, output, val_every=3) == {"train": 4, "val": 3}
    splits = dict.fromkeys("bcef", "train") | dict.fromkeys("adg", "val")
    assert_pairs(output, {f"{splits[name]}/{name}.png": (a / f"{name}.png", b / f"{name}.jpg") for name in splits})
    assert {path.name for path in tmp_path.iterdir()} == {"A", "B", "pairs"}


def test_combine_makes_a_val_split_of_two_pairs(tmp_path):
    a, b, output = make_sides(tmp_path, "ab")
    assert combine(a, b, output, val_every=10) == {"train": 1, "val": 1}


def test_combine_keeps_splits_and_subfolders(tmp_path, capsys):
    names = ["train/1", "train/deep/1", "val/1", "test/x"]
    a, b, output = make_sides(tmp_path, names, (".JPEG", ".png"))
    assert call(prepare, "combine", f"--a={a}", f"--b={b}", f"--output={output}") == 0
    assert capsys.readouterr().out == f"{output}: 1 pairs in test/, 2 pairs in train/, 1 pairs in val/\n"
    assert_pairs(output, {f"{name}.png": (a / f"{name}.JPEG", b / f"{name}.png") for name in names})
    assert call(prepare, "check", f"--data={output}") == 0


@pytest.mark.parametrize("names", [["frame.0001", "frame.0002", "frame.0003"], ["v1.0", "v1.1"]])
def test_combine_keeps_dots_in_names(tmp_path, names):
    a, b, output = make_sides(tmp_path, names)
    assert sum(combine(a, b, output, val_every=2).values()) == len(names)
    assert {path.stem for path in output.rglob("*.png")} == set(names)


def test_combine_refuses_two_files_of_one_name(tmp_path):
    a, b, output = make_sides(tmp_path, ["1", "2"])
    save(a / "1.jpg", noise(HEIGHT, WIDTH, 3, seed=9))
    with pytest.raises(InputError, match=r"1\.(jpg|png)"):
        combine(a, b, output, val_every=2)


def test_side_by_side_keeps_16_bits(tmp_path):
    gray, shallow = noise(HEIGHT, WIDTH, dtype=np.uint16), noise(HEIGHT, WIDTH, 3)
    left, right = save(tmp_path / "l.png", gray), save(tmp_path / "r.png", shallow)
    assert Image.open(left).mode == "I;16"
    for files in ((left, right), (right, left)):
        contents = side_by_side(*files)
        assert contents[24] == 16  # the header's bit depth
        # That decode keeps all 16 bits is shown in test_images; the eight of 255 levels are doubled: 255 is 65535.
        halves = dict(zip(files, np.split(decode(contents).numpy() * 65535, 2, axis=1), strict=True))
        np.testing.assert_allclose(halves[left], np.repeat(gray[..., None], 3, axis=-1), rtol=0, atol=0.01)
        np.testing.assert_allclose(halves[right], shallow * 257.0, rtol=0, atol=0.01)


def test_side_by_side_joins_other_formats(tmp_path):
    rng = np.random.default_rng(0)
    deep, photo = rng.integers(0, 65536, (5, 6), np.uint16), rng.integers(0, 256, (5, 6, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", deep)
    Image.fromarray(photo).save(tmp_path / "b.webp", lossless=True)
    joined = tf.io.decode_png(side_by_side(tmp_path / "a.tif", tmp_path / "b.webp"), dtype=tf.uint16).numpy()
    np.testing.assert_array_equal(joined[:, :6], np.repeat(deep[..., None], 3, axis=-1))
    np.testing.assert_array_equal(joined[:, 6:], photo.astype(np.uint16) * 257)


@pytest.mark.parametrize("values", [np.zeros((5, 6), np.float32), np.zeros((5, 6, 12), np.uint8)])
def test_side_by_side_names_what_no_png_holds(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    Image.new("L", (6, 5)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"a\.npy.*--data_a"):
        side_by_side(tmp_path / "a.npy", tmp_path / "b.png")


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (Image.fromarray(noise(HEIGHT, WIDTH, 4)), {}),
        (Image.fromarray(noise(HEIGHT, WIDTH, 2)), {}),
        (Image.fromarray(noise(HEIGHT, WIDTH, 3)).quantize(100), {"transparency": 3}),
    ],
    ids=["RGBA", "gray and alpha", "palette with a transparent color"],
)
def test_side_by_side_keeps_alpha(tmp_path, image, options):
    opaque = save(tmp_path / "opaque.jpg", noise(HEIGHT, WIDTH, 3))
    image.save(tmp_path / "alpha.png", **options)
    (tmp_path / "pair.png").write_bytes(side_by_side(opaque, tmp_path / "alpha.png"))
    expected = [np.asarray(Image.open(path).convert("RGBA")) for path in (opaque, tmp_path / "alpha.png")]
    assert (expected[0][..., 3] == 255).all()
    assert (expected[1][..., 3] < 255).any()
    np.testing.assert_array_equal(pixels_of(tmp_path / "pair.png"), np.hstack(expected))


def other_size(a, b, output):
    save(b / "2.jpg", noise(HEIGHT, WIDTH + 1, 3))
    return [f"{a / '2.png'} ", "6x8", f"{b / '2.jpg'} ", "6x9"]


def no_counterpart(a, b, output):
    save(b / "3.jpg", noise(HEIGHT, WIDTH, 3))
    (a / "1.png").unlink()
    return ["2 images", f"{b / '1.jpg'}"]


def output_exists(a, b, output):
    output.mkdir()
    return [f"output={output} "]


def cut_short(a, b, output):
    (b / "2.jpg").write_bytes((b / "2.jpg").read_bytes()[:-20])
    return [f"{b / '2.jpg'}: it is damaged"]


def no_images(a, b, output):
    for file in entries(b):
        file.unlink()
    return [f"{b} has no images"]


@pytest.mark.parametrize("spoil", [other_size, no_counterpart, output_exists, cut_short, no_images])
def test_combine_leaves_nothing_behind(tmp_path, spoil):
    a, b, output = make_sides(tmp_path, ["0", "1", "2"])
    named = spoil(a, b, output)
    before = entries(tmp_path)
    with pytest.raises(InputError) as error:
        combine(a, b, output, val_every=2)
    assert all(each in str(error.value) for each in named)
    assert entries(tmp_path) == before
