"""Windows of files on the disk: the array's own numbers, and few bytes read for them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images import codecs
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import DAMAGED, BadImageError

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (300, 400, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (300, 400), np.uint16)
# A strip of more than a mebibyte.
WIDE = RNG.integers(0, 65536, (300, 700, 3), np.uint16)
BANDS = RNG.normal(size=(300, 400, 12)).astype(np.float32)


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


def npy(values):
    def write(path):
        with open(path, "wb") as file:
            np.save(file, values)

    return write


# What writes the file, its axes, its numbers, and whether a window of it can be read alone.
FILES = {
    "tiles": (tiff(COLORS, tile=(32, 32), photometric="rgb"), "", COLORS, True),
    "tiles, deflate": (tiff(COLORS, tile=(64, 48), compression="zlib", predictor=True), "", COLORS, True),
    "strips": (tiff(DEEP, rowsperstrip=7), "", DEEP[..., None], True),
    "strips, big-endian": (tiff(DEEP, rowsperstrip=10, compression="lzw", byteorder=">"), "", DEEP[..., None], True),
    "planes": (
        tiff(np.moveaxis(COLORS, -1, 0), planarconfig="separate", photometric="rgb", tile=(32, 32)),
        "",
        COLORS,
        True,
    ),
    "BigTIFF": (tiff(COLORS, tile=(32, 32), bigtiff=True), "", COLORS, True),
    "pages": (tiff(np.moveaxis(BANDS, -1, 0), tile=(32, 32), photometric="minisblack"), "CYX", BANDS, True),
    "one strip": (tiff(WIDE, photometric="rgb"), "", WIDE, True),
    "one strip, big-endian": (tiff(WIDE, photometric="rgb", byteorder=">"), "", WIDE, True),
    "NPY": (npy(COLORS), "", COLORS, True),
    "NPY gray, big-endian": (npy(DEEP.astype(">u2")), "", DEEP[..., None], True),
    "NPY of columns": (npy(np.asfortranarray(DEEP)), "", DEEP[..., None], True),
    "NPY of planes": (npy(np.moveaxis(BANDS, -1, 0)), "CYX", BANDS, True),
    "PNG": (lambda path: Image.fromarray(COLORS).save(path, "PNG"), "", COLORS, False),
}
WINDOWS = [(0, 0, 300, 400), (0, 0, 20, 30), (131, 77, 40, 50), (280, 370, 20, 30), (299, 0, 1, 400), (5, 399, 90, 1)]


@pytest.fixture(params=FILES)
def stored(request, tmp_path):
    write, axes, values, is_partial = FILES[request.param]
    write(tmp_path / "file")
    return tmp_path / "file", axes, values, is_partial


def test_a_window_is_the_arrays_own(stored):
    path, axes, values, _ = stored
    with StoredFile(path) as file:
        header = codecs.probe(file, axes)
        assert (header.height, header.width, header.channels) == values.shape
        for top, left, height, width in WINDOWS:
            window = (top, left, height, width)
            expected = values[top : top + height, left : left + width]
            for contents in (file, path.read_bytes()):
                np.testing.assert_array_equal(codecs.decode(contents, axes, window=window).values, expected)


def test_a_window_takes_few_bytes(stored, monkeypatch):
    path, axes, _, is_partial = stored
    taken = []

    class Counted:
        """The file, which counts what is read."""

        def __init__(self, file):
            self.file = file

        def read(self, size=-1):
            data = self.file.read(size)
            taken.append(len(data))
            return data

        def readinto(self, buffer):
            taken.append(self.file.readinto(buffer))
            return taken[-1]

        def __getattr__(self, name):
            return getattr(self.file, name)

    with StoredFile(path) as file:
        monkeypatch.setattr(file, "file", Counted(file.file))
        codecs.decode(file, axes, window=(131, 77, 20, 20))
        if is_partial:
            assert sum(taken) < path.stat().st_size / 4
        # The count sees what a whole image takes.
        codecs.decode(file, axes)
        assert sum(taken) >= path.stat().st_size * 0.9


@pytest.mark.parametrize(
    "part", [np.s_[:0], np.s_[:4], np.s_[3:9], np.s_[-5:], np.s_[90:300], np.s_[:], np.s_[200:300]]
)
def test_it_answers_as_its_bytes(tmp_path, part):
    contents = bytes(range(100))
    (tmp_path / "file").write_bytes(contents)
    with StoredFile(tmp_path / "file") as file:
        assert file[part] == contents[part]
        assert len(file) == 100
        assert file.startswith((b"x", b"\0\1"))
        assert not file.startswith(b"\1")
        assert file.count(b"\5") == 1


@pytest.mark.parametrize("length", [0, 3, 9, 400, 100_000])
def test_a_file_cut_short_is_a_bad_image(tmp_path, length):
    path = tmp_path / "file"
    tifffile.imwrite(path, COLORS, tile=(32, 32))
    path.write_bytes(path.read_bytes()[:length])
    with StoredFile(path) as file, pytest.raises(BadImageError) as error:
        codecs.decode(file, window=(250, 350, 50, 50))
    if length > 4:
        assert error.value.reason == DAMAGED
