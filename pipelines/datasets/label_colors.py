"""The colors of label maps: which color stands for which class in cityscapes and facades."""

import dataclasses

Color = tuple[int, int, int]


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
