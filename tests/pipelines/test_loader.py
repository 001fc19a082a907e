"""From files to batches: order, epochs, resuming, caching, and bad files."""

import dataclasses
import hashlib
import itertools
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.datasets.layout import open_dataset
from pipelines.images.header import DAMAGED
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.images.transforms import ODD_WIDTH, to_uint8
from pipelines.images.whole_source import read_whole_source
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import open_pairs
from pipelines.storage.listing import list_files
from pipelines.system.terminal import InputError
from tests.helpers.golden import SHARED
from tfpix2pix.config import Config

PAIRS = 7
SIZE = (8, 10)
CROP = (6, 8)
CACHES = pytest.mark.parametrize("cache_mib", [0, 100], ids=["files", "cache"])


def make_folder(folder, count=PAIRS, channels=3, seed=0):
    """Noise, but the first channel says which pair it is: i left, 100 + i right."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        pixels = rng.integers(0, 256, (SIZE[0], 2 * SIZE[1], channels), dtype=np.uint8)
        pixels[:, : SIZE[1], 0] = i
        pixels[:, SIZE[1] :, 0] = 100 + i
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("pairs") / "train")


def open_folder(folder, cache_mib=0, direction="AtoB", size=SIZE, source_channels=3, target_channels=3):
    form = PairFormat(direction, size, ImageFormat(source_channels), ImageFormat(target_channels))
    return open_pairs(folder, form, cache_mib=cache_mib)


def batches(pairs, first_step=0, last_step=14, batch_size=2, seed=3, flip=True, image_size=CROP, **options):
    dataset = train_dataset(
        pairs,
        image_size=image_size,
        flip=flip,
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        **options,
    )
    return list(dataset.as_numpy_iterator())


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        for i in (0, 1):
            np.testing.assert_array_equal(x[i], y[i])


def differ(a, b):
    return any((x != y).any() for x, y in zip(a, b, strict=True))


def epochs_of(steps, steps_per_epoch):
    """Returns the pairs of each epoch, in order; fails if a source and its target are of different pairs."""
    found = []
    for source, target in steps:
        left, right = (to_uint8(images).numpy()[..., 0] for images in (source, target))
        np.testing.assert_array_equal(right, left.astype(int) + 100)
        found.append([np.unique(image).item() for image in left])
    return [list(itertools.chain(*found[i : i + steps_per_epoch])) for i in range(0, len(found), steps_per_epoch)]


@pytest.mark.parametrize("cache_mib", [0, pytest.param(100, marks=pytest.mark.slow)], ids=["files", "cache"])
def test_a_later_start_gives_the_same_bits(folder, cache_mib):
    pairs = open_folder(folder, cache_mib)
    whole = batches(pairs)
    assert len(whole) == 14
    assert whole[0][0].shape == (2, *CROP, 3)
    for first in (1, 3, 8, 13):
        assert_same(batches(pairs, first), whole[first:])
    assert batches(pairs, 14) == []
    # The test can fail: no two steps are alike.
    assert all(differ(a, b) for a, b in itertools.combinations(whole, 2))


@pytest.mark.parametrize("workers", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_the_workers_parts_are_the_batch(folder, workers):
    pairs = open_folder(folder)
    whole = batches(pairs, first_step=1, batch_size=6)
    parts = [batches(pairs, first_step=1, batch_size=6, worker=i, workers=workers) for i in range(workers)]
    for step, batch in enumerate(whole):
        assert {len(part[step][0]) for part in parts} == {6 // workers}
        assert_same([batch], [[np.concatenate([part[step][i] for part in parts]) for i in (0, 1)]])


def test_every_epoch_has_every_pair_once_in_another_order(tmp_path):
    pairs = open_folder(make_folder(tmp_path / "train", count=6))
    epochs = epochs_of(batches(pairs, last_step=15), 3)
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_batch_is_a_source_and_a_target(folder, batch_size):
    pairs = open_folder(folder, source_channels=1)
    source, target = train_dataset(pairs, image_size=CROP, batch_size=batch_size, last_step=1).element_spec
    assert (source.shape, target.shape) == ((batch_size, *CROP, 1), (batch_size, *CROP, 3))


def test_pairs_left_out_change_with_the_epoch(folder):
    epochs = epochs_of(batches(open_folder(folder), last_step=90), 3)
    left_out = [set(range(PAIRS)) - set(epoch) for epoch in epochs]
    assert all(len(epoch) == 6 and len(left) == 1 for epoch, left in zip(epochs, left_out, strict=True))
    assert set.union(*left_out) == set(range(PAIRS))


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_pairs(tmp_path, count):
    pairs = open_folder(make_folder(tmp_path / "train", count=count))
    epochs = epochs_of(batches(pairs, last_step=4 * count, batch_size=1), count)
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)


def test_the_first_epochs_pairs_do_not_depend_on_the_batch_size(folder):
    pairs = open_folder(folder)
    singles = batches(pairs, last_step=6, batch_size=1)
    triples = batches(pairs, last_step=2, batch_size=3)
    for i in (0, 1):
        np.testing.assert_array_equal(np.concatenate([b[i] for b in singles]), np.concatenate([b[i] for b in triples]))


def test_the_seed_changes_order_and_jitter(folder, tmp_path):
    orders, crops = set(), set()
    alone = open_folder(make_folder(tmp_path / "train", count=1))
    for seed in (0, 1):
        orders.add(str(epochs_of(batches(open_folder(folder), last_step=PAIRS, batch_size=1, seed=seed), PAIRS)))
        # One pair has one order: only its crops can differ.
        crops.add(b"".join(source.tobytes() for source, _ in batches(alone, last_step=4, batch_size=1, seed=seed)))
    assert len(orders) == len(crops) == 2


def test_crops_and_mirrors_of_the_files_own_pixels(folder):
    """Finds each crop in its file: both halves are cropped and mirrored at the same position."""
    found = set()
    for source, target in batches(open_folder(folder), last_step=60, batch_size=1):
        source, target = (to_uint8(images).numpy()[0] for images in (source, target))
        pixels = np.asarray(Image.open(folder / f"{source[0, 0, 0]}.png"))
        places = [
            (top, left, mirror)
            for top, left, mirror in itertools.product(range(3), range(3), (1, -1))
            if all(
                np.array_equal(half[top : top + CROP[0], left : left + CROP[1]][:, ::mirror], image)
                for half, image in ((pixels[:, : SIZE[1]], source), (pixels[:, SIZE[1] :], target))
            )
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) > 12  # of 18; 60 draws leave out 0.6 on average


@pytest.mark.parametrize("size", [SIZE, (12, 11)], ids=["as it is", "resized"])
def test_cached_bits_are_those_of_the_files(folder, size):
    from_files, cached = open_folder(folder, size=size), open_folder(folder, 100, size=size)
    assert from_files.cache is None
    assert cached.cache is not None
    assert_same(batches(from_files), batches(cached))
    assert_same(eval_dataset(from_files, 3).as_numpy_iterator(), eval_dataset(cached, 3).as_numpy_iterator())


def test_only_pairs_that_fit_are_cached(tmp_path):
    folder = make_folder(tmp_path / "train", count=2)
    # 2 pairs of 6 channels in float32: 2 * 6 * 4 * 256 * 512 bytes are 6 MiB.
    assert open_folder(folder, 6, size=(256, 512)).cache is not None
    assert open_folder(folder, 5, size=(256, 512)).cache is None


def test_direction_swaps_source_and_target(folder):
    forth, back = (batches(open_folder(folder, direction=direction)) for direction in ("AtoB", "BtoA"))
    assert_same(forth, [(target, source) for source, target in back])


@pytest.mark.parametrize(
    ("source_channels", "target_channels", "cache_mib"), [(1, 4, 0), (2, 3, 100), (3, 2, 0), (4, 1, 100)]
)
def test_channels(tmp_path, cache_mib, source_channels, target_channels):
    folder = make_folder(tmp_path / "train", count=1, channels=4)
    pairs = open_folder(folder, cache_mib, source_channels=source_channels, target_channels=target_channels)
    rgba = np.asarray(Image.open(folder / "0.png")) / 255
    gray = rgba[..., :3] @ [[0.299], [0.587], [0.114]]
    # Without an alpha channel the image is laid over white.
    shown = [color * rgba[..., 3:] + 1 - rgba[..., 3:] for color in (gray, rgba[..., :3])]
    expected = {1: shown[0], 2: np.concatenate([gray, rgba[..., 3:]], axis=-1), 3: shown[1], 4: rgba}
    source, target = eval_dataset(pairs, 1).get_single_element()
    np.testing.assert_allclose(source[0], expected[source_channels][:, : SIZE[1]] * 2 - 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(target[0], expected[target_channels][:, SIZE[1] :] * 2 - 1, rtol=0, atol=1e-6)
    # Training reads them alike: without jitter, bit for bit.
    trained = batches(pairs, last_step=1, batch_size=1, flip=False, image_size=SIZE)
    assert_same(trained, [(source, target)])


def test_a_source_is_read_as_in_its_pair(folder):
    contents = (folder / "4.png").read_bytes()
    form = PairFormat("BtoA", (12, 11), ImageFormat(1))
    source, _ = form.read(tf.constant(contents))
    np.testing.assert_array_equal(read_whole_source(form, tf.constant(contents), pair=True, step=1).image, source)


@CACHES
def test_eval_is_in_order_whole_and_untouched(folder, cache_mib):
    steps = list(eval_dataset(open_folder(folder, cache_mib), 3).as_numpy_iterator())
    assert [len(source) for source, _ in steps] == [3, 3, 1]
    for half, images in ((np.s_[:, : SIZE[1]], 0), (np.s_[:, SIZE[1] :], 1)):
        expected = [np.asarray(Image.open(folder / f"{i}.png"))[half] for i in range(PAIRS)]
        np.testing.assert_array_equal(to_uint8(np.concatenate([step[images] for step in steps])), expected)


@pytest.fixture
def with_bad_files(tmp_path):
    """Two good pairs and four bad files, with what is wrong with each."""
    folder = make_folder(tmp_path / "train", count=2)
    Image.open(folder / "0.png").convert("RGB").save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-20])
    (folder / "empty.png").touch()
    (folder / "0.text.jpg").write_text("not an image")
    Image.new("RGB", (15, 8)).save(folder / "odd.png")
    return folder, {
        folder / "0.text.jpg": "it is no JPEG, PNG, TIFF, WebP, BMP or NPY, whatever its name says",
        folder / "cut.jpg": DAMAGED,
        folder / "empty.png": "it is empty",
        folder / "odd.png": ODD_WIDTH,
    }


def test_fail_names_all_bad_files_with_the_reason(with_bad_files):
    folder, bad = with_bad_files
    with pytest.raises(InputError) as error:
        open_pairs(folder, PairFormat("AtoB", SIZE), "fail")
    words = "; ".join(f"{file}: {reason}" for file, reason in bad.items())
    assert str(error.value).startswith(f"4 of 6 files in {folder} ")
    assert "--bad_images=skip" in str(error.value)
    assert words in str(error.value)


@CACHES
def test_skip_leaves_out_the_bad_and_keeps_the_good(with_bad_files, cache_mib):
    folder, bad = with_bad_files
    pairs = open_pairs(folder, PairFormat("AtoB", SIZE), "skip", cache_mib)
    assert pairs.skipped == bad
    assert list(pairs.files) == [folder / "0.png", folder / "1.png"]
    assert (pairs.cache is None) == (cache_mib == 0)
    # The text stood between the two.
    assert epochs_of(eval_dataset(pairs, 2), 1) == [[0, 1]]
    assert [sorted(epoch) for epoch in epochs_of(batches(pairs, last_step=2), 1)] == [[0, 1], [0, 1]]


@pytest.mark.parametrize("bad_images", ["fail", "skip"])
def test_a_folder_of_bad_files_only(tmp_path, bad_images):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"a\.png: it is empty"):
        open_pairs(tmp_path, PairFormat("AtoB", SIZE), bad_images)


def test_list_files(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        list_files(tmp_path / "nowhere")
    names = ["10.jpg", "9.JPEG", "B.PNG", "deep/er/a.png"]
    for name in ("notes.txt", "x.png.part"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="has no images"):
        list_files(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "deep/er").mkdir(parents=True)
    for name in names:
        (tmp_path / name).touch()
    assert list_files(tmp_path) == [tmp_path / name for name in names]


def test_the_fingerprint_changes_with_the_files(tmp_path):
    def fingerprint(name, change=lambda folder: None):
        folder = make_folder(tmp_path / name, count=3)
        change(folder)
        return open_folder(folder).fingerprint()

    before = fingerprint("a")
    assert fingerprint("elsewhere") == before
    changed = [
        fingerprint("fewer", lambda folder: (folder / "1.png").unlink()),
        fingerprint("more", lambda folder: Image.new("RGB", (4, 2)).save(folder / "x.png")),
        fingerprint("renamed", lambda folder: (folder / "1.png").rename(folder / "11.png")),
        fingerprint("other size", lambda folder: Image.new("RGB", (4, 2)).save(folder / "1.png")),
    ]
    assert len({before, *changed}) == 5


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


@pytest.mark.parametrize("kind", [str, pytest.param(pathlib.Path, marks=pytest.mark.slow)])
def test_a_folder_is_opened_as_the_commands_open_it(tmp_path, kind):
    folder = make_folder(tmp_path / "train", count=4)
    config = Config(image_size=(64, 32), direction="BtoA", batch_size=2).resolved()
    pairs = open_pairs(folder, config.train_format(), config.bad_images, config.cache_mib)
    expected = batches(pairs, last_step=5, batch_size=2, seed=config.seed, flip=config.flip, image_size=(64, 32))
    dataset = train_dataset(kind(folder), image_size=(64, 32), batch_size=2, direction="BtoA")
    assert_same(take(dataset, 5), expected)
    config = dataclasses.replace(config, direction="AtoB")
    expected = eval_dataset(open_pairs(folder, config.pair_format()), 3).as_numpy_iterator()
    assert_same(eval_dataset(kind(folder), 3, image_size=[64, 32]).as_numpy_iterator(), expected)


def test_a_data_set_without_a_last_step_does_not_end(folder):
    dataset = train_dataset(open_folder(folder), image_size=CROP, batch_size=2, first_step=10**12)
    assert len(take(dataset, 20)) == 20
    part = train_dataset(open_folder(folder), image_size=CROP, batch_size=6, worker=2, workers=3)
    assert [len(source) for source, _ in take(part, 1)] == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "auto"}, "direction='auto' .* AtoB, BtoA"),
        ({"direction": "btoa"}, "direction='btoa'"),
        ({"resize_method": "cubic"}, "resize_method='cubic' .* bicubic"),
        ({"source_channels": 257}, "source_channels=257"),
        ({"target_channels": 0}, "target_channels=0"),
        ({"image_size": (0, 8)}, r"image_size=\(0, 8\)"),
        ({"image_size": "8x8"}, "image_size='8x8'"),
        ({"load_size": (8, 4)}, "load_size=8x4 .* image_size=6x8"),
        ({"batch_size": 8}, "batch_size=8 .* 7 pairs"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 3, "workers": 2}, "batch_size=3, worker=0 and workers=2"),
    ],
)
def test_arguments_out_of_their_range(folder, options, message):
    with pytest.raises(InputError, match=message):
        train_dataset(folder, **{"image_size": CROP, **options})


@pytest.mark.parametrize(
    "options",
    [
        {"direction": "BtoA"},
        {"load_size": (8, 8)},
        {"resize_method": "area"},
        {"source_channels": 1},
        {"target_channels": 1},
    ],
)
def test_arguments_that_contradict_the_opened_pairs(folder, options):
    pairs = open_folder(folder)
    (name,) = options
    with pytest.raises(InputError, match=f"{name}="):
        train_dataset(pairs, image_size=CROP, **options)
    if name != "load_size":
        with pytest.raises(InputError, match=f"{name}="):
            eval_dataset(pairs, **options)
    with pytest.raises(InputError, match="image_size=6x8"):
        eval_dataset(pairs, image_size=CROP)
    train_dataset(pairs, image_size=CROP, direction="AtoB", load_size=SIZE)


@pytest.mark.parametrize("make", [train_dataset, eval_dataset])
def test_the_root_of_a_data_set_is_refused(tmp_path, make):
    """Its splits would be mixed."""
    for split in ("train", "val", "test"):
        make_folder(tmp_path / split, count=2)
    with pytest.raises(InputError, match=f"{tmp_path} .*{tmp_path / 'train'}"):
        make(tmp_path, image_size=CROP)
    make(tmp_path / "train", image_size=CROP)


@pytest.mark.parametrize("make", [train_dataset, eval_dataset])
def test_the_root_of_two_folders_is_refused_and_a_split_of_it_is_taken(tmp_path, make):
    for side in "AB":
        for split in ("train", "val"):
            make_folder(tmp_path / side / split, count=2)
    with pytest.raises(InputError, match=r"train, val.*open_dataset"):
        make(tmp_path, image_size=CROP)
    make(open_dataset(tmp_path).split("train"), image_size=CROP)


@pytest.mark.parametrize("make", [train_dataset, eval_dataset])
def test_bad_files_are_refused_or_skipped(with_bad_files, make):
    folder, _ = with_bad_files
    with pytest.raises(InputError, match=r"cut\.jpg"):
        make(str(folder), image_size=CROP)
    make(str(folder), image_size=CROP, bad_images="skip")
    with pytest.raises(InputError, match="nowhere"):
        make("nowhere", image_size=CROP)


@pytest.mark.needs_shared
def test_facades():
    facades = SHARED / "data" / "facades"
    form = PairFormat("BtoA", (256, 256))
    val = open_pairs(facades / "val", form)
    assert (len(val), val.skipped) == (100, {})
    source, target = next(iter(eval_dataset(val, 1)))
    pixels = np.asarray(Image.open(facades / "val" / "1.jpg"))
    np.testing.assert_array_equal(to_uint8(target[0]), pixels[:, :256])
    np.testing.assert_array_equal(to_uint8(source[0]), pixels[:, 256:])
    # Without rounding too: the floats are the levels' own.
    np.testing.assert_array_equal(target[0], pixels[:, :256] / np.float32(255) * 2 - 1)


# Digests of the batches that the code at commit c796bd4 made, before there was any other augmentation. Nothing is
# resized, but by `nearest`, so they do not depend on the processor.
EARLIER = {
    "flip": ({}, "8519fa969d59ec88464188051e6d6707ce42c23f12ee217c766296d42d6689a4"),
    "no flip": ({"flip": False}, "e92f5d19adfcc6ad69e7bec6a237170a90f1a7bd67d78799122627123f866f95"),
    "one size": ({"image_size": (22, 24)}, "afa893d8951beb3c9953cd7f8208844c7c6d06fd5666eebefbff3826cd25f4c2"),
    "other options": (
        {"load_size": (18, 29), "direction": "BtoA", "resize_method": "nearest", "seed": 4},
        "093c27df246fc2bbce3a368c1c1b472d2faf6f33b1bdb8d8fd1db3c8eef3833a",
    ),
    "second of two workers": (
        {"worker": 1, "workers": 2},
        "366d28f74862ec27be0fad208f8289f758cc5e1e0eb106f02d69b722c11b3280",
    ),
}


@pytest.mark.parametrize(
    ("name", "cache_mib"),
    [("flip", 0), ("no flip", 100), ("one size", 0), ("other options", 100), ("second of two workers", 0)],
)
def test_batches_are_those_of_earlier_versions(tmp_path, name, cache_mib):
    rows, columns, channels = np.mgrid[:22, :48, :3]
    for i in range(5):
        pixels = (rows * 31 + columns * 17 + channels * 101 + i * 7919 + rows * columns * 13) % 256
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{i}.png")
    options, expected = EARLIER[name]
    options = {"image_size": (16, 20), "load_size": (22, 24), "seed": 9, "batch_size": 2, **options}
    digest = hashlib.sha256()
    for batch in train_dataset(tmp_path, first_step=3, last_step=9, cache_mib=cache_mib, **options):
        for images in batch:
            digest.update(images.numpy().tobytes())
    assert digest.hexdigest() == expected
