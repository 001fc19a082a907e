"""Draws images as a figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from pipelines.images.display import PLAIN, Display

# Smaller images are enlarged by whole pixels, so that a 64×64 result can be judged by eye.
MIN_CELL = 160
DPI = 100
TITLE_PIXELS = 26
GAP_PIXELS = 4


def image_rows(
    rows: Mapping[str, np.ndarray | Sequence[np.ndarray]], displays: Mapping[str, Display] | None = None
) -> Figure:
    """Draws a row of images for each title, such as source above generated above target; a pair is a column.

    All are drawn at one scale. Those of different shapes lie in the middle of cells for the largest.

    Args:
      rows: title to images `(H, W, C)` in [-1, 1]; as many in all, and the same H and W in a column.
      displays: how the images of a title are shown, by default as they are.
    """
    shapes = [image.shape[:2] for image in next(iter(rows.values()))]
    count = len(shapes)
    scale = max(1, -(-MIN_CELL // max(max(shape) for shape in shapes)))
    cell_height, cell_width = (max(sides) * scale for sides in zip(*shapes, strict=True))
    size = (
        count * (cell_width + GAP_PIXELS) + GAP_PIXELS,
        len(rows) * (cell_height + TITLE_PIXELS + GAP_PIXELS),
    )
    figure = Figure((size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="white")
    for row, (title, images) in enumerate(rows.items()):
        top = size[1] - row * (cell_height + TITLE_PIXELS + GAP_PIXELS) - TITLE_PIXELS
        figure.text(GAP_PIXELS / size[0], (top + 8) / size[1], title, fontsize=10, va="bottom")
        display = (displays or {}).get(title, PLAIN)
        for column, each in enumerate(images):
            image = display.to_rgb(each[None])[0]
            height, width = (side * scale for side in image.shape[:2])
            left = GAP_PIXELS + column * (cell_width + GAP_PIXELS) + (cell_width - width) // 2
            bottom = top - cell_height + (cell_height - height) // 2
            place = left / size[0], bottom / size[1], width / size[0], height / size[1]
            axes = figure.add_axes(place)
            axes.imshow(image, interpolation="nearest", aspect="auto", vmin=0, vmax=255)
            axes.axis("off")
    return figure


def to_array(figure: Figure) -> np.ndarray:
    """Renders the figure as `(H, W, 3)` uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
