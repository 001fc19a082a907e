"""Measures what docs/video.md says of flicker: python docs/flicker.py RUN_DIR SPLIT [FRAMES].

Makes sequences of sources: pictures of the split, over which a part of another one moves from left to right, a pixel a
frame. Then it translates them with norm_statistics=image and moving, and prints by how much results change where their
sources do not: from frame to frame, and against the frame without that part. Mean absolute change in levels of 0 to
255.
"""

import pathlib
import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.loader import eval_dataset
from pipelines.pairs import open_pairs
from tfpix2pix.run import load_run

# Pictures a side of the frame, and pixels a side of the moving part.
SEQUENCES = ((1, 64), (1, 128), (3, 128))
# Pixels from the moving part.
DISTANCES = (1, 32, 256)


def main(run_dir: str, split: str, frames: str = "100") -> None:
    """Prints a row for each sequence."""
    runs = {name: load_run(run_dir, norm_statistics=name) for name in ("image", "moving")}
    config = runs["image"].config
    pairs = open_pairs(config.open_dataset().split(split), config.pair_format(), config.bad_images, 0)
    pictures = [
        source[0].numpy() for source, _ in eval_dataset(pairs, 1).take(max(side for side, _ in SEQUENCES) ** 2 + 1)
    ]
    places = [f"from {distance} px on" for distance in DISTANCES] + [f"against without, from {DISTANCES[1]} px on"]
    columns = [f"{name}, {place}" for name in runs for place in places]
    print(f"| frame | moving part | {' | '.join(columns)} |")
    for side, part in SEQUENCES:
        rows = [np.concatenate(pictures[1 + i * side : 1 + (i + 1) * side], axis=1) for i in range(side)]
        frame = np.concatenate(rows)
        cells = []
        for run in runs.values():
            translate = tf.function(lambda x, generator=run.generator: generator(x, training=False))
            cells += [f"{change:.2f}" for change in changes(translate, frame, pictures[0], part, int(frames))]
        height, width = frame.shape[:2]
        print(f"| {width}×{height} | {part} px | {' | '.join(cells)} |", flush=True)


def changes(
    translate: Callable[[np.ndarray], tf.Tensor], still: np.ndarray, other: np.ndarray, part: int, count: int
) -> np.ndarray:
    """Returns the mean changes where the source does not change, in levels; NaN: there is no such place.

    Args:
      translate: maps sources `(1, H, W, C)` to results.
      still: the frame without the moving part.
      other: the picture of which a part moves.
      part: its side.
      count: frames.

    Returns:
      The change from frame to frame for each of DISTANCES, and the change against `still` for the second of these.
    """
    height, width = still.shape[:2]
    top = (height - part) // 2
    rows, columns = np.arange(height)[:, None], np.arange(width)
    without = translate(still[None])[0].numpy() * 127.5
    before, sums = None, np.zeros((len(DISTANCES) + 1, 2))
    for i in range(count):
        left = i % (width - part)
        frame = still.copy()
        frame[top : top + part, left : left + part] = other[top % len(other) :][:part, :part]
        result = translate(frame[None])[0].numpy() * 127.5
        if before is not None and left:
            change, is_same = np.abs(result - before[1]).mean(-1), (frame == before[0]).all(-1)
            across = np.maximum(left - columns, columns - (left + part - 1))
            down = np.maximum(top - rows, rows - (top + part - 1))
            for j, distance in enumerate(DISTANCES):
                where = is_same & (np.maximum(across, down) >= distance)
                sums[j] += change[where].sum(), where.sum()
            drift = np.abs(result - without).mean(-1)
            where = np.maximum(across, down) >= DISTANCES[1]
            sums[-1] += drift[where].sum(), where.sum()
        before = frame, result
    return sums[:, 0] / np.where(sums[:, 1], sums[:, 1], np.nan)


if __name__ == "__main__":
    main(*sys.argv[1:])
