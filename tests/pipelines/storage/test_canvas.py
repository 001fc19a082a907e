"""Results that are written row by row: the same files as others, whatever stops them."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines.images import codecs, result_format
from pipelines.images.formats import encoders, row_encoders
from pipelines.images.image_format import ImageFormat
from pipelines.storage import canvas as canvas_module
from pipelines.storage import georeference
from pipelines.storage.canvas import Canvas, check_size, part_names
from pipelines.storage.georeference import GeoReference
from pipelines.system.terminal import InputError

RNG = np.random.default_rng(0)
SHAPE = (600, 700)
SCALE = (33550, 12, 3, (0.5, 0.5, 0.0))
TIE_POINT = (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 5600000.0, 0.0))
RANGE = (-5.0, 5.0)

# The format, the target's kind, and the type of its numbers.
KINDS = {
    "tif": ("tif", ImageFormat(), "uint8"),
    "ome.tif": ("ome.tif", ImageFormat(), "uint8"),
    "tif of classes": ("tif", ImageFormat(labels=4), "uint8"),
    "tif of bands": ("tif", ImageFormat(channels=5, value_range=RANGE), "float32"),
    "tif with alpha": ("tif", ImageFormat(channels=4), "uint16"),
    "png": ("png", ImageFormat(), "uint8"),
    "png of 16 bits": ("png", ImageFormat(channels=1), "uint16"),
    "png with alpha": ("png", ImageFormat(channels=2), "uint8"),
    "png of classes": ("png", ImageFormat(labels=4), "uint8"),
    "npy": ("npy", ImageFormat(channels=5, value_range=RANGE), "float32"),
    "npy of one channel": ("npy", ImageFormat(channels=1), "uint16"),
    "jpg": ("jpg", ImageFormat(), "uint8"),
    "webp": ("webp", ImageFormat(channels=4), "uint8"),
}


def paint(path, form, numbers, recipe=b"", rows=77, stop=None, **more):
    """Writes a result, or a part of it, and returns at which row it began."""
    with Canvas(path, numbers.shape[:2], form, recipe, **more) as canvas:
        begun = canvas.rows_done
        for top in range(begun, stop or len(numbers), rows):
            canvas.write_rows(top, numbers[top : min(top + rows, stop or len(numbers))])
        if stop is None:
            canvas.finish()
    return begun


def made(kind):
    name, target, dtype = KINDS[kind]
    form = result_format.choose(name, target, dtype)
    image = tf.constant(RNG.uniform(-1, 1, (*SHAPE, target.labels or target.channels)).astype(np.float32))
    return form, image, form.numbers(image)


@pytest.mark.parametrize("limit", [canvas_module.MAX_IN_MEMORY, 0], ids=["in memory", "row by row"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_holds_what_others_hold(tmp_path, monkeypatch, kind, limit):
    form, image, numbers = made(kind)
    monkeypatch.setattr(canvas_module, "MAX_IN_MEMORY", limit)
    path = tmp_path / f"a{form.suffix}"
    paint(path, form, numbers)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    expected = form.encode(image)
    if limit or form.name in ("npy", "jpg", "webp"):
        assert path.read_bytes() == expected
    found, other = (codecs.decode(each, indices=True) for each in (path.read_bytes(), expected))
    np.testing.assert_array_equal(found.values, other.values)
    assert (found.has_alpha, found.bits) == (other.has_alpha, other.bits)
    if kind == "png of classes":
        assert Image.open(path).getpalette() == Image.open(io.BytesIO(expected)).getpalette()


@pytest.mark.parametrize("is_big", [False, True])
def test_a_large_tiff_differs_from_a_small_one_in_its_tiles_alone(tmp_path, monkeypatch, is_big):
    monkeypatch.setattr(canvas_module, "MAX_IN_MEMORY", 0)
    if is_big:
        monkeypatch.setattr(row_encoders, "MAX_PLAIN_TIFF", 0)
    form, _, numbers = made("tif with alpha")
    paint(tmp_path / "a.tif", form, numbers, place=GeoReference(SHAPE, (SCALE, TIE_POINT), prj=b"somewhere"))
    with (
        tifffile.TiffFile(tmp_path / "a.tif") as file,
        tifffile.TiffFile(io.BytesIO(encoders.encode(numbers, "tif", tags=(SCALE, TIE_POINT)))) as small,
    ):
        assert file.is_bigtiff == is_big
        assert file.pages[0].chunks == (512, 512, 4)
        tags, others = ({tag.name: tag.value for tag in each.pages[0].tags} for each in (file, small))
    assert {name for name in tags | others if tags.get(name) != others.get(name)} == {
        *("TileWidth", "TileLength", "TileOffsets", "TileByteCounts"),
        *("RowsPerStrip", "StripOffsets", "StripByteCounts"),
    }
    # The place on a map, number by number.
    assert georeference.read(tmp_path / "a.tif").tags == (SCALE, TIE_POINT)
    assert (tmp_path / "a.prj").read_bytes() == b"somewhere"


def test_what_is_on_the_disk_is_not_done_again(tmp_path):
    form, _, numbers = made("tif")
    path, whole = tmp_path / "a.tif", tmp_path / "whole.tif"
    paint(whole, form, numbers)
    assert paint(path, form, numbers, b"1", stop=231) == 0
    assert not path.exists()
    part, journal = part_names(path)
    # As after a kill in the middle of a write.
    with part.open("ab") as file:
        file.write(b"some")
    assert paint(path, form, numbers, b"1") == 231
    assert path.read_bytes() == whole.read_bytes()
    assert not part.exists()
    assert not journal.exists()


@pytest.mark.parametrize("change", ["recipe", "no journal", "spoiled journal", "short part", "other shape"])
def test_what_does_not_fit_is_done_again(tmp_path, change):
    form, _, numbers = made("png of 16 bits")
    path = tmp_path / "a.png"
    paint(path, form, numbers, b"1", stop=154)
    part, journal = part_names(path)
    if change == "no journal":
        journal.unlink()
    elif change == "spoiled journal":
        journal.write_bytes(b'{"recipe": 3}')
    elif change == "short part":
        part.write_bytes(part.read_bytes()[:-1])
    elif change == "other shape":
        numbers = numbers[:, :-1]
    assert paint(path, form, numbers, b"2" if change == "recipe" else b"1") == 0
    np.testing.assert_array_equal(codecs.decode(path.read_bytes()).values, numbers)


def test_the_state_comes_back_with_the_rows(tmp_path):
    form, _, numbers = made("npy")
    with Canvas(tmp_path / "a.npy", SHAPE, form, b"1") as canvas:
        canvas.restart(b"\0statistics\xff")
        canvas.write_rows(0, numbers[:5])
        canvas.restart(b"\0statistics\xff")
        assert canvas.rows_done == 0
        canvas.write_rows(0, numbers[:5])
        with pytest.raises(ValueError, match="do not follow"):
            canvas.write_rows(6, numbers[6:9])
        with pytest.raises(ValueError, match="5 of 600"):
            canvas.finish()
        with pytest.raises(InputError, match="another process"):
            Canvas(tmp_path / "a.npy", SHAPE, form, b"1")
    with Canvas(tmp_path / "a.npy", SHAPE, form, b"1") as canvas:
        assert (canvas.rows_done, canvas.state) == (5, b"\0statistics\xff")
    with Canvas(tmp_path / "a.npy", SHAPE, form, b"2") as canvas:
        assert (canvas.rows_done, canvas.state) == (0, b"")


def test_what_is_too_large_is_refused_before_the_work(tmp_path):
    forms = {name: result_format.choose(name, ImageFormat(), "uint8") for name in ("jpg", "webp", "png", "tif")}
    for name, shape in (("jpg", (70_000, 10)), ("webp", (20, 20_000)), ("jpg", (30_000, 30_000))):
        with pytest.raises(InputError, match=f"{name}.*--format=tif"):
            check_size(shape, forms[name])
    check_size((200_000, 20_000), forms["png"])
    with pytest.raises(InputError, match="GiB on the disk"):
        Canvas(tmp_path / "a.tif", (10**6, 10**9), forms["tif"])
    # A part of nothing does not stay.
    assert not [path for path in tmp_path.iterdir() if path.stat().st_size]
