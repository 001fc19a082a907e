"""Pairs of any size: by each --preprocess, from files, windows and memory, the same numbers."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines.images import augment
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset, train_dataset, whole_batch_size
from pipelines.pairs import Pairs, open_pairs
from pipelines.storage import windows
from pipelines.storage.file_pair import FilePair
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.terminal import InputError

CROP = (16, 20)
SHAPES = [(40, 30), (17, 64), (16, 20), (90, 50)]


def make_files(folder, write, halves=2):
    """Pairs of SHAPES whose first channel tells the pair, and whose others tell row and column."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (height, width) in enumerate(SHAPES):
        rows, columns = np.mgrid[:height, :width]
        a = np.stack([np.full_like(rows, i), rows, columns], axis=-1).astype(np.uint8)
        pixels = np.concatenate([a, 255 - a], axis=1) if halves == 2 else a
        write(folder / f"{i}", pixels)
    return folder


def as_png(path, pixels):
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def as_tiff(path, pixels):
    tifffile.imwrite(path.with_suffix(".tif"), pixels, tile=(16, 16), compression="zlib", photometric="rgb")


def as_npy(path, pixels):
    np.save(path.with_suffix(".npy"), pixels)


def form(preprocess="crop", size=CROP, **options):
    return PairFormat("AtoB", size, ImageFormat(), ImageFormat(), preprocess, CROP, random_crop=True, **options)


def levels(images):
    return np.round((images.numpy() + 1) * 127.5).astype(int)


def batches(pairs, steps=8, **options):
    dataset = train_dataset(pairs, image_size=CROP, batch_size=2, seed=3, last_step=steps, **options)
    return [(levels(source), levels(target)) for source, target in dataset]


@pytest.mark.parametrize("cache_mib", [0, 10], ids=["files", "cache"])
@pytest.mark.parametrize("write", [as_png, as_tiff, as_npy])
def test_a_crop_is_a_window_of_the_file(tmp_path, write, cache_mib):
    pairs = open_pairs(make_files(tmp_path, write), form(), cache_mib=cache_mib)
    assert (pairs.cache is not None) == (cache_mib > 0)
    seen = set()
    for source, target in batches(pairs, flip=False):
        for one, other in zip(source, target, strict=True):
            index, top, left = one[0, 0]
            rows, columns = np.mgrid[top : top + CROP[0], left : left + CROP[1]]
            np.testing.assert_array_equal(one, np.stack([np.full_like(rows, index), rows, columns], axis=-1))
            np.testing.assert_array_equal(other, 255 - one)
            assert top + CROP[0] <= SHAPES[index][0]
            assert left + CROP[1] <= SHAPES[index][1]
            seen.add((index, top, left))
    assert {index for index, *_ in seen} == set(range(4))
    assert len(seen) > 10


ALL = {"flip_vertical": True, "color_jitter": 0.3, "scale_jitter": 0.4}


@pytest.mark.parametrize(
    ("preprocess", "options"),
    [
        pytest.param("crop", {}, marks=pytest.mark.slow),
        ("crop", ALL),
        pytest.param("scale_width", {}, marks=pytest.mark.slow),
        ("scale_shortest", ALL),
        pytest.param("pad", {}, marks=pytest.mark.slow),
    ],
)
def test_formats_windows_and_memory_give_the_same(tmp_path, preprocess, options):
    """What is read by windows, whole, or from memory is the same to the last bit; a later start, too."""
    size = CROP if preprocess == "crop" else (20, 24)
    found = []
    for write, cache_mib in ((as_png, 0), (as_tiff, 0), (as_npy, 0), (as_npy, 10)):
        folder = make_files(tmp_path / write.__name__, write)
        pairs = open_pairs(folder, form(preprocess, size), cache_mib=cache_mib)
        found.append(batches(pairs, 6, **options))
    for other in found[1:]:
        for batch, expected in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(batch, expected)
    later = train_dataset(pairs, image_size=CROP, batch_size=2, seed=3, first_step=4, last_step=6, **options)
    for batch, expected in zip(later, found[0][4:], strict=True):
        np.testing.assert_array_equal([levels(images) for images in batch], expected)


