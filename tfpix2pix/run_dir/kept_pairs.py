"""Keeps some validation pairs in kept_pairs/, so that an export needs no data set."""

import pathlib
from collections.abc import Iterator

import numpy as np

from pipelines.images import codecs
from pipelines.images.header import BadImageError
from pipelines.images.size import middle_size
from pipelines.loader import eval_dataset
from pipelines.pairs import Pairs, naming_unreadable
from pipelines.storage.sample import spread_indices
from pipelines.system.disk import MIB, naming_full_disk, whole_folder
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config

FOLDER = "kept_pairs"
# As many as exporters compare on, and no more than these bytes, unless it is one pair.
MAX_PAIRS = 20
MAX_BYTES = 16 * MIB
# Of a larger picture the middle is kept.
MAX_PIXELS = 512 * 512
# The numbers of 8 and of 16 bits are multiples of 1 / LEVELS, and so are kept exactly.
LEVELS = 2**16 - 1

# (source, target), each `(H, W, C)` float32 in [-1, 1], of one (height, width).
Pair = tuple[np.ndarray, np.ndarray]


def keep(run_dir: pathlib.Path, val: Pairs) -> None:
    """Writes some validation pairs into the run directory, at the scale of training, unless that was done before.

    Args:
      run_dir: exists.
      val: as Config.measured_format reads them.
    """
    folder = run_dir / FOLDER
    if folder.exists():
        return
    pairs = list(read_some(val, MAX_PAIRS))
    fit = max(1, MAX_BYTES // max(2 * (source.size + target.size) for source, target in pairs))
    with naming_full_disk(run_dir, "the pairs for exports"), whole_folder(folder) as temporary:
        for number, index in enumerate(spread_indices(len(pairs), fit)):
            both = np.concatenate(pairs[index], axis=-1).astype(np.float64)
            levels = np.clip(np.round((both + 1) / 2 * LEVELS), 0, LEVELS)
            np.save(temporary / f"{number:02d}.npy", levels.astype(np.uint16))


def load(run_dir: pathlib.Path, config: Config, limit: int) -> list[Pair]:
    """Reads the pairs that a run has kept, at even distances; none of a run that has none.

    Args:
      run_dir: of the run.
      config: of the run.
      limit: how many at most.

    Raises:
      InputError: one cannot be read.
    """
    files = sorted((run_dir / FOLDER).glob("[0-9]*.npy"))
    pairs: list[Pair] = []
    for index in spread_indices(len(files), limit):
        try:
            levels = codecs.decode(files[index].read_bytes(), max_pixels=MAX_PIXELS).values
            if levels.dtype != np.uint16 or levels.shape[-1] != config.input_channels + config.target_channels:
                raise BadImageError("it does not hold the channels of a pair")
        except (OSError, BadImageError) as error:
            raise InputError(f"{files[index]} cannot be read ({error}); delete it, or give --data=FOLDER") from None
        both = (levels / LEVELS * 2 - 1).astype(np.float32)
        pairs.append((both[..., : config.input_channels], both[..., config.input_channels :]))
    return pairs


def read_some(pairs: Pairs, limit: int) -> Iterator[Pair]:
    """Yields some pairs of a split, at even distances; of large ones the middle.

    Args:
      pairs: of the split.
      limit: how many at most.

    Raises:
      InputError: one cannot be read any more.
    """
    some = pairs.select(spread_indices(len(pairs), limit))
    with naming_unreadable(some):
        for source, target in eval_dataset(some, 1):
            yield middle(source[0].numpy()), middle(target[0].numpy())


def middle(image: np.ndarray) -> np.ndarray:
    """Returns the middle of an image `(H, W, C)` that has more than MAX_PIXELS; else all of it."""
    height, width = image.shape[:2]
    rows, columns = middle_size((height, width), MAX_PIXELS)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]
