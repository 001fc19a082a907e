"""The colors of label maps: which color stands for which class. It does not import TensorFlow, so --help is quick."""

import dataclasses
import pathlib

from pipelines.images.color import Color, parse_color
from pipelines.system.terminal import InputError

# The class of a color that stands for no class, in a file and in a text.
IGNORED = "ignored"
# Of a pixel without a class, and of VOC's (Everingham et al. 2010), where 255 is no class either.
IGNORED_COLOR = (224, 224, 192)


@dataclasses.dataclass(frozen=True)
class Palette:
    """The colors of a data set's label maps.

    Attributes:
      classes: name to color, 0..255, in the order of the segmentation network's logits.
      ignored: colors of the classes that are not scored.
    """

    classes: dict[str, Color]
    ignored: tuple[Color, ...] = ()


# cityscapes: the 19 classes that its benchmark scores, in the order of their train ids, and the colors of all others
# (cityscapesScripts, helpers/labels.py). facades: the 12 classes of the CMP facade database in its order. Saved as JPEG
# the way the published pairs are, these colors become the most frequent color of each class in those pairs.
PALETTES = {
    "cityscapes": Palette(
        classes={
            "road": (128, 64, 128),
            "sidewalk": (244, 35, 232),
            "building": (70, 70, 70),
            "wall": (102, 102, 156),
            "fence": (190, 153, 153),
            "pole": (153, 153, 153),
            "traffic light": (250, 170, 30),
            "traffic sign": (220, 220, 0),
            "vegetation": (107, 142, 35),
            "terrain": (152, 251, 152),
            "sky": (70, 130, 180),
            "person": (220, 20, 60),
            "rider": (255, 0, 0),
            "car": (0, 0, 142),
            "truck": (0, 0, 70),
            "bus": (0, 60, 100),
            "train": (0, 80, 100),
            "motorcycle": (0, 0, 230),
            "bicycle": (119, 11, 32),
        },
        ignored=(
            (0, 0, 0),
            (111, 74, 0),
            (81, 0, 81),
            (250, 170, 160),
            (230, 150, 140),
            (180, 165, 180),
            (150, 100, 100),
            (150, 120, 90),
            (0, 0, 90),
            (0, 0, 110),
        ),
    ),
    "facades": Palette(
        classes={
            "background": (0, 0, 222),
            "facade": (0, 48, 255),
            "window": (0, 128, 255),
            "door": (0, 207, 255),
            "cornice": (32, 255, 223),
            "sill": (112, 255, 143),
            "balcony": (191, 255, 64),
            "blind": (255, 239, 0),
            "deco": (255, 159, 0),
            "molding": (255, 80, 0),
            "pillar": (255, 0, 0),
            "shop": (174, 0, 0),
        }
    ),
}

MAX_COLORS_BYTES = 100_000


def read_palette(text: str, option: str = "label_colors") -> Palette:
    """Reads the colors of label maps: by a data set's name, from a file, or written out as `format_palette` does.

    A file has a color a line, class 0 first: `0,0,222 background` or `#0000de`. A color named `ignored` stands for
    pixels without a class.

    Args:
      text: one of these.
      option: named in errors.

    Raises:
      InputError: there is no such file, or it has something else in a line.
    """
    if text in PALETTES:
        return PALETTES[text]
    if text.startswith("#"):
        classes, _, ignored = text.partition(";")
        lines = [*classes.split(","), *(f"{word} {IGNORED}" for word in ignored.split(",") if word)]
    else:
        lines = _read_lines(text, option)
    named: dict[str, Color] = {}
    ignored_colors = []
    for line in lines:
        word, *names = line.split(maxsplit=1) or [""]
        color, name = _color(word, f"{option}={text:.100}"), names[0].strip() if names else str(len(named))
        if name == IGNORED:
            ignored_colors.append(color)
        elif name in named or color in named.values():
            raise InputError(f"{option}={text:.100} has {line:.50} twice; give each class a name and color of its own")
        else:
            named[name] = color
    if len(named) < 2:
        raise InputError(f"{option}={text:.100} has {len(named)} colors of classes; give two or more, one a line")
    return Palette(named, tuple(ignored_colors))


def format_palette(palette: Palette) -> str:
    """Writes colors as one word, without names: `#0000de,#0030ff`, and after a `;` those of no class."""
    classes, ignored = (",".join(map(_hexadecimal, colors)) for colors in (palette.classes.values(), palette.ignored))
    return f"{classes};{ignored}" if ignored else classes


def default_colors(classes: int) -> list[Color]:
    """Chooses a color for each class that has none: those of Pascal VOC, which differ as early as they can.

    The bits of the number, three at a time from the lowest, become the bits of red, green and blue from the highest.
    """
    colors = []
    for number in range(classes):
        levels = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                levels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
        colors.append((levels[0], levels[1], levels[2]))
    return colors


def _read_lines(path: str, option: str) -> list[str]:
    try:
        contents = pathlib.Path(path).read_bytes()[:MAX_COLORS_BYTES]
    except (OSError, ValueError):
        known = ", ".join(PALETTES)
        raise InputError(
            f"{option}={path:.100} is neither a file nor one of {known}; give one of these, or a file with a color "
            "a line, such as 0,0,222"
        ) from None
    return [line for line in contents.decode(errors="replace").splitlines() if line.strip()]


def _color(word: str, given: str) -> Color:
    try:
        return parse_color(word)
    except ValueError as error:
        raise InputError(f"{given}: {word:.20} {error}") from None


def _hexadecimal(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
