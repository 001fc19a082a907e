"""What people see of images, against Pillow's own composition and palettes, and by hand."""

import numpy as np
import pytest
from PIL import Image

from pipelines.images.display import PLAIN, Display
from pipelines.images.figure import image_rows, to_array
from pipelines.images.label_colors import IGNORED_COLOR

RED_BLUE = ((255, 0, 0), (0, 0, 255))


def images(channels, dtype="float32"):
    levels = np.random.default_rng(0).integers(0, 256, (2, 5, 4, channels))
    return levels.astype(np.uint8), (levels / 127.5 - 1).astype(dtype)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_up_to_four_channels_are_gray_rgb_and_alpha_over_white(channels, mode):
    levels, values = images(channels)
    for image, shown in zip(levels, PLAIN.to_rgb(values), strict=True):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image, mode).convert("RGBA")
        expected = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        # Pillow rounds more than once.
        assert np.abs(np.asarray(expected).astype(int) - shown).max() <= 1


@pytest.mark.parametrize(
    ("channels", "places"),
    [(None, [0, 1, 2]), ((6, 3, 1), [6, 3, 1]), ((4,), [4, 4, 4])],
    ids=["default", "three", "one"],
)
def test_of_many_channels_those_that_were_chosen(channels, places):
    levels, values = images(7)
    shown = Display(channels).to_rgb(values)
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, levels[..., places])


def test_labels_have_their_colors():
    values = np.array([[[[0.2, -0.2], [-0.9, 0.9], [-1, -1]]]], np.float32)
    shown = Display(colors=RED_BLUE).to_rgb(values)
    np.testing.assert_array_equal(shown, [[[RED_BLUE[0], RED_BLUE[1], IGNORED_COLOR]]])
    target = np.array([[[[-1, 1], [-1, 1], [-1, -1]]]], np.float32)
    np.testing.assert_array_equal(Display(colors=RED_BLUE).error(target, values), [[[1, 0, 0]]])
    np.testing.assert_allclose(PLAIN.error(target, values), [[[1.2, 0.1, 0]]], rtol=1e-6)


def test_a_figure_shows_each_row_as_its_display_says():
    values = np.full((1, 200, 200, 5), -1, np.float32)
    values[..., 3] = 1
    figure = to_array(image_rows({"source": values, "target": values}, {"target": Display((3, 0, 0))}))
    middle = [figure[height, 100].tolist() for height in (130, 130 + 230)]
    assert middle == [[0, 0, 0], [255, 0, 0]]


def test_pictures_of_different_shapes_keep_their_proportions():
    """All at one scale, each in the middle of a cell for the largest: here 2 x (200x100) pixels, in gray on white."""
    images = [np.zeros((200, 50, 3), np.float32), np.zeros((20, 100, 3), np.float32)]
    figure = to_array(image_rows({"source": images}))
    gray = (figure == 128).all(-1)
    assert figure.shape[:2] == (200 + 26 + 4, 2 * (100 + 4) + 4)
    first, second = gray[:, :106], gray[:, 106:]
    for part, (height, width), left in ((first, (200, 50), 4 + 25), (second, (20, 100), 2)):
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        assert (len(rows), len(columns), columns[0]) == (height, width, left)
        assert abs(rows[0] - (26 + (200 - height) // 2)) <= 1
