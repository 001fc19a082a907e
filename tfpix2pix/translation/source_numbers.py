"""Says it if sources have numbers that cannot reach the range on which a run was trained."""

import contextlib
import pathlib
from collections.abc import Sequence

import numpy as np

from pipelines.images import codecs
from pipelines.images.formats.stored_file import StoredFile
from pipelines.images.header import BadImageError
from pipelines.images.value_range import parse_range
from pipelines.stacks.stack import open_stack
from pipelines.storage.sample import spread_indices
from tfpix2pix.config import Config

# Files whose header is read; they stand for all.
HEADERS = 8


def too_dark(files: Sequence[pathlib.Path], config: Config) -> str:
    """Returns in words which sources are dark throughout, because their type ends below the middle of source_range.

    Args:
      files: pictures and stacks; those that cannot be read are skipped.
      config: of the run.

    Returns:
      Empty if there are none, or the run has no source_range.
    """
    if not config.source_range:
        return ""
    low, high = parse_range(config.source_range)
    for file in (files[index] for index in spread_indices(len(files), HEADERS)):
        with contextlib.suppress(BadImageError, OSError):
            dtype = _type_of(file, config)
            if np.issubdtype(dtype, np.integer) and np.iinfo(dtype).max < (low + high) / 2:
                return (
                    f"{file} has numbers of {dtype}, at most {np.iinfo(dtype).max}, and in training "
                    f"{high:g} was white (source_range={config.source_range}): its result is that of a dark source; "
                    "convert the numbers to those of training first"
                )
    return ""


def _type_of(file: pathlib.Path, config: Config) -> np.dtype:
    """Reads from a header of which type the numbers of a picture, or of a stack's slices, are."""
    if stack := open_stack(file, config.stack_form("source")):
        return stack.header.dtype
    with StoredFile(file) as contents:
        return codecs.probe(contents, config.picture_axes).dtype
