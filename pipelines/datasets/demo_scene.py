"""Draws the scene of one facade: every element paints its color, its relief (for shadow and shading) and its class."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.images.label_colors import PALETTES

PALETTE = PALETTES["facades"].classes
CLASSES = tuple(PALETTE)

UNITS = 256  # to a picture's side; all boxes and lengths below are in these
STREET = 240  # where the walls end
SKY = -20  # the relief of what neither casts nor takes a shadow
SHADOW_TINT = np.float32((0.46, 0.40, 0.28))  # the share of red, green, blue that it takes: the sky lights it
STONE, PALE, IRON, GRAY, WOOD = np.float32(
    ((214, 202, 180), (236, 230, 216), (44, 44, 50), (168, 162, 154), (112, 72, 40))
)

Color: TypeAlias = npt.ArrayLike  # (3,) in [0, 255]; where two are taken, (2, 3): at the box's top and bottom
Box = tuple[float, float, float, float]  # left, top, right, bottom
Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of x (1, w) and y (h, 1) from the box's upper left


def bars(pitch: float, thickness: float, upright: bool) -> Distance:
    """Computes the signed distance into evenly spaced bars."""
    return lambda x, y: thickness / 2 - np.abs((x + 0 * y if upright else y + 0 * x) % pitch - pitch / 2)


def spandrels(width: float) -> Distance:
    """Computes the signed distance into the box's upper corners, outside a half circle as wide as the box."""
    return lambda x, y: np.hypot(x - width / 2, np.minimum(y - width / 2, 0)) - width / 2


