"""Zarr folders: windows of what zarr itself wrote, and OME-Zarr that reads back; codecs that run code are refused."""

import json
import sys

import numpy as np
import pytest

from pipelines.images.formats.pixel_size import PixelSize
from pipelines.images.formats.row_encoders import Rows
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.storage import zarr_image
from pipelines.storage.input_output import list_inputs, plan_outputs
from pipelines.storage.listing import list_folder
from pipelines.storage.picture import open_picture
from pipelines.system.terminal import InputError

COLORS = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)


def rows_of(values):
    return Rows(values.shape, values.dtype, lambda top, bottom: values[top:bottom])


@pytest.fixture
def zarr():
    return pytest.importorskip("zarr")


def read(path, form=None):
    with open_picture(path, form or ImageFormat()) as picture:
        assert picture.shape == (90, 130)
        return np.round(picture.read((30, 50, 60, 70)) * 255).astype(np.uint8)


def test_what_is_written_reads_back(tmp_path, zarr):
    path = tmp_path / "a.zarr"
    for _ in range(2):  # The second one takes the place of the first.
        zarr_image.write(path, rows_of(COLORS), PixelSize(0.25, 0.5, "µm"))
    assert [each.name for each in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(read(path), COLORS[30:, 50:120])
    image = zarr_image.ZarrImage(path, "", 2**20)
    assert image.pixel_size == (0.25, 0.5, "µm")
    # As another program sees it.
    group = zarr.open_group(store=str(path), mode="r")
    np.testing.assert_array_equal(group["0"][:], np.moveaxis(COLORS, -1, 0))
    (scales,) = group.attrs["multiscales"]
    assert scales["version"] == "0.4"
    assert [axis["name"] for axis in scales["axes"]] == ["c", "y", "x"]


@pytest.mark.parametrize("version", [2, 3])
def test_what_others_wrote(tmp_path, zarr, version):
    """Five axes, as microscopes have them, and sharded in the newer version; then a single array."""
    path = tmp_path / "a.zarr"
    group = zarr.open_group(store=str(path), mode="w", zarr_format=version)
    values = np.moveaxis(COLORS, -1, 0)[None, :, None]
    more = {"shards": (1, 1, 1, 64, 64)} if version == 3 else {}
    group.create_array("full", shape=values.shape, chunks=(1, 1, 1, 32, 32), dtype=values.dtype, **more)[:] = values
    axes = [{"name": name, "type": "space"} for name in "tczyx"]
    told = {"multiscales": [{"axes": axes, "datasets": [{"path": "full"}, {"path": "half"}]}]}
    group.attrs.update({"ome": told} if version == 3 else told)
    np.testing.assert_array_equal(read(path), COLORS[30:, 50:120])
    single = tmp_path / "b.zarr"
    zarr.create_array(str(single), shape=COLORS.shape, chunks=(32, 32, 3), dtype=np.uint8, zarr_format=version)[:] = (
        COLORS
    )
    np.testing.assert_array_equal(read(single), COLORS[30:, 50:120])


def test_a_codec_that_runs_code_is_refused(tmp_path, zarr):
    path = tmp_path / "a.zarr"
    zarr_image.write(path, rows_of(COLORS))
    metadata = path / "0" / ".zarray"
    for change in ({"filters": [{"id": "pickle"}]}, {"compressor": {"id": "pickle"}}):
        good = json.loads(metadata.read_text())
        metadata.write_text(json.dumps({**good, **change}))
        with pytest.raises(BadImageError, match="pickle"):
            read(path)
        metadata.write_text(json.dumps(good))
    outside = {"multiscales": [{"datasets": [{"path": "../../b.zarr"}], "axes": list("cyx")}]}
    for spoiled in (b"", b"[1]", b"{}", json.dumps(outside).encode(), b'{"multiscales": [{"datasets": 3}]}'):
        (path / ".zattrs").write_bytes(spoiled)
        with pytest.raises(BadImageError):
            read(path)


def test_a_folder_is_one_image(tmp_path, zarr):
    folder = tmp_path / "in"
    folder.mkdir()
    zarr_image.write(folder / "a.zarr", rows_of(COLORS))
    (folder / "b.ome.tif").touch()
    assert list_folder(folder).files == [folder / "b.ome.tif"]
    assert list_folder(folder).left_out == {folder / "a.zarr": ".zarr"}
    assert list_inputs(folder, with_zarr=True) == [folder / "a.zarr", folder / "b.ome.tif"]
    out = tmp_path / "out"
    assert plan_outputs(folder / "a.zarr", out, ".png", with_zarr=True) == {folder / "a.zarr": out / "a.png"}
    planned = plan_outputs(folder, out, lambda file: ".zarr" if file.suffix == ".zarr" else ".ome.tif", with_zarr=True)
    assert list(planned.values()) == [out / "a.zarr", out / "b.ome.tif"]


def test_without_the_package(tmp_path, monkeypatch):
    (tmp_path / "a.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match="pip install zarr"), open_picture(tmp_path / "a.zarr", ImageFormat()):
        pass
