"""Makes the inputs of published code and of ours: weights, images and features, from their names and shapes.

It uses NumPy's RandomState, whose streams are frozen: published.npz always belongs to the inputs made here.
"""

import zlib

import numpy as np

# name: (images of the first set, of the second, features an image). The second one's covariances are singular.
FRECHET_SETS = {"full_rank": (200, 150, 16), "rank_deficient": (20, 25, 64), "near": (400, 400, 8)}
# name: (generated images, real images, features an image, subsets), under and over the subset size of 1000.
KERNEL_SETS = {"few": (300, 200, 8, 100), "many": (1200, 1500, 8, 10)}
KERNEL_SEED = 7
# (height, width) of the pairs for LPIPS; the last one has the smallest side.
LPIPS_SIZES = ((64, 64), (96, 64), (31, 45))
# name: (images, height, width): enlarged, reduced, and kept as they are by the resize to 299×299.
INCEPTION_IMAGES = {"enlarged": (3, 64, 64), "reduced": (1, 400, 320), "kept": (1, 299, 299)}


def stream(name: str) -> np.random.RandomState:
    """Returns the stream of random numbers for a name."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Makes a tensor for a network, scaled so that activations neither vanish nor explode."""
    random = stream(name)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.startswith("lin"):  # of LPIPS: never negative
        return random.uniform(0, 1, shape).astype(np.float32)
    if name.endswith(("bn.weight", "running_var")):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) == 1:  # bias and running mean
        return (0.1 * random.standard_normal(shape)).astype(np.float32)
    # He et al. 2015: keeps the second moment behind a ReLU.
    return (np.sqrt(2 / np.prod(shape[1:])) * random.standard_normal(shape)).astype(np.float32)


def pixels(name: str, count: int, height: int, width: int) -> np.ndarray:
    """Makes RGB images `(count, height, width, 3)` uint8: sharp-edged patches of all levels, under noise."""
    random = stream(name)
    patches = random.uniform(0, 255, (count, 5, 5, 3))
    rows, columns = np.arange(height) * 5 // height, np.arange(width) * 5 // width
    noisy = patches[:, rows][:, :, columns] + 12 * random.standard_normal((count, height, width, 3))
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def unit_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes two images `(64, 64, 3)` float64 in [0, 1]; the second is the first, with more noise at each index."""
    first = pixels(f"unit {index}", 1, 64, 64)[0] / 255
    noise = stream(f"unit noise {index}").standard_normal(first.shape)
    return first, np.clip(first + 0.05 * (index + 1) * noise, 0, 1)


def lpips_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes two batches `(2, height, width, 3)` float32 in [-1, 1]: their first images are near, the others far."""
    first = pixels(f"lpips {height} {width}", 2, height, width)
    second = pixels(f"lpips other {height} {width}", 2, height, width)
    second[0] = np.clip(first[0] + 20.0 * stream("lpips noise").standard_normal(first[0].shape), 0, 255)
    return (first / 127.5 - 1).astype(np.float32), (second / 127.5 - 1).astype(np.float32)


def features(name: str, counts: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes two sets `(counts[i], size)` float32 of correlated features, the second shifted and stretched."""
    random = stream(name)
    mixing = random.standard_normal((size, size)) / np.sqrt(size)
    first = random.standard_normal((counts[0], size)) @ mixing
    second = 1.2 * random.standard_normal((counts[1], size)) @ mixing + 0.2
    return first.astype(np.float32), second.astype(np.float32)


def torch_file_tensors() -> dict[str, np.ndarray]:
    """Makes the plain tensors of the .pth files; make.py adds the others."""
    random = stream("torch file")
    return {
        "layer.weight": random.standard_normal((4, 3, 2, 2)).astype(np.float32),
        "layer.bias": random.standard_normal(4),
        "half": random.standard_normal((2, 5)).astype(np.float16),
        "num_batches_tracked": np.array(2**40 + 1),
        "flags": random.uniform(size=6) < 0.5,
        "bytes": random.randint(0, 256, (3, 3)).astype(np.uint8),
        "empty": np.zeros((0, 3), np.float32),
    }
