"""Computes the Fréchet inception distance (Heusel et al. 2017, arXiv 1706.08500) from features."""

from collections.abc import Iterator

import numpy as np

# Rows that are converted to float64 at a time: 16 MiB at 2048 features.
CHUNK = 1024


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Computes the distance between the Gaussians that have the moments of two sets of features.

    |μa - μb|² + tr Σa + tr Σb - 2 tr (Σa Σb)^½, in the square of the features' unit. Only rounding brings it below 0.
    It depends on the number of images: compare only distances of equally many.

    Args:
      features_a: `(N, d)`, N at least 2; of an np.memmap with more than d rows only chunks are in memory.
      features_b: `(M, d)`, likewise.

    Raises:
      ValueError: there are fewer than two images, or features of different lengths.
    """
    if features_a.shape[1:] != features_b.shape[1:]:
        raise ValueError(f"features of different lengths, {features_a.shape} and {features_b.shape}")
    (mean_a, factor_a), (mean_b, factor_b) = _mean_and_factor(features_a), _mean_and_factor(features_b)
    # With Σ = Fᵀ F, tr (Σa Σb)^½ is the sum of the singular values of Fa Fbᵀ. A square root of the product itself loses
    # half of the digits if it is singular, as it always is with fewer images than features.
    overlap = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    difference = mean_a - mean_b
    return float(difference @ difference + np.sum(factor_a**2) + np.sum(factor_b**2) - 2 * overlap)


def _mean_and_factor(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean `(d,)`, and F `(min(N, d), d)` for which Fᵀ F is the unbiased covariance."""
    count, size = features.shape
    if 2 <= count <= size:
        mean = np.mean(features, axis=0, dtype=np.float64)
        return mean, (features - mean) / np.sqrt(count - 1)
    mean, covariance = moments(features)
    values, vectors = np.linalg.eigh(covariance)
    # A covariance has no eigenvalue below 0 but by rounding.
    return mean, np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.T


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean `(d,)` and the unbiased covariance `(d, d)` of features `(N, d)`, both float64.

    Raises:
      ValueError: there are fewer than two images.
    """
    count, size = features.shape
    if count < 2:
        raise ValueError(f"the covariance of {count} images is not defined; give at least 2")
    mean = np.sum([chunk.sum(axis=0) for chunk in _chunks(features)], axis=0) / count
    covariance = np.zeros((size, size))
    for chunk in _chunks(features):
        centered = chunk - mean
        covariance += centered.T @ centered
    return mean, covariance / (count - 1)


def _chunks(features: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(features), CHUNK):
        yield np.asarray(features[start : start + CHUNK], np.float64)
