"""Stacks of results: their numbers and metadata are what tifffile and NumPy read of them."""

import numpy as np
import pytest
import tifffile

from pipelines.images.image_format import ImageFormat
from pipelines.images.result_format import choose
from pipelines.stacks.canvas import StackCanvas, suffix_of_stack
from pipelines.stacks.stack import Stack, StackForm
from pipelines.system.terminal import InputError
from tests.helpers.stacks import OME, numbers, write_ome

GRAY, TWO = numbers((5, 20, 30)), numbers((5, 2, 20, 30))
RESULT = numbers((5, 20, 30), seed=3)
ANY = StackForm()


def write_result(source, path, values, name, form=ANY, dtype="uint16"):
    """Writes results `(Z, H, W, C)` as translate does, with the metadata of a source."""
    stack = Stack(source, form)
    result = choose(name, ImageFormat(values.shape[-1]), dtype)
    with StackCanvas(path, len(values), values.shape[1:3], result, stack.info) as canvas:
        for each in values:
            canvas.write_slice(each)
        canvas.finish()
    return path


def attributes(path):
    """The attributes of OME-XML's Pixels, and the names of its channels, by tifffile's own reader."""
    with tifffile.TiffFile(path) as tif:
        image = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        channels = image["Channel"] if isinstance(image["Channel"], list) else [image["Channel"]]
        return image, [channel.get("Name") for channel in channels], tif.series[0].axes


def test_ome(tmp_path):
    write_ome(tmp_path / "s.ome.tif", GRAY, Channel={"Name": ["DAPI & <more>"]})
    path = write_result(tmp_path / "s.ome.tif", tmp_path / "r.ome.tif", RESULT[..., None], "ome.tif")
    np.testing.assert_array_equal(tifffile.imread(path), RESULT)
    pixels, names, axes = attributes(path)
    assert axes == "ZYX"
    assert {name: pixels[name] for name in OME} == OME
    assert names == ["DAPI & <more>"]
    np.testing.assert_array_equal(tifffile.memmap(path), RESULT)  # it can be mapped into memory
    # And it is a stack again.
    stack = Stack(path, ANY)
    assert (stack.depth, stack.info.values, stack.info.channel_names) == (5, OME, ("DAPI & <more>",))


def test_ome_of_several_channels(tmp_path):
    write_ome(tmp_path / "s.ome.tif", TWO, "ZCYX", Channel={"Name": ["DAPI", "GFP"]})
    two = np.moveaxis(numbers((5, 2, 20, 30), seed=8), 1, -1)
    path = write_result(tmp_path / "s.ome.tif", tmp_path / "r.ome.tif", two, "ome.tif")
    np.testing.assert_array_equal(tifffile.imread(path), np.moveaxis(two, -1, 1))
    assert attributes(path)[1:] == (["DAPI", "GFP"], "ZCYX")
    # Names of two channels are none of a result of one.
    path = write_result(tmp_path / "s.ome.tif", tmp_path / "one.ome.tif", RESULT[..., None], "ome.tif")
    assert attributes(path)[1] == [None]


