"""Names the colors in which sources are drawn: for pages on which people draw, and in every export.json."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.images.color import Color
from pipelines.images.few_colors import few_colors
from pipelines.images.label_colors import read_palette
from tfpix2pix.config import Config

WHITE = "#ffffff"


def drawing_colors(config: Config, sources: Sequence[np.ndarray]) -> dict[str, Any]:
    """Tells in which colors to draw a source.

    Args:
      config: of the run.
      sources: some of its sources, `(H, W, C)` in [-1, 1].

    Returns:
      `palette`: a list of `{"name": "door", "color": "#00cfff"}`, or None if sources have any colors, or are no
      pictures. `background`: the color of a source on which nothing was drawn.
    """
    if config.source_labels:
        shown = config.display("source").colors or ()
        names = [*read_palette(config.label_colors).classes] if config.label_colors else range(len(shown))
        return {"palette": _named(zip(names, shown, strict=True)), "background": _hexadecimal(shown[0])}
    found = None
    if config.input_channels in (1, 3, 4) and not config.source_context and sources:
        levels = [np.round((source[..., :3] + 1) * 127.5).astype(np.uint8) for source in sources]
        found = few_colors([np.broadcast_to(image, (*image.shape[:2], 3)) for image in levels])
    if not found:
        return {"palette": None, "background": WHITE}
    return {"palette": _named(found.palette.classes.items()), "background": _hexadecimal(found.background)}


def _named(colors: Any) -> list[dict[str, str]]:
    return [{"name": str(name), "color": _hexadecimal(color)} for name, color in colors]


def _hexadecimal(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
