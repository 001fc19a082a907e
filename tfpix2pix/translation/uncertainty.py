"""Estimates how sure a generator is: the mean and the spread of its results over dropout masks, mirrors and turns.

Dropout that stays on draws another mask at each pass (Gal and Ghahramani 2016, arXiv 1506.02142). Mirrors and turns
that training used show the generator the same picture in another way (test-time augmentation, Wang et al. 2019, arXiv
1807.07356); what it makes of one is turned back. All images are in [-1, 1].
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import matplotlib
import numpy as np
import tensorflow as tf

# Sources `(N, H, W, C)` -> results `(N, H, W, C')`.
Generate: TypeAlias = Callable[[tf.Tensor], tf.Tensor]


class Symmetry(NamedTuple):
    """One of the eight ways to lay a picture: mirrored or not, then turned.

    Attributes:
      is_mirrored: whether it is mirrored left to right.
      quarters: by how many quarters it is turned counterclockwise then, 0 to 3.
    """

    is_mirrored: bool
    quarters: int

    def apply(self, images: tf.Tensor) -> tf.Tensor:
        """Mirrors and turns images `(N, H, W, C)`; after a turn by 1 or 3 quarters they are `(N, W, H, C)`."""
        return _turned(tf.reverse(images, [2]) if self.is_mirrored else images, self.quarters)

    def undo(self, images: tf.Tensor) -> tf.Tensor:
        """Lays images as they were before `apply`."""
        images = _turned(images, -self.quarters % 4)
        return tf.reverse(images, [2]) if self.is_mirrored else images


AS_IT_IS = Symmetry(False, 0)


def training_symmetries(flip: bool, flip_vertical: bool, rotate90: bool) -> tuple[Symmetry, ...]:
    """Returns the ways in which a training with these options lays its pairs; the first leaves them as they are."""
    return tuple(
        sorted(
            {
                # Mirrored top to bottom is mirrored left to right and turned by two quarters.
                Symmetry(across != down, (2 * down + quarters) % 4)
                for across in {False, flip}
                for down in {False, flip_vertical}
                for quarters in range(4 if rotate90 else 1)
            }
        )
    )


class Moments:
    """Mean and standard deviation of tensors of one shape, none of which is kept (Welford 1962)."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, value: tf.Tensor) -> None:
        """Takes one more tensor into account."""
        self.count += 1
        if self.count == 1:
            self.mean, self._squares = value, tf.zeros_like(value)
            return
        difference = value - self.mean
        self.mean += difference / self.count
        self._squares += difference * (value - self.mean)

    def deviation(self) -> tf.Tensor:
        """Returns the standard deviation, with n - 1 in the denominator.

        Raises:
          ValueError: there are fewer than two tensors.
        """
        if self.count < 2:
            raise ValueError(f"{self.count} results have no deviation; give two or more")
        return tf.sqrt(self._squares / (self.count - 1))


def estimate(
    generate: Generate,
    sources: tf.Tensor,
    samples: int = 1,
    symmetries: Sequence[Symmetry] = (AS_IT_IS,),
    moments: Moments | None = None,
) -> Moments:
    """Translates sources often, in each way to lay them; the memory does not grow with the number of passes.

    Args:
      generate: draws another dropout mask at each call, if `samples` is more than 1.
      sources: `(N, H, W, C)`.
      samples: passes for each symmetry.
      symmetries: the ways to lay sources.
      moments: of earlier passes, which these are added to.

    Returns:
      Mean and deviation of the results, each `(N, H, W, C')`, laid as the sources are.
    """
    moments = moments or Moments()
    for symmetry in symmetries:
        laid = symmetry.apply(sources)
        for _ in range(samples):
            moments.add(symmetry.undo(generate(laid)))
    return moments


def entropy(images: tf.Tensor) -> tf.Tensor:
    """Returns how undecided probabilities of classes are: their entropy over that of equal ones.

    Args:
      images: `(..., classes)`, 2 p - 1 of the probabilities p, as generators of labels give them.

    Returns:
      `(..., 1)`, from 0 (one class is certain) to 1 (all are equally likely).
    """
    shares = tf.clip_by_value((images + 1) / 2, 0.0, 1.0)
    bits = -tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1, keepdims=True)
    return bits / np.log(images.shape[-1])


def heat_map(values: np.ndarray, brightest: float) -> np.ndarray:
    """Colors `(H, W, C)` by the mean over channels, from black at 0 to light yellow: `(H, W, 3)` uint8.

    Args:
      values: from 0.
      brightest: the mean that gets the brightest color, as all above.
    """
    levels = np.clip(np.mean(values, axis=-1) / brightest, 0, 1)
    return matplotlib.colormaps["inferno"](levels, bytes=True)[..., :3]


def _turned(images: tf.Tensor, quarters: int) -> tf.Tensor:
    """Turns images `(N, H, W, C)` counterclockwise."""
    return tf.image.rot90(images, quarters) if quarters else images
