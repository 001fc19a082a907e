"""The facades' colors against the published pairs, and palettes that people write."""

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.images.label_colors import (
    IGNORED_COLOR,
    PALETTES,
    Palette,
    default_colors,
    format_palette,
    read_palette,
)
from pipelines.system.terminal import InputError
from tests.helpers.golden import SHARED

COLORS = np.array([*PALETTES["facades"].classes.values()])


def as_published(color, like):
    """What a color becomes in a JPEG with the quantization and the chroma subsampling of the published pairs."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), tuple(color)).save(file, "JPEG", qtables=like.quantization, subsampling="4:2:0")
    with Image.open(file) as picture:
        return picture.getpixel((8, 8))


@pytest.mark.needs_shared
def test_the_published_facades_have_these_colors():
    pixels, distances = [], []
    for number in range(1, 81):
        with Image.open(SHARED / "data" / "facades" / "train" / f"{number}.jpg") as published:
            labels = np.asarray(published).astype(int)[:, 256:]
        # JPEG blurs colors at edges: only pixels that equal their neighbors show the palette.
        inner = labels[1:, 1:]
        steps = np.abs(inner - labels[:-1, 1:]).max(-1) + np.abs(inner - labels[1:, :-1]).max(-1)
        pixels.append(inner[steps == 0])
        flat = inner[steps <= 2]
        distances.append(np.abs(flat[:, None] - COLORS).max(-1).min(-1))
    assert np.percentile(np.concatenate(distances), 99) <= 8
    pixels = np.concatenate(pixels)
    nearest = ((pixels[:, None] - COLORS) ** 2).sum(-1).argmin(-1)
    for index, color in enumerate(COLORS):
        found, counts = np.unique(pixels[nearest == index], axis=0, return_counts=True)
        assert tuple(found[counts.argmax()]) == as_published(color, published)


def test_a_file_has_a_color_a_line(tmp_path):
    file = tmp_path / "colors.txt"
    file.write_text("0,0,222 background\n#ff8000   a wall \n\n1,2,3 ignored\n")
    palette = read_palette(str(file))
    assert palette == Palette({"background": (0, 0, 222), "a wall": (255, 128, 0)}, ignored=((1, 2, 3),))
    assert format_palette(palette) == "#0000de,#ff8000;#010203"
    again = read_palette(format_palette(palette))
    assert ([*again.classes.values()], again.ignored) == ([(0, 0, 222), (255, 128, 0)], ((1, 2, 3),))


@pytest.mark.parametrize("name", PALETTES)
def test_a_name_and_its_colors_written_out_are_the_same(name):
    again = read_palette(format_palette(read_palette(name)))
    assert [*again.classes.values(), *again.ignored] == [*PALETTES[name].classes.values(), *PALETTES[name].ignored]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3\n1,2\n", ["1,2"]),
        ("1,2,3\n1,2,256\n", ["1,2,256"]),
        ("1,2,3\n#12345g\n", ["#12345g"]),
        ("1,2,3\n", ["two or more"]),
        ("1,2,3\n1,2,3\n", ["twice"]),
        ("1,2,3 a\n3,2,3 a\n", ["twice"]),
        ("\0\xff\n", ["is not a color"]),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, words):
    file = tmp_path / "colors.txt"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_palette(str(file))
    assert all(word in str(error.value) for word in ("label_colors", "colors.txt", *words))


@pytest.mark.parametrize("text", ["nowhere.txt", "a\0b", "#12345,#34567", "maps"])
def test_a_text_that_names_no_colors_is_refused(text):
    with pytest.raises(InputError, match="label_colors"):
        read_palette(text)


def test_the_default_colors_are_pascal_vocs():
    # As its development kit has them; 255 is the color of no class.
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    colors = default_colors(256)
    assert {number: colors[number] for number in expected} == expected
    assert colors[255] == IGNORED_COLOR
    assert len({*colors}) == 256
