"""Bootstrap intervals (Efron 1979): how far a mean may be off because these images and these runs were drawn."""

import numpy as np

RESAMPLES = 10_000
# For metrics of the whole set, which are computed anew for each resample.
RESAMPLES_OF_SET = 1000
CONFIDENCE = 0.95
# Fewer images say too little.
MIN_IMAGES = 10
# Resamples at a time; keeps memory small for large splits.
CHUNK = 100

UNKNOWN = float("nan"), float("nan")


def interval(values: np.ndarray, against: np.ndarray | None = None, seed: int = 0) -> tuple[float, float]:
    """Estimates the percentile interval of a mean, which contains the true mean in about 95 of 100 draws.

    With `against`, it is the interval of the difference of two means over the same images. Such a paired interval is
    much narrower, since a hard image is hard for both.

    Args:
      values: `(runs, N)`, one per image. Images with a value that is not finite (the PSNR of equal images) are left
        out. Several runs, such as seeds of one recipe, are resampled like the images: the interval then also covers
        other seeds, as well as so few can tell.
      against: `(other runs, N)`, subtracted.
      seed: of the resamples.

    Returns:
      Its low and high end; NaN for fewer than MIN_IMAGES.
    """
    groups = [values] if against is None else [values, against]
    finite = np.all([np.isfinite(group).all(0) for group in groups], axis=0)
    groups = [group[:, finite].astype(np.float64) for group in groups]
    images = int(finite.sum())
    if images < MIN_IMAGES:
        return UNKNOWN
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(RESAMPLES // CHUNK):
        shares = _shares(images, CHUNK, rng)
        parts.append(_difference([shares @ group.T for group in groups], rng))
    return _percentiles(np.concatenate(parts))


def interval_of_set(values: np.ndarray, against: np.ndarray | None = None, seed: int = 0) -> tuple[float, float]:
    """Estimates the interval of a metric of the whole set, from its values over the resamples of `counts_of`.

    Args:
      values: `(runs, resamples)`.
      against: `(other runs, resamples)`, subtracted.
      seed: of the draws of runs.
    """
    groups = [values] if against is None else [values, against]
    return _percentiles(_difference([group.T for group in groups], np.random.default_rng(seed)))


def counts_of(images: int, resamples: int, seed: int = 0) -> np.ndarray:
    """Draws how often each image is in each resample, `(resamples, images)`; equal arguments give equal counts."""
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)


def _shares(count: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples) / count


def _difference(groups: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Subtracts the second group's means over resampled runs from the first's: `(B, runs)` to `(B,)`."""
    means = [(group * _shares(group.shape[1], len(group), rng)).sum(1) for group in groups]
    return means[0] if len(means) == 1 else means[0] - means[1]


def _percentiles(resampled: np.ndarray) -> tuple[float, float]:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, (tail, 100 - tail))
    return float(low), float(high)
