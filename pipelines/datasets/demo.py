"""Draws the demo data set: facades in the manner of CMP facades, from a seed, without a network.

Each image has a photo (A, left) and its label map (B, right), so the task is `BtoA`. The labels also choose the style:
the number of stories chooses the wall, a window's width its panes. So they determine the photo up to texture, and a
small network learns it in minutes.
"""

import contextlib
import os
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.datasets.demo_scene import PALETTE, STREET, UNITS, Color, Scene
from pipelines.system.disk import whole_folder
from pipelines.system.terminal import InputError, progress_bar

# Splits start far apart, so that the size of one does not change the pictures of another.
FIRST_INDEX = {"train": 0, "val": 1_000_000, "test": 2_000_000}
# By (stories, whether windows have cornices): the wall's color, the height of its bricks or 0 for plaster.
WALLS = {
    (2, False): ((230, 206, 158), 0), (2, True): ((212, 154, 126), 0), (3, False): ((222, 186, 124), 0),
    (3, True): ((190, 120, 94), 5), (4, False): ((226, 196, 140), 0), (4, True): ((198, 130, 96), 5),
    (5, False): ((212, 190, 152), 12), (5, True): ((208, 148, 110), 12),
}  # fmt: skip
# By stories: where the wall begins, the color of shutters, the color of awnings.
HOUSES = {
    2: (84, (70, 112, 84), (178, 52, 44)), 3: (60, (56, 92, 104), (44, 110, 82)),
    4: (44, (62, 98, 70), (50, 92, 140)), 5: (34, (112, 66, 48), (178, 52, 44)),
}  # fmt: skip
# How often a facade has each of these.
FEATURES = {
    "cornices": 0.5, "shutters": 0.35, "rollers": 0.4, "sills": 0.7, "deco": 0.35, "balconies": 0.6,
    "pillars": 0.45, "roof": 0.45, "shops": 0.5,
}  # fmt: skip


def draw_upper_stories(
    scene: Scene, has: set[str], stories: int, middles: list[float], pitch: float, top: float, bottom: float
) -> None:
    """Draws the stories between two moldings: a grid of windows, with medallions between the columns."""
    rng, rise, shutter = scene.rng, (bottom - top) / (stories - 1), HOUSES[stories][1]
    crowded = has & {"shutters", "deco"}
    half = 0.5 * min(42, pitch * (0.4 if crowded else rng.uniform(0.42, 0.56)))
    balconies = rng.integers(3)  # along the first floor, down the middle, or checkered
    for story, column in np.ndindex(stories - 1, len(middles)):
        x, head, foot = middles[column], top + rise * (story + 0.23), top + rise * (story + 0.85)
        has_here = has - ({"rollers"} if rng.random() < 0.6 else set())
        if not (story == stories - 2, column == len(middles) // 2, (story + column) % 2 == 0)[balconies]:
            has_here = has_here - {"balconies"}
        rounded = story == 0 and not has & {"cornices", "shutters", "sills"}
        scene.bay((x - half, head, x + half, foot), has_here, rounded, shutter)
        if "deco" in has and column:
            pier = x - pitch / 2
            scene.medallion((pier - 4.5, head + 0.12 * rise, pier + 4.5, foot - 0.12 * rise))


def draw_ground_floor(
    scene: Scene, has: set[str], awning: Color, middles: list[float], pitch: float, top: float
) -> None:
    """Draws one door, and shops or windows in the other columns."""
    entrance, half = scene.rng.integers(len(middles)), min(11.5, 0.3 * pitch)
    for column, x in enumerate(middles):
        if column == entrance:
            scene.door((x - half, top + 6, x + half, STREET))
        elif "shops" in has:
            scene.shop((x - 0.42 * pitch, top + 3, x + 0.42 * pitch, STREET - 2), awning)
        else:
            scene.window((x - half, top + 7, x + half, STREET - 14), rounded="sills" not in has)


def draw_facade(scene: Scene) -> None:
    """Chooses a facade and its neighbors and draws them, from back to front."""
    rng = scene.rng
    has = {name for name, share in FEATURES.items() if rng.random() < share}
    stories = int(rng.integers(2, 6))
    columns = int(rng.integers(3, 6 if stories < 4 else 7))
    eaves = HOUSES[stories][0] + int(rng.integers(-5, 6))
    gaps = [int(rng.integers(22, 40)) if rng.random() < 0.4 else 0 for _ in range(2)]
    left, right = gaps[0], UNITS - gaps[1]
    for start, end in ((0, left), (right, UNITS)):
        if start < end:
            scene.neighbor(start, end, eaves + int(rng.integers(6, 40)))
    pitch = (right - left) / columns
    middles = [left + pitch * (i + 0.5) for i in range(columns)]
    ground = STREET - 1.15 * (STREET - eaves) / (stories + 0.15)
    scene.wall(left, right, eaves, ground, *WALLS[stories, "cornices" in has])
    if "roof" in has:
        scene.roof(left, right, eaves, middles[columns % 2 :: 2])
    if "pillars" in has:
        for i in range(0, columns + 1, columns if has & {"shutters", "deco"} else 1):
            scene.pillar(min(max(left + pitch * i, left + 5), right - 5), eaves + 11, ground)
    draw_upper_stories(scene, has, stories, middles, pitch, eaves + 11, ground)
    draw_ground_floor(scene, has, HOUSES[stories][2], middles, pitch, ground + 6)
    scene.molding(left, right, ground, 6)
    scene.molding(left - 2, right + 2, eaves, 11)


def draw_pair(seed: int, index: int, size: int = UNITS) -> tuple[np.ndarray, np.ndarray]:
    """Draws one pair; the pair depends on the arguments alone.

    Returns:
        Photo and labels, both (size, size, 3) uint8; labels have only the colors of PALETTE.
    """
    scene = Scene(size, np.random.default_rng([seed, index]))
    scene.surroundings()
    draw_facade(scene)
    return scene.photo(), np.uint8(list(PALETTE.values()))[scene.classes]


def make_demo(
    folder: str | os.PathLike, seed: int = 0, train: int = 200, val: int = 20, test: int = 20, size: int = UNITS
) -> Path:
    """Writes train/0001.jpg ..., val/ and test/, each 2 * size × size, unless the folder exists.

    The folder appears whole or not at all. If two runs make it at once, the first one's folder stays.

    Returns:
        The folder.

    Raises:
        InputError: the folder is a file, or an argument is out of its range.
    """
    folder, counts = Path(folder), {"train": train, "val": val, "test": test}
    if folder.is_dir():
        return folder
    if folder.exists():
        raise InputError(f"folder {folder} is a file; remove it, or give another folder")
    if seed < 0 or size < 32 or min(counts.values()) < 0:
        raise InputError(f"seed={seed}, size={size}, {counts}: seed and counts must be at least 0, size at least 32")
    folder.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(split, number) for split, count in counts.items() for number in range(count)]
    print(f"drawing the demo data set, {len(pairs)} pairs, into {folder}", flush=True)
    with contextlib.suppress(FileExistsError), whole_folder(folder) as temporary:
        for split in counts:
            (temporary / split).mkdir()
        for split, number in progress_bar(pairs, "drawing facades", len(pairs)):
            pair = Image.fromarray(np.hstack(draw_pair(seed, FIRST_INDEX[split] + number, size)))
            pair.save(temporary / split / f"{number + 1:04d}.jpg", quality=95, subsampling=0)
    return folder
