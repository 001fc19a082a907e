"""Pairs and single images are told apart by shape and seam, and nothing is said where that is not clear."""

import numpy as np
import pytest
from PIL import Image

from pipelines.images import packed_pair
from pipelines.storage.image_files import Files
from pipelines.storage.kind import aspects_of, guess_kind, source_sizes, typical_size


def waves(height, width, phase):
    rows, columns = np.mgrid[:height, :width]
    return (np.sin(columns / 9 + phase) + np.cos(rows / 7 + columns / 15 + phase)) * 63 + 128


@pytest.fixture
def save(tmp_path):
    """Saves arrays as PNG files; returns their set."""

    def saved(*arrays):
        paths = [tmp_path / f"{i}.png" for i in range(len(arrays))]
        for path, values in zip(paths, arrays, strict=True):
            Image.fromarray(values.astype(np.uint8)).save(path)
        return Files(tmp_path, paths)

    return saved


def white(height, width):
    return np.full((height, width), 255)


def pair(phase):
    return np.concatenate([waves(64, 64, phase), 255 - waves(64, 64, phase)], axis=1)


PHASES = (0.0, 0.3, 0.6, 0.9)
SQUARE = (1.0, 1.0)


@pytest.mark.parametrize("aspects", [None, SQUARE, (2.0, 2.0)])
def test_a_clear_middle_counts_more_than_the_shape(save, aspects):
    assert guess_kind(save(*map(pair, PHASES)), aspects) == "pairs"
    assert guess_kind(save(*(waves(64, 128, phase) for phase in PHASES)), aspects) == "images"


def test_the_shape_counts_where_the_middle_is_white(save):
    wide, square = save(white(64, 128), white(64, 128)), save(white(64, 64))
    assert guess_kind(save(white(64, 128), white(64, 128)), SQUARE) == "pairs"
    assert guess_kind(save(white(64, 64)), SQUARE) == "images"
    assert guess_kind(wide, None) is None
    assert guess_kind(square, None) is None


def test_other_shapes_tell_nothing(save):
    # One of them is neither a pair nor an image of the known shape.
    assert guess_kind(save(white(64, 128), white(64, 100)), SQUARE) is None
    # Both a pair and an image would do.
    assert guess_kind(save(white(64, 128)), (1.0, 2.0)) is None


def test_a_single_wide_photo_is_no_pair(save):
    assert guess_kind(save(waves(64, 128, 0)), SQUARE) is None


def test_bad_files_and_pairs_of_files_tell_nothing(save, tmp_path):
    files = save(white(64, 128))
    (tmp_path / "0.png").write_bytes(b"no image")
    assert guess_kind(files, SQUARE) is None
    assert source_sizes(files, "AtoB") == []
    one, other = (tmp_path / f"{name}.png" for name in "ab")
    Image.new("L", (30, 20)).save(one)
    Image.new("L", (40, 20)).save(other)
    (tmp_path / "0.png").write_bytes(packed_pair.pack(one.read_bytes(), other.read_bytes()))
    assert guess_kind(files, SQUARE) is None
    assert source_sizes(files, "AtoB") == [(20, 30)]
    assert source_sizes(files, "BtoA") == [(20, 40)]


def test_the_sizes_of_sources_are_those_of_halves(save):
    sizes = source_sizes(save(white(20, 40), white(24, 72), white(20, 30)), "AtoB")
    assert sizes == [(20, 20), (24, 36), (20, 15)]
    assert aspects_of(sizes) == (0.75, 1.5)
    assert typical_size(sizes) == (20, 20)
    assert typical_size([]) is aspects_of([]) is None
