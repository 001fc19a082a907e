"""Places on a map: tags that Pillow reads back, and side-cars with numbers worked out by hand."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.storage import georeference
from pipelines.system.paths import RemotePath

PIXELS = np.arange(24, dtype=np.uint16).reshape(4, 6)
# Half a meter a pixel, the corner of the first one at (500000, 5600000), in UTM zone 32 (EPSG 25832).
SCALE = (33550, 12, 3, (0.5, 0.5, 0.0), True)
TIE_POINT = (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 5600000.0, 0.0), True)
KEYS = (34735, 3, 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 25832), True)
KEYS_OF_POINTS = (34735, 3, 12, (1, 1, 0, 2, 1025, 0, 1, 2, 2048, 0, 1, 4326), True)
NO_DATA = (42113, 2, 2, "0", True)
# The center of the first pixel lies a quarter of a meter inside its corner.
WORLD = [0.5, 0.0, 0.0, -0.5, 500000.25, 5599999.75]
AUX = b"""<PAMDataset>
  <SRS dataAxisToSRSAxisMapping="1,2">PROJCS["ETRS89 / UTM zone 32N"]</SRS>
  <GeoTransform> 5.0e+05, 5.0e-01, 0.0, 5.6e+06, 0.0, -5.0e-01</GeoTransform>
  <PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MAXIMUM">23</MDI></Metadata></PAMRasterBand>
</PAMDataset>
"""


def geotiff(path, *tags, **options):
    tifffile.imwrite(path, PIXELS, extratags=[*tags, NO_DATA], **options)
    return path


def numbers(contents):
    return [float(line) for line in contents.decode().splitlines()]


def test_tags_as_another_library_reads_them(tmp_path):
    place = georeference.read(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT, KEYS))
    assert place.size == (4, 6)
    file = io.BytesIO()
    tifffile.imwrite(file, PIXELS + 1, extratags=[(*tag, True) for tag in place.tags])
    tags = Image.open(file).tag_v2
    assert {code: tags[code] for code, *_ in (SCALE, TIE_POINT, KEYS)} == {
        code: value for code, _, _, value, _ in (SCALE, TIE_POINT, KEYS)
    }
    # What stands for 'no data' in the source is a number like others in the result.
    assert NO_DATA[0] not in tags
    assert place.side_cars(tmp_path / "b.tif") == {}


def test_a_geotiff_in_an_object_store(tmp_path):
    """ram:// stands in for gs:// and its like."""
    remote = RemotePath("ram://maps/a.tif")
    remote.write_bytes(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT, KEYS).read_bytes())
    place = georeference.read(remote)
    assert place == georeference.read(tmp_path / "a.tif")
    place.write_side_cars(RemotePath("ram://maps/out.png"))
    assert numbers(RemotePath("ram://maps/out.pgw").read_bytes()) == WORLD


def test_a_geotiff_becomes_a_png_with_side_cars(tmp_path):
    place = georeference.read(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT, KEYS))
    files = place.side_cars(tmp_path / "b.png")
    assert set(files) == {tmp_path / "b.pgw", tmp_path / "b.png.aux.xml"}
    assert numbers(files[tmp_path / "b.pgw"]) == WORLD
    assert b"<SRS>EPSG:25832</SRS>" in files[tmp_path / "b.png.aux.xml"]


def test_coordinates_of_points_are_of_centers(tmp_path):
    place = georeference.read(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT, KEYS_OF_POINTS))
    files = place.side_cars(tmp_path / "b.jpg")
    assert numbers(files[tmp_path / "b.jgw"]) == [0.5, 0.0, 0.0, -0.5, 500000.0, 5600000.0]
    assert b"EPSG:4326" in files[tmp_path / "b.jpg.aux.xml"]


def test_a_turned_map(tmp_path):
    """X = 2 row + 10, Y = 2 column + 20; at the center of the first pixel, (11, 21)."""
    matrix = (0.0, 2.0, 0.0, 10.0, 2.0, 0.0, 0.0, 20.0, *(0.0,) * 7, 1.0)
    place = georeference.read(geotiff(tmp_path / "a.tif", (34264, 12, 16, matrix, True)))
    assert numbers(place.side_cars(tmp_path / "b.png")[tmp_path / "b.pgw"]) == [0.0, 2.0, 2.0, 0.0, 11.0, 21.0]


@pytest.mark.parametrize(
    ("source", "world", "result", "expected"),
    [
        ("a.png", "a.pgw", "r.png", "r.pgw"),
        ("a.png", "a.PGW", "r.tif", "r.tfw"),
        ("a.jpg", "a.jpgw", "r.jpg", "r.jgw"),
        ("a.tif", "a.tfw", "r.png", "r.pgw"),
        ("a.tiff", "a.wld", "r.webp", "r.wpw"),
    ],
)
def test_side_cars_are_carried_over(tmp_path, source, world, result, expected):
    Image.fromarray(PIXELS.astype(np.uint8)).save(tmp_path / source)
    text = b"2.0\n0.0\n0.0\n-2.0\n100.0\n200.0\n"
    (tmp_path / world).write_bytes(text)
    (tmp_path / f"{source}.aux.xml").write_bytes(AUX)
    (tmp_path / "a.prj").write_text("PROJCS[]")
    place = georeference.read(tmp_path / source)
    assert place.size == (4, 6)
    (tmp_path / "out").mkdir()
    place.write_side_cars(tmp_path / "out" / result)
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(found) == {expected, f"{result}.aux.xml", "r.prj"}
    assert found[expected] == text
    # Where it lies, and not what the source's values are.
    assert b"UTM zone 32N" in found[f"{result}.aux.xml"]
    assert b"5.6e+06" in found[f"{result}.aux.xml"]
    assert b"STATISTICS" not in found[f"{result}.aux.xml"]


def test_no_place(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "plain.png")
    (tmp_path / "plain.png.aux.xml").write_bytes(b"<PAMDataset><Metadata/></PAMDataset>")
    tifffile.imwrite(tmp_path / "plain.tif", PIXELS)
    (tmp_path / "spoiled.tif").write_bytes((tmp_path / "plain.tif").read_bytes()[:50])
    (tmp_path / "spoiled.png").write_bytes(b"\x89PNG")
    (tmp_path / "spoiled.pgw").write_bytes(b"1\n0\n0\n1\n0\n0\n")
    for name in ("plain.png", "plain.tif", "spoiled.tif", "spoiled.png", "none.tif"):
        assert georeference.read(tmp_path / name) is None


def test_a_geotiff_on_its_side_has_none(tmp_path):
    sideways = (274, 3, 1, 6, True)
    assert georeference.read(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT, KEYS, sideways)) is None


def test_a_place_is_that_of_a_size(tmp_path):
    place = georeference.read(geotiff(tmp_path / "a.tif", SCALE, TIE_POINT))
    assert georeference.of_size(place, (4, 6)) is place
    assert georeference.of_size(place, (6, 4)) is None
    assert georeference.of_size(None, (4, 6)) is None


def test_names_of_side_cars(tmp_path):
    names = {"a.pgw", "a.TFW", "a.jpgw", "a.png.aux.xml", "a.prj", "a.wld"}
    assert all(georeference.is_side_car(tmp_path / name) for name in names)
    assert not any(georeference.is_side_car(tmp_path / name) for name in ("a.png", "a.txt", "a", "w"))