def test_ome_time_series_in_colors(tmp_path):
    told = {"axes": "TYX", "TimeIncrement": 0.5, "TimeIncrementUnit": "min"}
    tifffile.imwrite(tmp_path / "s.ome.tif", GRAY, ome=True, metadata=told)
    rgb = numbers((5, 20, 30, 3), np.uint8)
    path = write_result(tmp_path / "s.ome.tif", tmp_path / "r.ome.tif", rgb, "ome.tif", dtype="uint8")
    np.testing.assert_array_equal(tifffile.imread(path), rgb)
    pixels, _, axes = attributes(path)
    assert (axes, pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == ("TYXS", 0.5, "min")


def test_imagej(tmp_path):
    labels = [f"slice {i}" for i in range(5)]
    told = {"axes": "ZYX", "spacing": 2.5, "unit": "um", "finterval": 0.1, "Labels": labels}
    tifffile.imwrite(tmp_path / "s.tif", GRAY, imagej=True, resolution=(5, 4), metadata=told)
    path = write_result(tmp_path / "s.tif", tmp_path / "r.tif", RESULT[..., None], "tif")
    np.testing.assert_array_equal(tifffile.imread(path), RESULT)
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "ZYX"
        assert {name: tif.imagej_metadata[name] for name in told if name != "axes"} == {
            name: value for name, value in told.items() if name != "axes"
        }
        assert (tif.pages[0].tags[282].value, tif.pages[0].tags[283].value) == ((5, 1), (4, 1))
    # As OME-TIFF, if that is asked for: five pixels are a micrometer.
    path = write_result(tmp_path / "s.tif", tmp_path / "r.ome.tif", RESULT[..., None], "ome.tif")
    pixels, _, _ = attributes(path)
    sides = {name: pixels[f"PhysicalSize{name}"] for name in "XYZ"}
    assert sides == {"X": 0.2, "Y": 0.25, "Z": 2.5}
    assert {pixels[f"PhysicalSize{name}Unit"] for name in "XYZ"} == {"µm"}


@pytest.mark.parametrize(("dtype", "is_imagej"), [("float32", True), ("int32", False)])
def test_numbers_that_imagej_has_not_become_ome(tmp_path, dtype, is_imagej):
    tifffile.imwrite(tmp_path / "s.tif", GRAY, imagej=True, metadata={"axes": "ZYX"})
    values = GRAY[..., None].astype(dtype)
    path = write_result(tmp_path / "s.tif", tmp_path / "r.tif", values, "tif", dtype=dtype)
    with tifffile.TiffFile(path) as tif:
        assert (tif.is_imagej, tif.is_ome) == (is_imagej, not is_imagej)
        np.testing.assert_array_equal(tif.asarray(), values[..., 0])


def test_plain_pages_and_arrays(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", GRAY, metadata=None, resolution=(300, 300), resolutionunit="INCH")
    path = write_result(tmp_path / "s.tif", tmp_path / "r.tif", RESULT[..., None], "tif", StackForm("ZYX"))
    with tifffile.TiffFile(path) as tif:
        assert (tif.series[0].axes, len(tif.pages)) == ("ZYX", 5)
        assert (tif.pages[0].tags[282].value, tif.pages[0].tags[296].value) == ((300, 1), 2)
        np.testing.assert_array_equal(tif.asarray(), RESULT)
    assert Stack(path, ANY).depth == 5  # nobody has to say its axes any more
    path = write_result(tmp_path / "s.tif", tmp_path / "r.npy", RESULT[..., None], "npy", StackForm("ZYX"))
    np.testing.assert_array_equal(np.load(path), RESULT)
    two = np.moveaxis(TWO, 1, -1)
    path = write_result(tmp_path / "s.tif", tmp_path / "c.npy", two, "npy", StackForm("ZYX"))
    np.testing.assert_array_equal(np.load(path), two)


def test_goes_on_after_the_slices_that_are_there(tmp_path):
    np.save(tmp_path / "s.npy", GRAY)
    form, info = choose("npy", ImageFormat(1), "uint16"), Stack(tmp_path / "s.npy", ANY).info
    path = tmp_path / "r.npy"

    def canvas(recipe=b"a"):
        return StackCanvas(path, 5, (20, 30), form, info, recipe)

    with canvas() as first:
        first.write_slice(RESULT[0, ..., None])
        first.write_slice(RESULT[1, ..., None])
    assert not path.exists()
    with canvas() as second:
        assert second.slices_done == 2
        for each in RESULT[2:]:
            second.write_slice(each[..., None])
        second.finish()
    np.testing.assert_array_equal(np.load(path), RESULT)
    assert {file.name for file in tmp_path.iterdir()} == {"s.npy", "r.npy"}
    with canvas() as third:
        third.write_slice(RESULT[0, ..., None])
    with canvas(b"another generator") as fourth:
        assert fourth.slices_done == 0


def test_suffixes(tmp_path):
    form = choose("auto", ImageFormat(1), "uint8")
    for name, suffix in (("a.ome.tif", ".ome.tif"), ("a.OME.TIFF", ".ome.tif"), ("a.tiff", ".tif"), ("a.npy", ".npy")):
        assert suffix_of_stack(tmp_path / name, "auto", form) == suffix
    assert suffix_of_stack(tmp_path / "a.npy", "ome.tif", choose("ome.tif", ImageFormat(1), "uint8")) == ".ome.tif"
    with pytest.raises(InputError, match=r"format=jpg holds no stack; give --format=tif, ome\.tif or npy"):
        suffix_of_stack(tmp_path / "a.npy", "jpg", choose("jpg", ImageFormat(1), "uint8"))