def test_two_files_are_read_by_windows(tmp_path):
    a, b = make_files(tmp_path / "a", as_tiff, 1), make_files(tmp_path / "b", as_npy, 1)
    names = [str(i) for i in range(len(SHAPES))]
    files = PairedFiles((a, b), names, [FilePair(a / f"{name}.tif", b / f"{name}.npy") for name in names])
    for source, target in batches(Pairs(files, form(), {})):
        np.testing.assert_array_equal(source, target)
        assert source.shape == (2, *CROP, 3)


def test_only_windows_are_decoded(tmp_path, monkeypatch):
    """No whole image is read once the files are known."""
    pairs = open_pairs(make_files(tmp_path, as_tiff), form(), cache_mib=0)

    def whole(*_):
        raise AssertionError

    read = []
    original = windows.read_window
    monkeypatch.setattr(windows, "read_window", lambda *a: read.append(a[2][2:]) or original(*a))
    monkeypatch.setattr(PairFormat, "_halves_of", whole)
    batches(pairs)
    assert len(read) >= 16
    assert set(read) == {CROP}


@pytest.mark.parametrize("keeps_time", [True, False])
def test_a_file_that_changes_is_found(tmp_path, keeps_time):
    pairs = open_pairs(make_files(tmp_path, as_npy), form(), cache_mib=0)
    reader = windows.Windows(pairs.files, pairs.form)
    before = reader.read(0, np.array([0, 0, 4, 4]))
    path = tmp_path / "0.npy"
    stat = path.stat()
    contents = path.read_bytes()
    path.write_bytes(contents)  # the same bytes, another time
    np.testing.assert_array_equal(reader.read(0, np.array([0, 0, 4, 4])), before)
    path.write_bytes(contents[:-1] + b"x" + (b"" if keeps_time else b"y"))
    if not keeps_time:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BadImageError, match="changed"):
        reader.read(0, np.array([0, 0, 4, 4]))
    assert pairs.unreadable(range(4)).keys() == {0}


