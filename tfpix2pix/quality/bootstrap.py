"""How far a mean may be off because these images, and these runs, were drawn and not others (Efron 1979)."""

import numpy as np

RESAMPLES = 10_000
# Of metrics that are no means over images, and have to be taken anew for each.
RESAMPLES_OF_SET = 1000
CONFIDENCE = 0.95
# Of fewer images resampling knows too little.
LEAST_IMAGES = 10
# Resamples at a time, so that memory stays small for large splits.
CHUNK = 100

UNKNOWN = float("nan"), float("nan")


def interval(values: np.ndarray, against: np.ndarray | None = None, seed: int = 0) -> tuple[float, float]:
    """The bootstrap's percentile interval of a mean: it holds the true mean in about 95 of 100 such draws.

    With `against`, that of the difference of two means over the same images. The interval is then a paired one, which
    is much narrower, since what makes an image hard is hard for both.

    Args:
      values: `(runs, N)`, one an image; images with a value that is not finite (the PSNR of equal images) are left out.
        Where there are several runs, such as seeds of one recipe, they are resampled as well as the images: the
        interval then also tells how far other seeds might be off, as well as so few can tell.
      against: `(other runs, N)`, to be subtracted.
      seed: of the resamples.

    Returns:
      Its low and high end; NaN for fewer than LEAST_IMAGES.
    """
    groups = [values] if against is None else [values, against]
    finite = np.all([np.isfinite(group).all(0) for group in groups], axis=0)
    groups = [group[:, finite].astype(np.float64) for group in groups]
    images = int(finite.sum())
    if images < LEAST_IMAGES:
        return UNKNOWN
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(RESAMPLES // CHUNK):
        shares = _shares(images, CHUNK, rng)
        parts.append(_difference([shares @ group.T for group in groups], rng))
    return _percentiles(np.concatenate(parts))


def interval_of_set(values: np.ndarray, against: np.ndarray | None = None, seed: int = 0) -> tuple[float, float]:
    """The same of a metric that belongs to the whole set, from its values over the resamples of `counts_of`.

    Args:
      values: `(runs, resamples)`.
      against: `(other runs, resamples)`, to be subtracted.
      seed: of the draws of runs.
    """
    groups = [values] if against is None else [values, against]
    return _percentiles(_difference([group.T for group in groups], np.random.default_rng(seed)))


def counts_of(images: int, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each image is in each resample, `(resamples, images)`; the same for the same arguments."""
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)


def _shares(count: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples) / count


def _difference(groups: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Means over resampled runs of `(resamples, runs)`, the first group's less the second's: `(resamples,)`."""
    means = [(group * _shares(group.shape[1], len(group), rng)).sum(1) for group in groups]
    return means[0] - sum(means[1:])


def _percentiles(resampled: np.ndarray) -> tuple[float, float]:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, (tail, 100 - tail))
    return float(low), float(high)
