"""Compares each slice with the array that tifffile or NumPy wrote, and refuses what could be read in two ways."""

import io

import numpy as np
import pytest
import tifffile

from pipelines.images import codecs
from pipelines.images.formats.tiff_slices import StackError
from pipelines.images.header import BadImageError
from pipelines.stacks.stack import Neighborhoods, NotAStackError, Stack, StackForm, open_stack, with_neighbors
from tests.helpers.stacks import numbers, write_ome

GRAY = numbers((7, 20, 30))
TWO = numbers((7, 2, 20, 30))
RGB = numbers((7, 20, 30, 3), np.uint8)
RGBA = numbers((7, 9, 8, 4), np.uint8)
ZYX, ZYXC, ZCYX = StackForm("ZYX"), StackForm("ZYXC"), StackForm("ZCYX")


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


def npy(values):
    return lambda path: np.save(path.open("wb"), values)


# Who writes the file, how it is read, its slices, and the axis along which they lie.
FILES = {
    "OME": (lambda path: write_ome(path, GRAY), StackForm(), GRAY[..., None], "Z"),
    "OME, channels": (lambda path: write_ome(path, TWO, "ZCYX"), StackForm(), np.moveaxis(TWO, 1, -1), "Z"),
    "OME, channels first": (
        lambda path: write_ome(path, np.moveaxis(TWO, 1, 0), "CZYX"),
        StackForm(),
        np.moveaxis(TWO, 1, -1),
        "Z",
    ),
    "OME, colors": (tiff(RGB, ome=True, photometric="rgb", metadata={"axes": "ZYXS"}), StackForm(), RGB, "Z"),
    "OME, time, tiles": (
        tiff(GRAY, ome=True, metadata={"axes": "TYX"}, tile=(16, 16), compression="zlib"),
        StackForm(),
        GRAY[..., None],
        "T",
    ),
    "ImageJ": (tiff(GRAY, imagej=True, metadata={"axes": "ZYX"}), StackForm(), GRAY[..., None], "Z"),
    "ImageJ, channels": (tiff(TWO, imagej=True, metadata={"axes": "ZCYX"}), StackForm(), np.moveaxis(TWO, 1, -1), "Z"),
    "axes by tifffile": (tiff(GRAY, metadata={"axes": "ZYX"}), StackForm(), GRAY[..., None], "Z"),
    "one page told": (tiff(GRAY, metadata={"axes": "ZYX"}, truncate=True), StackForm(), GRAY[..., None], "Z"),
    "pages, axes said": (tiff(GRAY, metadata=None), StackForm("TYX"), GRAY[..., None], "T"),
    "colors, axes said": (tiff(RGB, photometric="rgb"), ZYXC, RGB, "Z"),
    "big-endian BigTIFF": (tiff(GRAY, byteorder=">", bigtiff=True, metadata=None), ZYX, GRAY[..., None], "Z"),
    "NPY": (npy(GRAY), StackForm(), GRAY[..., None], "Z"),
    "NPY, colors": (npy(RGB), StackForm(), RGB, "Z"),
    "NPY, axes said": (npy(TWO), ZCYX, np.moveaxis(TWO, 1, -1), "Z"),
    "NPY, few slices, said": (npy(GRAY[:3]), ZYX, GRAY[:3, ..., None], "Z"),
    "NPY, many channels": (npy(numbers((5, 8, 8, 9))), StackForm(channels=9), numbers((5, 8, 8, 9)), "Z"),
    "NPY, booleans": (npy(GRAY > 9), StackForm(), (255 * (GRAY > 9)).astype(np.uint8)[..., None], "Z"),
}


@pytest.mark.parametrize("name", FILES)
def test_slices(tmp_path, name):
    write, form, expected, letter = FILES[name]
    path = tmp_path / ("s.npy" if name.startswith("NPY") else "s.tif")
    write(path)
    stack = open_stack(path, form)
    assert (stack.depth, stack.info.letter) == (len(expected), letter)
    assert (stack.header.height, stack.header.width, stack.header.channels) == expected.shape[1:]
    assert stack.header.dtype == expected.dtype
    for index in (3, 0, len(expected) - 1):
        if index < stack.depth:
            np.testing.assert_array_equal(stack.read(index), expected[index])
    assert stack.by_rule == (name.startswith("NPY") and not form.axes)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (npy(GRAY[0]), "s.npy"),
        (npy(RGB[0]), "s.npy"),  # (H, W, 3)
        (npy(numbers((40, 30, 31))[..., :12]), "s.npy"),  # twelve bands, read with twelve channels
        (npy(numbers((64, 64, 12))), "s.npy"),  # twelve bands, whatever was asked for
        (tiff(GRAY[0]), "s.tif"),
        (tiff(RGB[0], photometric="rgb"), "s.tif"),
        (tiff(GRAY, metadata=None), "s.tif"),  # pages of which nobody knows what they are
        (tiff(TWO[0], ome=True, metadata={"axes": "CYX"}), "s.tif"),
        (tiff(GRAY[:1], ome=True, metadata={"axes": "ZYX"}), "s.tif"),
    ],
)
def test_single_pictures(tmp_path, write, name):
    write(tmp_path / name)
    assert open_stack(tmp_path / name, StackForm(channels=12)) is None


