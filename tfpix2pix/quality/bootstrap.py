"""How far a mean over images may be off because these images were drawn and not others (Efron 1979)."""

import numpy as np

RESAMPLES = 10_000
# Of metrics that are no means over images, and have to be taken anew for each.
RESAMPLES_OF_SET = 1000
CONFIDENCE = 0.95
# Resamples at a time, so that memory stays small for large splits.
CHUNK = 100


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The bootstrap's percentile interval of a mean: it holds the true mean in about 95 of 100 such draws of images.

    For two runs over the same images give the differences image by image: the interval is then a paired one, which
    is much narrower, since what makes an image hard is hard for both.

    Args:
      values: `(N,)`, one an image; those that are not finite (the PSNR of equal images) are left out.
      seed: of the resamples.
    """
    values = values[np.isfinite(values)].astype(np.float64)
    if not values.size:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [values[rng.integers(len(values), size=(CHUNK, len(values)))].mean(1) for _ in range(RESAMPLES // CHUNK)]
    )
    return percentiles(means)


def counts_of(images: int, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each image is in each resample, `(resamples, images)`; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples)


def percentiles(resampled: np.ndarray) -> tuple[float, float]:
    """The interval that holds the middle 95 % of resampled values."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, (tail, 100 - tail))
    return float(low), float(high)
