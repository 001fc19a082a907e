"""Chooses some of many, at even distances."""

import numpy as np


def spread_indices(count: int, limit: int) -> list[int]:
    """Returns `limit` indices below `count`, or all, ascending; the first and the last are among them from 2 on."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(limit, count))})
