"""What check says of a split: numbers worked by hand, in files of other libraries than the one that reads."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.datasets.findings import describe, find, find_between
from pipelines.datasets.survey import Survey, survey_pairs, survey_sample
from pipelines.images.image_format import ImageFormat
from pipelines.images.packed_pair import pack
from pipelines.images.pair_format import PairFormat
from pipelines.storage.image_files import Files
from pipelines.storage.sample import spread_indices

SIZE = (32, 32)


def tiff(values):
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric="minisblack", planarconfig="contig" if values.ndim == 3 else None)
    return file.getvalue()


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def photo(seed, height=32, width=32):
    """Smooth noise of all of 0..255."""
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8))
    large = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return np.round((large - large.min()) / np.ptp(large) * 255).astype(np.uint8)


def surveyed(pairs, source=None, target=None, direction="AtoB", **options):
    """A survey of pairs of bytes (A, B), or of side-by-side bytes."""
    form = PairFormat(direction, SIZE, source or ImageFormat(), target or ImageFormat(), **options)
    survey = Survey(form)
    for index, pair in enumerate(pairs):
        survey.add(f"{index}", survey.look(pack(*pair) if isinstance(pair, tuple) else pair))
    return survey


def of_targets(*arrays, **options):
    """The findings of pairs with these targets, beside photos."""
    return find(surveyed([(png(photo(i)), tiff(values)) for i, values in enumerate(arrays)], **options))


def the_one(found):
    """The only finding."""
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_said_of_photos():
    survey = surveyed([(png(photo(i)), png(photo(i + 100))) for i in range(6)])
    assert find(survey) == []
    assert describe(survey)[0].startswith("sources: 32x32, 1 channel, uint8 0 to 255")


def test_12_bits_in_16():
    ramp = np.linspace(3, 3900, 32 * 32).astype(np.uint16).reshape(32, 32)
    line = the_one(of_targets(ramp, ramp[::-1]))
    for named in ("targets", "uint16 3 to 3900", "12-bit data in 16-bit files", "5.9%", "--target_range=0,4095"):
        assert named in line
    good = ImageFormat(value_range=(0, 4095))
    assert of_targets(ramp, ramp[::-1], target=good) == []


def test_numbers_outside_of_the_given_range_are_counted():
    values = np.zeros((32, 32), np.uint16)
    values[:16], values[0] = 4095, 5000
    # A row of 32.
    assert "3.1%" in the_one(of_targets(values, values.T, target=ImageFormat(value_range=(0, 4095))))
    assert "use little" in the_one(of_targets(values // 50, target=ImageFormat(value_range=(0, 4095))))


def test_class_numbers():
    values = np.arange(32 * 32).reshape(32, 32).astype(np.uint8) // 7 % 5
    line = the_one(of_targets(values, values[::-1].copy()))
    assert "0, 1, 2, 3, 4" in line
    assert "--target_labels=5" in line
    assert "--target_range=0,4" in line
    ignored = np.where(values == 4, 255, values).astype(np.uint8)
    assert "--target_labels=4" in the_one(of_targets(ignored, ignored.T.copy()))
    assert of_targets(values, target=ImageFormat(channels=5, labels=5)) == []
    assert "hold 4" in the_one(of_targets(values, target=ImageFormat(channels=4, labels=4)))


def test_floats_get_a_range():
    ramp = np.linspace(-1.5, 30, 32 * 32).astype(np.float32).reshape(32, 32)
    assert "--target_range=-1.5,30" in the_one(of_targets(ramp, ramp[::-1].copy()))
    assert of_targets(ramp, ramp.T.copy(), target=ImageFormat(value_range=(-2, 31))) == []
    line = the_one(find(surveyed([(tiff(ramp), png(photo(0)))])))
    assert "--source_range=-1.5,30" in line
    assert "--source_normalize=percentile:1,99.8" in line
    assert find(surveyed([(tiff(ramp), png(photo(0)))], ImageFormat(percentiles=(1, 99.8)))) == []


def test_a_constant_side_and_single_blank_images():
    black, white = np.zeros((32, 32), np.uint8), np.full((32, 32), 255, np.uint8)
    assert any("every number of the targets is 0" in line for line in of_targets(black, black))
    assert "1 of 3 targets are of one color" in the_one(of_targets(photo(7), white, photo(8)))


def test_a_channel_without_content():
    values = np.stack([photo(i) for i in range(12)], axis=-1)
    values[..., [3, 6]] = 9
    pair = (tiff(values), png(photo(20)))
    assert "channels 4, 7" in the_one(find(surveyed([pair])))


def test_equal_sources_and_equal_sides():
    found = find(surveyed([(png(photo(0)), png(photo(i))) for i in (1, 2, 3)]))
    assert "all 3 sources are the same image" in the_one(found)
    # The other direction makes them targets.
    found = find(surveyed([(png(photo(0)), png(photo(i))) for i in (1, 2, 3)], direction="BtoA"))
    assert "all 3 targets are the same image" in the_one(found)
    found = find(surveyed([(png(photo(i)), tiff(photo(i))) for i in (1, 2, 3)]))
    assert "3 of 3 sources equal their targets" in the_one(found)


def test_pairs_that_are_there_twice():
    pair = (png(photo(0)), png(photo(1)))
    assert "1 of 3 pairs are there already" in the_one(find(surveyed([pair, (png(photo(2)), png(photo(3))), pair])))


def test_types_and_channels_that_differ():
    line = " ".join(of_targets(photo(5), photo(6).astype(np.uint16) * 257))
    assert "uint16 and uint8" in line
    rgb = np.stack([photo(i) for i in range(3)], axis=-1)
    assert "1 (1), 3 (1)" in the_one(find(surveyed([(png(photo(9)), png(photo(10))), (png(rgb), png(photo(11)))])))


def test_sparse_masks():
    lines = np.zeros((32, 32), np.uint8)
    lines[4] = 255
    found = of_targets(lines, np.roll(lines, 9, axis=0))
    assert any("3.1% white" in line and "--target_mask" in line for line in found)
    survey = surveyed([(png(photo(0)), png(lines))])
    assert not [line for line in find(survey, target_mask=True) if "mask" in line]


def wide_photo(seed):
    """An image that goes on in its middle."""
    rows, columns = np.mgrid[:64, :128]
    return np.round((np.sin(columns / 9 + seed) + np.cos(rows / 7 + columns / 15 + seed)) * 63 + 128).astype(np.uint8)


def test_single_images_given_for_pairs():
    assert "look like single images" in the_one(find(surveyed([png(wide_photo(seed)) for seed in range(4)])))
    pairs = [png(np.concatenate([photo(i, 64, 64), 255 - photo(i + 9, 64, 64)], axis=1)) for i in range(4)]
    assert find(surveyed(pairs)) == []
    white = np.full((64, 64), 255, np.uint8)
    white[20:40, [9, 50]] = 0
    lines = find(surveyed([png(np.roll(white, i, axis=0)) for i in range(4)]))
    assert any("square" in line for line in lines)


def test_sides_of_different_shapes():
    pairs = [(png(photo(0, 32, 48)), png(photo(1)))]
    assert any("--resize_to" in line for line in find(surveyed(pairs)))
    assert not any("--resize_to" in line for line in find(surveyed(pairs, resize_to="a")))


def test_fine_structure_that_a_resize_loses():
    lines = np.zeros((128, 128), np.uint8)
    lines[::8] = lines[:, ::8] = 255
    pairs = [(png(photo(i, 128, 128)), png(np.roll(lines, i, axis=0))) for i in range(3)]
    line = next(line for line in find(surveyed(pairs)) if "variance" in line)
    assert "--preprocess=crop" in line
    assert "from 128x128 to 32x32" in line
    assert not any("variance" in line for line in find(surveyed(pairs, preprocess="crop")))


def test_one_shape_squeezed_is_told_from_several():
    one = find(surveyed([(png(photo(i, 32, 64)), png(photo(i + 9, 32, 64))) for i in range(2)]))
    assert "--image_size" in the_one(one)
    shapes = [(32, 64), (64, 32)]
    several = find(surveyed([(png(photo(i, *shape)), png(photo(i + 9, *shape))) for i, shape in enumerate(shapes)]))
    assert "2 sizes from 32x64 to 64x32" in the_one(several)


def test_the_same_picture_in_train_and_val():
    train = surveyed([(png(photo(i)), png(photo(i + 100))) for i in range(4)])
    # The second pair of train in another format, and the third's source with another target.
    val = surveyed(
        [(tiff(photo(1)), tiff(photo(101))), (png(photo(2)), png(photo(55))), (png(photo(8)), png(photo(9)))]
    )
    found = find_between(train, val, ("train", "val"))
    assert len(found) == 2
    assert "1 of 3 pairs in val are in train too: 0 is 1" in found[0]
    assert "1 more sources" in found[1]
    assert find_between(val, surveyed([(png(photo(70)), png(photo(71)))]), ("train", "val")) == []
    deep = surveyed([(png(photo(70)), tiff(photo(71).astype(np.uint16) * 257))])
    assert "uint8 in train, and uint16 in test" in the_one(find_between(train, deep, ("train", "test")))


def test_files_are_surveyed_in_one_pass_and_bad_ones_are_named(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(40)]
    for i, path in enumerate(paths):
        path.write_bytes(png(np.concatenate([photo(i), photo(i + 100)], axis=1)))
    paths[3].write_bytes(b"no image")
    paths[7].write_bytes(png(photo(0, 32, 33)))
    survey, bad = survey_pairs(Files(tmp_path, paths), PairFormat("AtoB", SIZE), "reading")
    assert sorted(bad) == [paths[3], paths[7]]
    assert len(survey) == 38
    assert survey.names[3] == "4.png"
    assert survey.source.statistics["uint8"].count == 38 * 32 * 32
    sample = survey_sample(Files(tmp_path, paths), PairFormat("AtoB", SIZE))
    assert len(sample) == 32 - len({3, 7} & {*spread_indices(40, 32)})


@pytest.mark.parametrize("pairs", [[], [(png(photo(0)), png(photo(1)))]])
def test_none_and_one_pair(pairs):
    assert find(surveyed(pairs)) == []


def test_fewer_large_pairs_are_looked_at(tmp_path, monkeypatch):
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for i, path in enumerate(paths):
        path.write_bytes(png(np.concatenate([photo(i), photo(i + 100)], axis=1)))
    # A pair has 2 * 32 * 32 bytes.
    for limit, count in ((6 * 2048, 6), (2048, 4), (2**28, 12)):
        monkeypatch.setattr("pipelines.datasets.survey.SAMPLE_BYTES", limit)
        assert len(survey_sample(Files(tmp_path, paths), PairFormat("AtoB", SIZE))) == count


def test_black_strokes_on_transparent_are_no_constant():
    drawings = []
    for i in range(3):
        drawing = np.zeros((32, 32, 4), np.uint8)
        drawing[4 + i :: 6, :, 3] = 255
        drawings.append(png(drawing))
    survey = surveyed([(drawing, png(photo(i))) for i, drawing in enumerate(drawings)])
    assert not [line for line in find(survey) if "sources" in line and "is 0" in line]
    assert "uint8 0 to 255" in describe(survey)[0]


def test_a_split_without_a_good_pair_is_described_by_nothing():
    survey = surveyed([])
    assert describe(survey) == []
    assert find(survey) == []
