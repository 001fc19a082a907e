"""Describes an exported generator, whatever its format: one function of NumPy arrays, and what it is for."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.images import fit
from pipelines.images.size import Size, format_size
from pipelines.system.terminal import InputError

# What a file's metadata says of its numbers, and what a run must have alike if both are measured on the same images.
SHARED = (
    "direction",
    "source_channels",
    "source_context",
    "source_range",
    "source_normalize",
    "source_labels",
    "target_channels",
    "target_range",
    "target_labels",
)


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """An exported generator.

    Attributes:
      path: of the file or folder.
      run: translates `(N, H, W, C)` float32 in [-1, 1] to `(N, H, W, C')` in [-1, 1].
      channels: of sources and of results; None where the file does not say.
      size: (height, width) of all sources; None if they may have any.
      about: what the file says of itself; empty if it says nothing.
    """

    path: pathlib.Path
    run: Callable[[np.ndarray], np.ndarray]
    channels: tuple[int | None, int | None]
    size: Size | None
    about: Mapping[str, Any]

    def check(self, options: Mapping[str, Any], shape: Size | None) -> None:
        """Raises InputError if it cannot translate the sources of a run.

        Args:
          options: of the run's config.
          shape: (height, width) of all sources; None if they differ.
        """
        for name in SHARED:
            if name in self.about and self.about[name] != options[name]:
                raise InputError(
                    f"{self.path} has {name}={self.about[name]}, and the run {options[name]}; leave it out"
                )
        slices = 2 * options["source_context"] + 1
        wanted = {"source": slices * options["source_channels"], "target": options["target_channels"]}
        for (side, asked), channels in zip(wanted.items(), self.channels, strict=True):
            if channels not in (None, asked):
                raise InputError(f"{self.path} has {channels} channels of {side}s, and the run {asked}; leave it out")
        if self.size and self.size != shape:
            measured = format_size(shape) if shape else "more than one size"
            raise InputError(
                f"{self.path} takes images of {format_size(self.size)} only, and {measured} is measured; "
                "export it with --image_size=dynamic"
            )

    def translate(self, sources: np.ndarray, multiple: int) -> np.ndarray:
        """Translates images of any size: reflected up to a size that the generator takes, and cut again.

        Args:
          sources: `(N, H, W, C)` in [-1, 1].
          multiple: of which height and width must be multiples, if the file does not say it.
        """
        known = self.about.get("multiple")
        step = known if isinstance(known, int) and known > 0 else multiple
        height, width = sources.shape[1:3]
        if self.size or height % step == width % step == 0:
            return self.run(sources)
        generated = self.run(fit.reflect(tf.constant(sources), step).numpy())
        top, left, height, width = fit.reflect_window((height, width), step).numpy()
        return generated[:, top : top + height, left : left + width]
