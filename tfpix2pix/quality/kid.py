"""Computes the kernel inception distance (Bińkowski et al. 2018, arXiv 1801.01401) from features."""

import numpy as np

SUBSET_SIZE = 1000
# Resampling holds three square matrices with so many rows.
MAX_RESAMPLED = 2000


def kernel_distance(
    features_generated: np.ndarray,
    features_real: np.ndarray,
    subsets: int = 100,
    subset_size: int = SUBSET_SIZE,
    rng: np.random.RandomState | np.random.Generator | None = None,
) -> tuple[float, float]:
    """Estimates the squared MMD under the kernel (x·y / d + 1)³ without bias: mean and deviation over random subsets.

    The scale is that of the kernel, as clean-fid returns it; many papers print it times 1000, or times 100. Unbiased
    means that equal distributions give 0 on average, so single values fall below 0. Unlike FID, values of different
    numbers of images may be compared.

    Args:
      features_generated: `(N, d)`, N at least 2; an np.memmap is read one subset at a time.
      features_real: `(M, d)`, likewise.
      subsets: how many subsets, at least 1.
      subset_size: images of each set in a subset, without repetition; at most as many as there are.
      rng: draws the subsets; np.random.RandomState(0) if None. RandomState(seed) draws as clean-fid does after
        np.random.seed(seed).

    Returns:
      The mean, and the standard deviation of the subsets' values (divided by their number). The deviation shows how
      much the draws matter; it is not the error of the mean.

    Raises:
      ValueError: there are fewer than two images, or features of different lengths.
    """
    if features_generated.shape[1:] != features_real.shape[1:]:
        raise ValueError(f"features of different lengths, {features_generated.shape} and {features_real.shape}")
    size = min(len(features_generated), len(features_real), subset_size)
    if size < 2:
        raise ValueError(f"subsets of {size} images have no pairs to compare; give at least 2 images of each kind")
    if rng is None:
        rng = np.random.RandomState(0)
    values = []
    for _ in range(subsets):
        # The real ones are drawn first, as in clean-fid.
        real = _draw(features_real, size, rng)
        generated = _draw(features_generated, size, rng)
        values.append(squared_mmd(generated, real))
    return float(np.mean(values)), float(np.std(values))


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Computes the unbiased estimate (Gretton et al. 2012, lemma 6) between `(m, d)` and `(m, d)`."""
    count = len(x)
    within = _kernel(x, x) + _kernel(y, y)
    # Without the pairs of an image with itself, the estimate is unbiased.
    pairs = (within.sum() - np.trace(within)) / (count * (count - 1))
    return pairs - 2 * _kernel(x, y).mean()


def resampled_distances(
    features_generated: np.ndarray, features_real: np.ndarray, generated: np.ndarray, real: np.ndarray
) -> np.ndarray:
    """Estimates the squared MMD without bias over resampled images, `(B,)`, for a bootstrap.

    Pairs of an image with itself never count, however often it was drawn: repetitions would look like similarity.

    Args:
      features_generated: `(N, d)`.
      features_real: `(M, d)`.
      generated: `(B, N)`, how often each generated image is in each resample.
      real: `(B, M)`, likewise.
    """
    x, y = (np.asarray(features, np.float64) for features in (features_generated, features_real))
    generated, real = generated.astype(np.float64), real.astype(np.float64)
    across = ((generated @ _kernel(x, y)) * real).sum(1) / (generated.sum(1) * real.sum(1))
    return _mean_of_pairs(_kernel(x, x), generated) + _mean_of_pairs(_kernel(y, y), real) - 2 * across


def _mean_of_pairs(kernel: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Averages `(N, N)` over pairs of different images, weighted by `(B, N)` counts: `(B,)`."""
    squares: np.ndarray = counts**2
    pairs = ((counts @ kernel) * counts).sum(1) - squares @ np.diag(kernel)
    return pairs / (counts.sum(1) ** 2 - squares.sum(1))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _draw(features: np.ndarray, size: int, rng: np.random.RandomState | np.random.Generator) -> np.ndarray:
    # float64: the estimate is a small difference of large sums.
    return np.asarray(features[rng.choice(len(features), size, replace=False)], np.float64)
