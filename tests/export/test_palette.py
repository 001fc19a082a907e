"""The colors of sources, as pages and export.json have them."""

import numpy as np

from export.palette import drawing_colors
from tfpix2pix.config import Config


def test_pictures_in_two_colors():
    source = np.full((16, 16, 3), -1.0, np.float32)
    source[4:12, 4:16] = [1.0, -1.0, 0.2]  # 255, 0, 153
    assert drawing_colors(Config(), [source]) == {
        "palette": [{"name": "#000000", "color": "#000000"}, {"name": "#ff0099", "color": "#ff0099"}],
        "background": "#000000",
    }


def test_gray_pictures():
    source = np.full((32, 32, 1), 1.0, np.float32)
    source[10, 3:30] = -1.0
    colors = drawing_colors(Config(source_channels=1), [source])
    assert [color["name"] for color in colors["palette"]] == ["black", "white"]
    assert colors["background"] == "#ffffff"


def test_classes_have_the_names_of_label_colors():
    config = Config(source_labels=12, label_colors="facades").resolved()
    colors = drawing_colors(config, [np.zeros((8, 8, 12), np.float32)])
    assert colors["palette"][3] == {"name": "door", "color": "#00cfff"}
    assert colors["background"] == "#0000de"
    unnamed = drawing_colors(Config(source_labels=2).resolved(), [])
    assert unnamed["palette"] == [{"name": "0", "color": "#000000"}, {"name": "1", "color": "#800000"}]


def test_what_is_no_picture_has_any_colors():
    expected = {"palette": None, "background": "#ffffff"}
    assert drawing_colors(Config(source_channels=5), [np.zeros((8, 8, 5), np.float32)]) == expected
    assert drawing_colors(Config(), []) == expected
