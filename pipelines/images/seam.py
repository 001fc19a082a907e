"""Tells a side-by-side pair from a single image by what happens in its middle column; without TensorFlow."""

import numpy as np

# Columns this many apart, as a share of the width, differ more than neighbors do, unless the image is noise.
FAR = 1 / 16
MAX_NEAR_TO_FAR = 0.75
# Flat middles, such as white margins, tell nothing: neighbors have to differ by this share of the image's range.
MIN_CHANGE = 0.004
# In single images the middle columns differ as all neighbors do, in pairs by far more.
MAX_SINGLE = 1.6
MIN_PAIR = 2.0
MIN_PAIR_CHANGE = 0.01


def has_seam(values: np.ndarray) -> bool | None:
    """Tells whether two images meet in the middle column of `(H, W, C)`; None if it cannot be told."""
    width = values.shape[1]
    middle, far = width // 2, max(2, int(width * FAR))
    if middle - 1 - far < 0 or middle + far >= width:
        return None
    chosen = [middle - 1 - far, middle - 2, middle - 1, middle, middle + 1, middle + far]
    columns: np.ndarray = values[:, chosen].astype(np.float64)
    spread = float(values.max()) - float(values.min())
    if spread == 0:
        return None

    def change(first: int, second: int) -> float:
        return float(np.abs(columns[:, first] - columns[:, second]).mean()) / spread

    near, across = (change(1, 2) + change(3, 4)) / 2, change(2, 3)
    if across > MIN_PAIR * near and across > MIN_PAIR_CHANGE:
        return True
    is_smooth = near <= MAX_NEAR_TO_FAR * (change(0, 2) + change(3, 5)) / 2
    return False if is_smooth and near > MIN_CHANGE and across < MAX_SINGLE * near else None