class Scene:
    """Holds a facade while it is drawn: rasters of albedo, of relief (units out of the wall) and of classes."""

    def __init__(self, size: int, rng: np.random.Generator):
        self.size, self.rng, self.unit = size, rng, size / UNITS
        self.albedo: np.ndarray = np.zeros((size, size, 3), np.float32)
        self.relief: np.ndarray = np.full((size, size), SKY, np.float32)
        self.classes: np.ndarray = np.zeros((size, size), np.uint8)

    def paint(
        self, box: Box, color: Color, relief: float | None = None, inside: Distance | None = None, label: str = ""
    ) -> None:
        """Paints one color, or from one to another downwards, over the box's part where `inside` > 0."""
        left, top, right, bottom = (min(max(round(edge * self.unit), 0), self.size) for edge in box)
        area = np.s_[top:bottom, left:right]
        x = ((np.arange(left, right, dtype=np.float32) + 0.5) / self.unit - box[0])[None]
        y = ((np.arange(top, bottom, dtype=np.float32) + 0.5) / self.unit - box[1])[:, None]
        first, last = np.broadcast_to(np.float32(color), (2, 3))
        paint, cover = first + (y / (box[3] - box[1]))[..., None] * (last - first), 1
        if inside is not None:
            cover = np.clip(inside(x, y) * self.unit + 0.5, 0, 1).astype(np.float32)
            paint = self.albedo[area] + cover[..., None] * (paint - self.albedo[area])
        self.albedo[area] = paint
        if relief is not None:
            self.relief[area] += cover * (relief - self.relief[area])
        if label:
            self.classes[area] = CLASSES.index(label)

    def noise(self, cells: int) -> np.ndarray:
        """Returns smooth noise (size, size), mostly within ±1."""
        coarse = self.rng.standard_normal((cells, cells), np.float32) / 2
        return np.asarray(Image.fromarray(coarse).resize((self.size, self.size), Image.Resampling.BICUBIC))

    def photo(self) -> np.ndarray:
        """Lights the albedo by a sun at the upper left: shadows, bright and dark edges, grain."""
        reach = round(14 * self.unit)
        padded = np.pad(self.relief, reach, mode="edge")

        def towards_sun(pixels: int) -> np.ndarray:
            down, across = reach - pixels, reach - round(0.6 * pixels)
            return padded[down : down + self.size, across : across + self.size]

        blocked = np.full_like(self.relief, SKY)
        for pixels in range(1, reach + 1):
            np.maximum(blocked, towards_sun(pixels) - np.float32(pixels / self.unit), out=blocked)
        solid = self.relief > SKY
        shadow = np.clip((blocked - self.relief) / 2, 0, 1) * solid
        edges = np.clip(self.relief - towards_sun(1), -2, 2) * solid
        light = 1 + 0.07 * edges + 0.018 * self.rng.standard_normal(shadow.shape, np.float32)
        lit = self.albedo * light[..., None] * (1 - shadow[..., None] * SHADOW_TINT)
        return np.clip(lit + 0.5, 0, 255).astype(np.uint8)

    def surroundings(self) -> None:
        """Paints a sky that pales downwards with thin cloud, a pavement with its curb, and the road."""
        self.paint((0, 0, UNITS, UNITS), ((122, 176, 228), (216, 232, 244)))
        self.albedo += 9 * self.noise(6)[..., None]
        self.paint((0, STREET, UNITS, STREET + 6), (GRAY, 0.9 * GRAY), 0)
        self.paint((0, STREET + 6, UNITS, STREET + 7.5), 1.18 * GRAY, 1)
        self.paint((0, STREET + 7.5, UNITS, UNITS), (0.66 * GRAY, 0.76 * GRAY), -1)

    def neighbor(self, left: float, right: float, top: float) -> None:
        """Paints a hazy house beside the facade, with a column of windows."""
        self.paint((left, top, right, STREET), ((186, 172, 158), (172, 156, 138)), -9, label="facade")
        self.paint((left, top, right, top + 5), (150, 144, 136), -7, label="molding")
        middle = (left + right) / 2
        for y in range(round(top) + 18, STREET - 30, 38):
            self.paint((middle - 7, y, middle + 7, y + 20), (92, 106, 124), -11, label="window")
            self.paint((middle - 0.7, y, middle + 0.7, y + 20), (190, 188, 184), -10)

    def wall(self, left: float, right: float, eaves: float, ground: float, color: Color, course: int) -> None:
        """Paints bricks or blocks `course` high, or plaster if 0; below `ground` a base of grooved stone."""
        box, base = (left, eaves, right, STREET), (left, ground, right, STREET)
        self.paint(box, np.outer((1.04, 0.92), color), 0, label="facade")
        texture = 1 + 0.04 * self.noise(9) + 0.03 * self.noise(64)
        if course:
            y, x = np.indices(texture.shape, np.float32) / self.unit
            row = (y / course).astype(int)
            x += row % 2 * 1.2 * course
            tones = self.rng.uniform(-0.07, 0.07, (row.max() + 1, UNITS))
            joint = (y % course < 1) | (x % (2.4 * course) < 1)
            texture += np.where(joint, -0.1, tones[row, (x / (2.4 * course)).astype(int)])
        self.albedo *= np.where(self.classes == CLASSES.index("facade"), texture, 1)[..., None]
        self.paint(base, (192, 172, 144))
        self.paint(base, (166, 147, 122), None, bars(9, 1.2, upright=False))
        self.paint((left, STREET - 8, right, STREET), 0.76 * GRAY, 1)

    def roof(self, left: float, right: float, eaves: float, middles: list[float]) -> None:
        """Paints a tiled roof with dormers, which CMP counts as facade too."""
        self.paint((left, eaves - 24, right, eaves), ((176, 100, 76), (152, 84, 64)), -3, label="facade")
        self.paint((left, eaves - 24, right, eaves), (126, 70, 54), None, bars(4, 1, upright=False))
        for x in middles:
            self.paint((x - 8, eaves - 20, x + 8, eaves), STONE, 1)
            self.paint((x - 10, eaves - 22, x + 10, eaves - 18), (140, 78, 60), 4)
            self.window((x - 5, eaves - 16, x + 5, eaves - 2), rounded=False)

    def glass(self, box: Box, label: str) -> None:
        """Paints panes that mirror the sky: light above, dark below, a slanting gleam."""
        width, height = box[2] - box[0], box[3] - box[1]
        self.paint(box, ((82, 114, 154), (46, 68, 102)), -4, label=label)
        gleam = ((128, 160, 196), (78, 100, 130))
        self.paint(box, gleam, None, lambda x, y: 0.09 * width - np.abs(x - (0.65 - 0.7 * y / height) * width))

    def window(self, box: Box, rounded: bool) -> None:
        """Paints a window in a stone surround: white frame, a transom, as many lights as fit its width."""
        left, top, right, bottom = box
        width, transom = right - left, top + 0.32 * (bottom - top)
        self.paint((left - 2, top - 2, right + 2, bottom + 2), STONE, 0.8)
        self.paint(box, 0.96 * STONE, -3, label="window")
        self.glass((left + 1.2, top + 1.2, right - 1.2, bottom - 1.2), "window")
        lights = max(2, round(width / 13))
        for x in (left + width * i / lights for i in range(1, lights)):
            self.paint((x - 0.6, top, x + 0.6, bottom), 0.96 * STONE, -3)
        self.paint((left, transom, right, transom + 1.2), 0.96 * STONE, -3)
        if rounded:
            self.paint(box, STONE, 0.8, spandrels(width))

    def ledge(self, box: Box, label: str, relief: float) -> None:
        """Paints a stone profile, bright on top and darker underneath."""
        self.paint(box, (1.12 * STONE, 0.86 * STONE), relief, label=label)

    def blind(self, box: Box, color: Color, relief: float) -> None:
        """Paints slats: a shutter beside a window, or a roller blind before it."""
        self.paint(box, color, relief, label="blind")
        slats = box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1
        self.paint(slats, np.multiply(color, 0.74), None, bars(3.2, 1.3, upright=False))

    def balcony(self, box: Box, stone: bool) -> None:
        """Paints a slab and a railing of stone or iron, with the wall behind visible through it."""
        left, top, right, bottom = box
        rail, pitch, thickness = (STONE, 5, 2.6) if stone else (IRON, 3.6, 1.1)
        self.paint(box, rail, None, bars(pitch, thickness, upright=True), "balcony")
        self.paint((left, top, right, top + 1.8), 1.1 * rail, 7)
        self.ledge((left - 1, bottom - 3.6, right + 1, bottom), "balcony", 9)

    def door(self, box: Box) -> None:
        """Paints two wooden leaves with panels, below a fanlight."""
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        self.paint((left - 3, top - 3, right + 3, bottom), STONE, 1.5)
        self.glass(box, "door")
        self.paint((left, top + 0.3 * height, right, bottom), (1.1 * WOOD, 0.85 * WOOD), -3)
        for x, y in ((0.1, 0.4), (0.57, 0.4), (0.1, 0.7), (0.57, 0.7)):
            x, y = left + x * width, top + y * height
            self.paint((x, y, x + 0.33 * width, y + 0.23 * height), 0.72 * WOOD, -4.5)
        self.paint((left, top + 0.3 * height, right, top + 0.3 * height + 2), 0.7 * WOOD, -1)
        self.paint(box, STONE, 1.5, spandrels(width))

    def shop(self, box: Box, color: Color) -> None:
        """Paints a shop window in a painted frame, under a striped awning."""
        left, top, right, bottom = box
        middle, low = (left + right) / 2, min(top + 0.3 * (bottom - top), top + 15)
        self.paint(box, np.multiply(color, 0.5), 1, label="shop")
        self.glass((left + 2, low, right - 2, bottom - 7), "shop")
        self.paint((middle - 1, low, middle + 1, bottom - 7), IRON, -2)
        self.paint((left, top, right, low), (1.05 * PALE, 0.9 * PALE), 9)
        self.paint((left, top, right, low), np.outer((1.1, 0.85), color), None, bars(8, 4, upright=True))
        self.paint((left, low - 1.5, right, low), np.multiply(color, 0.7), 10)

    def molding(self, left: float, right: float, top: float, height: float) -> None:
        """Paints a horizontal band of stone: a projecting crown over a frieze with dentils."""
        crown, bottom = top + 0.4 * height, top + height
        self.paint((left, top, right, bottom), (STONE, 0.88 * STONE), 1, label="molding")
        self.paint((left, crown, right, bottom - 0.25 * height), STONE, 3, bars(6, 3, upright=True))
        self.paint((left, top, right, crown), (PALE, 0.94 * STONE), 3 + 0.3 * height)

    def pillar(self, middle: float, top: float, bottom: float) -> None:
        """Paints a half column, rounded by its shading, with capital and base."""
        self.paint((middle - 3.5, top, middle + 3.5, bottom), 0.86 * STONE, 2.5, label="pillar")
        self.paint((middle - 3.5, top, middle + 2, bottom), 1.02 * STONE)
        self.paint((middle - 2, top, middle, bottom), 1.1 * STONE)
        for y in (top, bottom - 4):
            self.paint((middle - 4.5, y, middle + 4.5, y + 4), PALE, 3.5, label="pillar")

    def medallion(self, box: Box) -> None:
        """Paints a stucco panel with a raised rim and an oval in it."""
        width, height = box[2] - box[0], box[3] - box[1]
        self.paint(box, (206, 178, 134), 2, label="deco")
        self.paint((box[0] + 1.5, box[1] + 1.5, box[2] - 1.5, box[3] - 1.5), (184, 154, 112), 0.5)
        self.paint(box, PALE, 2.5, lambda x, y: width * (0.3 - np.hypot(x / width - 0.5, y / height - 0.5)))

    def bay(self, box: Box, has: set[str], rounded: bool, shutter: Color) -> None:
        """Paints an upper window with the parts that `has` names."""
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        self.window(box, rounded)
        if "shutters" in has:
            for edge in (left - 0.36 * width - 1, right + 1):
                self.blind((edge, top, edge + 0.36 * width, bottom), shutter, 1.5)
        elif "rollers" in has:
            self.blind((left, top, right, top + 0.45 * height), (214, 196, 160), -1)
        if "cornices" in has:
            self.ledge((left - 4, top - 6, right + 4, top - 1), "cornice", 5)
        if "balconies" in has:
            self.balcony((left - 6, bottom - 0.42 * height, right + 6, bottom + 4), stone="cornices" in has)
        elif "sills" in has:
            self.ledge((left - 3, bottom, right + 3, bottom + 3.5), "sill", 4)
