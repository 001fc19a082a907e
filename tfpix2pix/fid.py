"""The Fréchet inception distance (Heusel et al. 2017, arXiv 1706.08500), from features."""

import numpy as np

# Rows that are widened to float64 at a time: 16 MiB at 2048 features.
CHUNK = 1024


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """The distance between the Gaussians that have the moments of two sets of features.

    |μa - μb|² + tr Σa + tr Σb - 2 tr (Σa Σb)^½, in the square of the features' unit. It is never under 0 but by
    rounding, and depends on the number of images: compare only what was computed from equally many.

    Args:
      features_a: `(N, d)`, N at least 2; an np.memmap is read in chunks.
      features_b: `(M, d)`, likewise.

    Raises:
      ValueError: fewer than two images, or features of different lengths.
    """
    if features_a.shape[1:] != features_b.shape[1:]:
        raise ValueError(f"features of different lengths, {features_a.shape} and {features_b.shape}")
    (mean_a, covariance_a), (mean_b, covariance_b) = moments(features_a), moments(features_b)
    # tr (Σa Σb)^½ = tr (R Σb Rᵀ)^½ with Rᵀ R = Σa: a symmetric matrix, whose roots stay real where Σa Σb has none to
    # speak of, as with fewer images than features.
    values, vectors = np.linalg.eigh(covariance_a)
    root = np.sqrt(_not_negative(values))[:, np.newaxis] * vectors.T
    product_values = np.linalg.eigvalsh(root @ covariance_b @ root.T)
    overlap = np.sum(np.sqrt(_not_negative(product_values)))
    difference = mean_a - mean_b
    return float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap)


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean `(d,)` and the unbiased covariance `(d, d)` of features `(N, d)`, both float64.

    Raises:
      ValueError: fewer than two images.
    """
    count, size = features.shape
    if count < 2:
        raise ValueError(f"the covariance of {count} images is not defined; give at least 2")
    mean = sum(chunk.sum(axis=0) for chunk in _chunks(features)) / count
    covariance = np.zeros((size, size))
    for chunk in _chunks(features):
        centred = chunk - mean
        covariance += centred.T @ centred
    return mean, covariance / (count - 1)


def _chunks(features: np.ndarray):
    for start in range(0, len(features), CHUNK):
        yield np.asarray(features[start : start + CHUNK], np.float64)


def _not_negative(values: np.ndarray) -> np.ndarray:
    # A covariance has none under 0; what rounding leaves there is worth 0.
    return np.maximum(values, 0.0)
