"""Measures how much of an image's fine structure is lost when it is made smaller; without TensorFlow."""

import numpy as np

# The middle of an image, at its own scale, stands for all of it.
WINDOW = 256


def lost_detail(values: np.ndarray, size: tuple[int, int]) -> float:
    """Returns the share of an image's variance in waves that are too short for another size, 0 to 1.

    Photos lose 1 % to 10 % where a quarter of the side is left, and drawings of thin lines lose more than half.

    Args:
      values: `(H, W, C)`, of any range.
      size: (height, width) after resizing.
    """
    kept = [min(1.0, new / old) for new, old in zip(size, values.shape, strict=False)]
    if kept == [1.0, 1.0]:
        return 0.0
    top, left = (max(0, (side - WINDOW) // 2) for side in values.shape[:2])
    gray = values[top : top + WINDOW, left : left + WINDOW].mean(axis=-1, dtype=np.float64)
    gray -= gray.mean()
    # Mirrored, so that opposite edges, which would otherwise meet, make no waves of their own.
    gray = np.concatenate([gray, gray[::-1]])
    gray = np.concatenate([gray, gray[:, ::-1]], axis=1)
    energy = np.abs(np.fft.fft2(gray)) ** 2
    total = energy.sum()
    # A grid of half as many points shows waves of up to half as many cycles.
    vertical, horizontal = (
        np.abs(np.fft.fftfreq(side)) > share / 2 for side, share in zip(gray.shape, kept, strict=True)
    )
    is_lost = vertical[:, None] | horizontal[None]
    return float(energy[is_lost].sum() / total) if total > 0 else 0.0
