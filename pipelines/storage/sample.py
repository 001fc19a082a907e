"""Some of many, taken at even distances."""

import numpy as np


def spread(count: int, most: int) -> list[int]:
    """Places among `count`, ascending, `most` of them or all: with the first and the last where there are two."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})