def test_validation_crops_in_the_middle(tmp_path):
    folder = make_files(tmp_path, as_tiff)
    for preprocess in ("crop", "scale_width", "scale_shortest"):
        source, target = next(iter(eval_dataset(folder, 4, image_size=CROP, preprocess=preprocess)))
        assert source.shape == target.shape == (4, *CROP, 3)
        if preprocess == "crop":
            places = [(i, (height - 16) // 2, (width - 20) // 2) for i, (height, width) in enumerate(SHAPES)]
            np.testing.assert_array_equal(levels(source)[:, 0, 0], places)
    source, _ = next(iter(eval_dataset(folder, 4, image_size=CROP, preprocess="pad")))
    # 40x30 becomes 16x12, between borders of the background.
    np.testing.assert_array_equal(levels(source)[0, :, [0, 3, 16, 19]], 255)
    assert (levels(source)[0, :, 4:16, 0] == 0).all()


@pytest.mark.parametrize(("write", "cache_mib"), [(as_tiff, 0), (as_npy, 10)])
def test_whole_pictures_are_measured_and_of_large_ones_the_middle(tmp_path, write, cache_mib):
    whole = dataclasses.replace(form(), random_crop=False, whole=True, middle_pixels=400)
    pairs = open_pairs(make_files(tmp_path, write), whole, cache_mib=cache_mib)
    expected = [(20, 20), (17, 23), (16, 20), (20, 20)]
    corners = [(0, 10, 5), (1, 0, 20), (2, 0, 0), (3, 35, 15)]  # pair, row, column
    assert pairs.shapes.tolist() == [[*shape] for shape in expected]
    assert (pairs.shape, pairs.min_side, whole_batch_size(pairs, 8, CROP)) == (None, 16, 1)
    for (source, target), shape, corner in zip(eval_dataset(pairs, 1), expected, corners, strict=True):
        assert source.shape == target.shape == (1, *shape, 3)
        assert levels(source)[0, 0, 0].tolist() == [*corner]
        np.testing.assert_array_equal(levels(target), 255 - levels(source))
    with pytest.raises(InputError, match="differ in shape"):
        eval_dataset(pairs, 2)
    alike = pairs.select([3, 0])
    assert (alike.shape, whole_batch_size(alike, 8, CROP)) == ((20, 20), 6)  # as many pixels as 8 of CROP
    source, _ = eval_dataset(alike, 2).get_single_element()
    assert levels(source)[:, 0, 0].tolist() == [[3, 35, 15], [0, 10, 5]]


def test_only_the_middle_is_decoded(tmp_path, monkeypatch):
    whole = dataclasses.replace(form(), random_crop=False, whole=True, middle_pixels=400)
    pairs = open_pairs(make_files(tmp_path, as_tiff), whole, cache_mib=0)
    read = []
    original = windows.read_window
    monkeypatch.setattr(windows, "read_window", lambda *a: read.append(a[2]) or original(*a))
    list(eval_dataset(pairs, 1))
    assert sorted(read) == [(0, 0, 16, 20), (0, 20, 17, 23), (10, 5, 20, 20), (35, 15, 20, 20)]


@pytest.mark.parametrize("write", [as_png, as_tiff])
def test_pictures_that_do_not_suit_are_named(tmp_path, write):
    folder = make_files(tmp_path, write)
    small = form(size=(17, 20))
    small = PairFormat("AtoB", (17, 20), preprocess="crop", random_crop=True)
    with pytest.raises(InputError, match=r"2\..*16x20.*17x20"):
        open_pairs(folder, small)
    assert len(open_pairs(folder, small, "skip")) == 3
    assert len(open_pairs(folder, form("none"), "skip")) == 1


def test_sides_of_different_sizes(tmp_path):
    a, b = tmp_path / "a.png", tmp_path / "b.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Image.fromarray(pixels).save(a)
    tifffile.imwrite(b, np.kron(pixels, np.ones((2, 2, 1), np.uint8)), photometric="rgb")
    contents = tf.constant(FilePair(a, b).read_bytes())
    with pytest.raises(BadImageError, match=r"32x40.*64x80.*resize_to"):
        form().read(contents)
    for resize_to, shape in (("a", (32, 40)), ("b", (64, 80))):
        source, target = form(resize_to=resize_to).read(contents)
        assert source.shape[:2] == target.shape[:2] == shape
    source, target = form(resize_to="a").read(contents)
    np.testing.assert_array_equal(np.round(source * 255), pixels)
    # Of one shape, they are scaled to one size.
    source, target = PairFormat("AtoB", (16, 20)).read(contents)
    np.testing.assert_allclose(source, target, atol=0.2)
    tifffile.imwrite(b, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    with pytest.raises(BadImageError, match="64x64"):
        PairFormat("AtoB", (16, 20)).read(tf.constant(FilePair(a, b).read_bytes()))


def test_percentiles_need_the_whole_picture(tmp_path):
    """Those of a window would be others."""
    folder = make_files(tmp_path, as_tiff)
    source = ImageFormat(percentiles=(1.0, 99.0))
    whole = PairFormat("AtoB", CROP, source, preprocess="crop", crop=CROP, random_crop=True)
    assert not whole.has_windows
    pairs = open_pairs(folder, whole, cache_mib=0)
    augmentation = augment.Augmentation(CROP)
    read = pairs.window_reader(CROP)
    expected, _ = whole.read(tf.constant((folder / "3.tif").read_bytes()))
    got, _ = read(tf.constant(3, tf.int64), lambda shape: augmentation.window(shape, tf.constant([0, 0])))
    top, left, height, width = augmentation.window(SHAPES[3], tf.constant([0, 0])).numpy()
    np.testing.assert_array_equal(got, expected[top : top + height, left : left + width])
