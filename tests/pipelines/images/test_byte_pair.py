"""Pairs of 8 bits are resized as bytes: near to the exact numbers, the same from files and memory; no others are."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images import packed_pair
from pipelines.images.byte_pair import fit_bytes
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.images.transforms import ODD_WIDTH
from pipelines.loader import train_dataset
from pipelines.pairs import open_pairs
from tests.helpers.pictures import encoded, noise

SIZE = (24, 30)
CROP = (20, 22)


def form(precision="fast", channels=3, **options):
    side = ImageFormat(channels)
    return PairFormat("BtoA", SIZE, side, side, crop=CROP, random_crop=True, precision=precision, **options)


def keys_cubic(distance):
    """Keys (1981) with a = -0.5."""
    x = np.abs(distance)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


def weights(before, after):
    """`(after, before)` float64: what lies beyond the edges has no weight; the kernel is as wide as pixels shrink."""
    stretch = max(before / after, 1)
    places = (np.arange(after) + 0.5) * before / after - 0.5
    found = keys_cubic((places[:, None] - np.arange(before)) / stretch)
    return found / found.sum(1, keepdims=True)


def twin(pixels, size):
    resized = np.einsum("yh,hwc,xw->yxc", weights(pixels.shape[0], size[0]), pixels, weights(pixels.shape[1], size[1]))
    return np.clip(resized, 0, 255)


@pytest.mark.parametrize(
    ("shape", "tolerance"),
    # Enlarged by the plain kernel, whose weights stand in a table; what shrinks on a side is resized as ever.
    [((17, 21), 0.4), ((24, 21), 0.4), ((40, 50), 1e-3), ((17, 50), 1e-3), ((24, 30), 0)],
)
def test_levels_are_those_of_a_numpy_twin(shape, tolerance):
    """Black and white noise is the worst that there is."""
    pixels = np.stack([np.where(noise(*shape, seed=i) < 128, 0, 255) for i in range(2)]).astype(np.uint8)
    window = tf.constant([3, 1, *CROP])
    found = fit_bytes(tf.constant(pixels), SIZE, "bicubic", window=window, window_size=CROP).numpy()
    expected = np.stack([twin(image, SIZE)[3:23, 1:23] for image in pixels])
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance
    rounded = fit_bytes(tf.constant(pixels), SIZE, "bicubic", is_rounded=True, window=window, window_size=CROP)
    np.testing.assert_array_equal(rounded, np.round(found))


@pytest.mark.parametrize("method", ["bilinear", "area", "lanczos3", "nearest"])
def test_other_methods_are_those_of_the_exact_way(method):
    """The plain kernel of bilinear has no table, and the others have no other kernel."""
    side = ImageFormat(3, method)
    contents = encoded(noise(17, 42))
    ways = [dataclasses.replace(form(precision), source=side, target=side) for precision in ("exact", "fast")]
    exact, fast = (way.read(contents) for way in ways)
    for one, other in zip(exact, fast, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


# The camera was held upright: rows and columns have to be exchanged.
TURNED = Image.Exif()
TURNED[0x0112] = 6
FILES = {
    "png": encoded(noise(17, 42)),
    "jpeg": encoded(noise(17, 42), "jpeg", quality=95),
    "turned": encoded(noise(42, 17), "jpeg", exif=TURNED),
    "two files": packed_pair.pack(encoded(noise(17, 21)), encoded(noise(34, 42, seed=1), "jpeg")),
}


def in_graph(read, files):
    """Reads all files in one tf.data pipeline, whose graph is the same for each."""
    return list(tf.data.Dataset.from_tensor_slices(files).map(read))


@pytest.mark.parametrize("names", [("png", "jpeg", "turned"), ("two files",)], ids=str)
def test_graphs_and_windows_give_the_same_bits_near_the_exact_ones(names):
    is_packed = names == ("two files",)
    files = [FILES[name] for name in names]
    windows = in_graph(
        lambda file: form().read(file, is_packed, lambda shape: tf.concat([shape - CROP, CROP], 0), CROP), files
    )
    for contents, window in zip(files, windows, strict=True):
        exact, fast, rounded = (form(precision).read(contents) for precision in ("exact", "fast", "levels"))
        for side in (0, 1):
            assert 0 < np.abs(exact[side] - fast[side]).max() < 0.3 / 255
            np.testing.assert_array_equal(window[side], fast[side][4:, 8:])
            np.testing.assert_array_equal(rounded[side], np.round(fast[side] * 255) / np.float32(255))


def encoded_palette():
    file = io.BytesIO()
    Image.fromarray(noise(17, 42)).quantize(16).save(file, "png")
    return file.getvalue()


OTHERS = {
    "16 bits": tf.io.encode_png(noise(17, 42, 3, dtype=np.uint16)).numpy(),
    "gray for color": encoded(noise(17, 42, 1)),
    "alpha for color": encoded(noise(17, 42, 4)),
    "webp": encoded(noise(17, 42), "webp", lossless=True),
    "transparent color": encoded(noise(17, 42), transparency=(1, 2, 3)),
    "palette": encoded_palette(),
}


def test_what_is_no_bytes_of_these_channels_is_read_as_ever():
    files = list(OTHERS.values())
    for contents, found in zip(files, in_graph(lambda file: form("levels").read(file, False), files), strict=True):
        exact = form("exact").read(contents)
        for pair in (found, form("fast").read(contents)):
            for one, other in zip(exact, pair, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels(channels):
    contents = encoded(noise(17, 42, channels))
    for one, other in zip(form("exact", channels).read(contents), form("fast", channels).read(contents), strict=True):
        assert one.shape == (*SIZE, channels)
        assert 0 < np.abs(one - other).max() < 0.3 / 255


def test_validation_is_resized_exactly():
    contents = encoded(noise(17, 42))
    of_validation = dataclasses.replace(form(), random_crop=False, crop=SIZE)
    for one, other in zip(form("exact").read(contents), of_validation.read(contents), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bad_files_are_named_as_ever():
    for contents, reason in ((encoded(noise(17, 41)), ODD_WIDTH), (b"", "it is empty")):
        with pytest.raises(BadImageError) as caught:
            form().read(contents)
        assert caught.value.reason == reason
    with pytest.raises(BadImageError, match="side B"):
        form().read(packed_pair.pack(encoded(noise(17, 21)), b"no image"))
    dataset = tf.data.Dataset.from_tensors(encoded(noise(17, 41))).map(lambda file: form().read(file, False))
    with pytest.raises(tf.errors.InvalidArgumentError, match="odd"):
        dataset.get_single_element()


@pytest.mark.parametrize("precision", ["fast", "levels"])
def test_batches_from_files_and_from_memory_are_the_same(tmp_path, precision):
    for i in range(4):
        # One of them needs no resizing.
        shape = (24, 60) if i == 2 else (17, 42)
        (tmp_path / f"{i}.png").write_bytes(encoded(noise(*shape, seed=i)))
    found = []
    for cache_mib in (0, 10):
        pairs = open_pairs(tmp_path, form(precision), cache_mib=cache_mib)
        batches = train_dataset(pairs, image_size=CROP, batch_size=1, seed=1, last_step=12)
        found.append([np.stack(batch) for batch in batches.as_numpy_iterator()])
    # What is rounded is kept as bytes.
    assert pairs.cache[0].dtype == (np.uint8 if precision == "levels" else np.float32)
    np.testing.assert_array_equal(*found)
