"""Layers written out in NumPy, to hold ours against."""

import numpy as np


def padded(x, margin, mode="constant"):
    """Extends `(N, H, W, C)` on all four sides; modes as in np.pad."""
    return np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode)


def convolution(x, kernel, bias=0.0, stride=1):
    """Convolves `(N, H, W, C)` with `(k, k, C, filters)`, without padding."""
    size = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwckl,klcf->nhwf", windows, kernel) + bias


def transposed(x, kernel, bias=0.0):
    """Adds each pixel of `(N, H, W, C)`, times `(3, 3, filters, C)`, to the 3×3 outputs around twice its place."""
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i, j in np.ndindex(height, width):
        y[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += np.einsum("nc,klfc->nklf", x[:, i, j], kernel)
    return y[:, 1:-1, 1:-1] + bias


def pooled(x):
    """Averages the pixels of the image that are next to every second one, and itself."""
    height, width = x.shape[1:3]
    rows = [
        [x[:, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].mean((1, 2)) for j in range(0, width, 2)]
        for i in range(0, height, 2)
    ]
    return np.stack([np.stack(row, 1) for row in rows], 1)


def instance_norm(x, gamma, beta, epsilon=1e-5):
    """Normalizes each image and channel over height and width."""
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def attention(x, key, query, value, output, gamma):
    """Writes out equations 1 to 3 of Zhang et al. 2019 place by place."""
    n, channels = x.shape[0], x.shape[-1]
    places = x.reshape(n, -1, channels)
    found = np.zeros_like(places)
    for image in range(n):
        for j, at in enumerate(places[image]):
            scores = np.array([(other @ key) @ (at @ query) for other in places[image]])
            beta = np.exp(scores - scores.max())
            beta /= beta.sum()
            found[image, j] = (
                sum(share * (other @ value) for share, other in zip(beta, places[image], strict=True)) @ output
            )
    return gamma * found.reshape(x.shape) + x
