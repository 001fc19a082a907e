"""Chooses what people see of images: of many channels three, of label maps their colors, of alpha what is behind it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.color import Color
from pipelines.images.label_colors import IGNORED_COLOR
from pipelines.images.labels import NO_CLASS, indices_of
from pipelines.images.transforms import has_alpha, to_uint8


@dataclasses.dataclass(frozen=True)
class Display:
    """Says how images of one kind are shown.

    Attributes:
      channels: the places, counted from 0, of those channels that are shown: one as gray, or three as RGB. None: the
        first four at most are gray, gray and alpha, RGB, or RGBA, and of more the first three are RGB.
      colors: the color of each class, if the channels are classes.
    """

    channels: tuple[int, ...] | None = None
    colors: Sequence[Color] | None = None

    def to_rgb(self, images: np.ndarray) -> np.ndarray:
        """Returns the pixels that are shown of images `(N, H, W, C)` in [-1, 1]: `(N, H, W, 3)` uint8.

        Alpha is composed over white. A pixel of no class has IGNORED_COLOR.
        """
        if self.colors is not None:
            return self._in_colors(indices_of(images).numpy())
        count = images.shape[-1]
        if self.channels is None:
            shown, is_transparent = images[..., :MAX_PLAIN_CHANNELS], has_alpha(count)
            if count > MAX_PLAIN_CHANNELS:
                shown = images[..., :3]
        else:
            shown, is_transparent = images[..., list(self.channels)], False
        if is_transparent:
            alpha = (np.clip(shown[..., -1:], -1, 1) + 1) / 2
            shown = np.clip(shown[..., :-1], -1, 1) * alpha + (1 - alpha)
        pixels = to_uint8(shown).numpy()
        return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels

    def error(self, target: np.ndarray, generated: np.ndarray) -> np.ndarray:
        """Returns how far each pixel is off, of images `(..., C)`: `(...)` float32, in units of [-1, 1].

        It is the mean absolute difference over channels, alpha included, as in L1. A pixel of another class than the
        target's is off by 1, and one whose target has no class by 0.
        """
        if self.colors is not None:
            wanted = indices_of(target).numpy()
            return ((wanted != indices_of(generated).numpy()) & (wanted != NO_CLASS)).astype(np.float32)
        return np.abs(np.asarray(target, np.float32) - np.asarray(generated, np.float32)).mean(axis=-1)

    def _in_colors(self, indices: np.ndarray) -> np.ndarray:
        table: np.ndarray = np.full((NO_CLASS + 1, 3), IGNORED_COLOR, np.uint8)
        table[: len(self.colors or ())] = self.colors or ()
        return table[indices]


PLAIN = Display()