@pytest.mark.parametrize(
    ("name", "write", "form", "words"),
    [
        ("s.npy", npy(GRAY[:3]), StackForm(), ["(3, 20, 30)", "--axes=CYX", "--axes=ZYX"]),
        ("s.npy", npy(TWO), StackForm(), ["(7, 2, 20, 30)", "--axes=ZCYX"]),
        ("s.npy", npy(GRAY[0]), ZYX, ["2 axes", "--axes=ZYX"]),
        ("s.npy", npy(GRAY), StackForm("YXZ"), ["--axes=YXZ", "first"]),
        ("s.npy", npy(np.asfortranarray(GRAY)), StackForm(), ["Fortran", "ascontiguousarray"]),
        ("s.npy", npy(GRAY[:0]), ZYX, ["no slices"]),
        ("s.npy", lambda path: path.write_bytes(cut(GRAY)), StackForm(), ["cut short"]),
        ("s.npy", npy(GRAY), StackForm(max_pixels=500), ["20x30", "--max_pixels"]),
        ("s.npy", npy(GRAY.astype(np.complex64)), ZYX, ["complex64"]),
        ("s.npz", lambda path: np.savez(path, GRAY), ZYX, ["NPZ", "--axes=ZYX"]),
        ("s.tif", tiff(TWO, ome=True, metadata={"axes": "TZYX"}), StackForm(), ["7 along T", "2 along Z", "one axis"]),
        ("s.tif", tiff(GRAY[0]), ZYX, ["2 axes", "--axes=ZYX"]),
        ("s.tif", tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]), ZYXC, ["alpha"]),
    ],
)
def test_refused(tmp_path, name, write, form, words):
    write(tmp_path / name)
    with pytest.raises(StackError) as error:
        open_stack(tmp_path / name, form)
    assert all(word in error.value.reason for word in words), error.value.reason


def cut(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()[:-1]


def test_pages_that_nobody_named_are_neither_dropped_nor_taken_for_channels(tmp_path):
    """Both ways to read them are named."""
    tifffile.imwrite(tmp_path / "s.tif", GRAY, metadata=None)
    with pytest.raises(BadImageError, match=r"7 pages.*--axes=CYX.*--axes=ZYX"):
        codecs.decode((tmp_path / "s.tif").read_bytes())


def test_sizes_of_voxels_are_no_numbers_of_slices(tmp_path):
    """PhysicalSizeZ="1.5" ends in SizeZ."""
    write_ome(tmp_path / "s.ome.tif", GRAY[0], "YX")
    np.testing.assert_array_equal(codecs.decode((tmp_path / "s.ome.tif").read_bytes()).values[..., 0], GRAY[0])


def test_a_spoiled_slice_is_named(tmp_path):
    values = np.zeros((5, 8, 8), np.float32)
    values[3, 2, 1] = np.nan
    np.save(tmp_path / "s.npy", values)
    stack = Stack(tmp_path / "s.npy", ZYX)
    stack.read(2)
    with pytest.raises(BadImageError, match=r"slice 3: .*row 2, column 1"):
        stack.read(3)


def test_not_a_file(tmp_path):
    with pytest.raises(BadImageError, match="cannot be read"):
        Stack(tmp_path / "s.npy", ZYX)
    assert open_stack(tmp_path / "s.npy", StackForm()) is None
    (tmp_path / "s.tif").write_bytes(b"II*\0" + bytes(50))
    assert open_stack(tmp_path / "s.tif", StackForm()) is None
    with pytest.raises(NotAStackError):
        np.save(tmp_path / "s.npy", GRAY[0])
        Stack(tmp_path / "s.npy", StackForm())


def test_neighbors_are_reflected_at_the_ends(tmp_path):
    for count in (1, 2, 3, 7):
        for context in (0, 1, 2, 3):
            # NumPy's reflection is the oracle; it needs two slices or more.
            mode = "reflect" if count > 1 else "edge"
            places = np.pad(np.arange(count), context, mode)
            for index in range(count):
                expected = places[index : index + 2 * context + 1].tolist()
                assert with_neighbors(count, index, context) == expected
    np.save(tmp_path / "s.npy", RGB)
    slices = Neighborhoods(Stack(tmp_path / "s.npy", StackForm()), 1)
    for index, places in ((0, (1, 0, 1)), (1, (0, 1, 2)), (6, (5, 6, 5)), (2, (1, 2, 3))):
        np.testing.assert_array_equal(slices.read(index), np.concatenate([RGB[i] for i in places], -1))


@pytest.mark.parametrize("name", ["OME, channels", "ImageJ", "one page told", "NPY, axes said"])
def test_spoiled_files_raise_nothing_else(tmp_path, name):
    """Bytes are changed, and files cut; whatever is read then has the shape that its header tells."""
    write, form, _, _ = FILES[name]
    path = tmp_path / ("s.npy" if name.startswith("NPY") else "s.tif")
    write(path)
    contents, random = path.read_bytes(), np.random.default_rng(0)
    heads = [*range(min(400, len(contents))), *range(max(0, len(contents) - 2000), len(contents))]
    outcomes = set()
    for _ in range(300):
        spoiled = bytearray(contents)
        for place in random.choice(heads, 3):
            spoiled[place] = random.integers(256)
        path.write_bytes(spoiled[: random.integers(len(spoiled))] if random.random() < 0.2 else spoiled)
        try:
            stack = Stack(path, form)
            assert stack.read(min(6, stack.depth - 1)).shape == (
                stack.header.height,
                stack.header.width,
                stack.header.channels,
            )
            outcomes.add("read")
        except BadImageError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
