"""Measures signs of a failing training on generated images; the metrics of quality do not say why it fails."""

import numpy as np
import tensorflow as tf

# Images are compared as thumbnails of so many pixels a side.
THUMBNAIL = 8
# A value so near -1 or 1 counts as saturated: the two levels of 8 bits at either end.
SATURATED = 1 - 3 / 255


class Signs:
    """Gathers the signs of a set of images, batch by batch, of any sizes.

    Args:
      learned: thumbnails of the targets that were trained on, or of some of them, `(M, THUMBNAIL, THUMBNAIL, C)`.
    """

    def __init__(self, learned: np.ndarray | None = None):
        self._learned = learned
        self._thumbnails: dict[str, list[np.ndarray]] = {"generated": [], "target": []}
        self._saturated: dict[str, list[float]] = {"generated": [], "target": []}
        self._highest: dict[str, list[float]] = {"generated": [], "target": []}

    def add(self, generated: np.ndarray, target: np.ndarray) -> None:
        """Adds a batch of both, `(N, H, W, C)` in [-1, 1], of the same pairs."""
        for name, images in (("generated", generated), ("target", target)):
            self._thumbnails[name].append(thumbnails(images))
            self._saturated[name].append(float(np.mean(np.abs(images) >= SATURATED)))
            self._highest[name].append(highest_frequencies(images))

    def values(self) -> dict[str, float]:
        """Returns the signs by name; those that cannot be told are left out.

        variety: how much the images differ from each other, as a multiple of the targets'. Near 0 all are alike.
        saturated: the share of values at an end of the range beyond that of the targets.
        checkerboard: the energy at the highest frequencies, as a multiple of the targets'.
        nearest: the distance to the nearest target that was trained on, as a multiple of that of the targets of these
          pairs. Far below 1 the generator repeats what it was trained on.
        """
        generated, target = (np.concatenate(self._thumbnails[name]) for name in ("generated", "target"))
        values = {"saturated": np.mean(self._saturated["generated"]) - np.mean(self._saturated["target"])}
        of_targets = target.std(axis=0).mean()
        if of_targets > 0:
            values["variety"] = generated.std(axis=0).mean() / of_targets
        if (energy := np.mean(self._highest["target"])) > 0:
            values["checkerboard"] = np.mean(self._highest["generated"]) / energy
        if self._learned is not None and (far := nearest(target, self._learned).mean()) > 0:
            values["nearest"] = nearest(generated, self._learned).mean() / far
        return {name: float(value) for name, value in values.items()}


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Returns images `(N, H, W, C)` in thumbnails, each pixel the mean of those that it stands for."""
    return tf.image.resize(images, (THUMBNAIL, THUMBNAIL), "area").numpy()


def nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns each image's distance to the nearest of the others: the root of the mean squared difference, `(N,)`."""
    flat, of_others = (x.reshape(len(x), -1) for x in (images, others))
    return np.array([np.sqrt(np.square(of_others - image).mean(axis=1).min()) for image in flat])


def highest_frequencies(images: np.ndarray) -> float:
    """Returns the share of the images' energy, without their means, that lies at the highest frequencies.

    A checkerboard of single pixels, and stripes one pixel wide, are at the Nyquist frequency of one axis or both.

    Args:
      images: `(N, H, W, C)`; of an odd side the last row or column is left out.
    """
    height, width = (side - side % 2 for side in images.shape[1:3])
    even = images[:, :height, :width]
    spectrum = np.abs(np.fft.fft2(even - even.mean(axis=(1, 2), keepdims=True), axes=(1, 2))) ** 2
    is_highest = np.zeros((height, width), bool)
    is_highest[height // 2] = is_highest[:, width // 2] = True
    total = spectrum.sum()
    return float(spectrum[:, is_highest].sum() / total) if total > 0 else 0.0
