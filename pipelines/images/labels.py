"""Turns label maps, by index or by color, into one-hot channels, and generated classes back into indices."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.color import Color
from pipelines.images.header import BadImageError

# The index of a pixel without a class, all of whose channels are 0.
NO_CLASS = 255
# Pixels whose distances to all colors are in memory at a time.
CHUNK = 1 << 16


def one_hot_of(values: np.ndarray, has_alpha: bool, classes: int, palette: Sequence[Color] | None = None) -> np.ndarray:
    """Converts a label map as stored, `(H, W, C)`, to one-hot channels `(H, W, classes)`, float32.

    Args:
      values: indices of classes, 0 .. classes - 1, or 255 for no class, as one channel or three equal ones; or colors.
      has_alpha: whether the last channel is alpha, which counts for nothing.
      classes: how many there are.
      palette: the color of each class, and after these the colors of no class. Colors become the nearest one's class.
        One channel holds colors if those of all classes are gray, such as black and white; else it holds indices.

    Raises:
      BadImageError: it holds something else.
    """
    colors = values[..., :-1] if has_alpha else values
    if colors.shape[-1] == 1 and palette is not None and all(len({*color}) == 1 for color in palette[:classes]):
        colors = np.repeat(_gray_levels(colors), 3, axis=-1)
    if colors.shape[-1] == 1:
        return one_hot(_whole(colors[..., 0]), classes)
    if colors.shape[-1] != 3:
        raise BadImageError(f"it has {colors.shape[-1]} channels; a label map has one, or three of a color")
    if palette is not None:
        if not np.issubdtype(colors.dtype, np.unsignedinteger):
            raise BadImageError(f"it holds {colors.dtype}; the colors of a label map are integers from 0")
        levels = colors if colors.dtype == np.uint8 else np.round(colors * (255 / np.iinfo(colors.dtype).max))
        return one_hot(nearest(levels, palette, classes), classes)
    if (colors == colors[..., :1]).all():
        return one_hot(_whole(colors[..., 0]), classes)
    raise BadImageError("it is in colors, and nothing says which stand for which class; give --label_colors")


def one_hot(indices: np.ndarray, classes: int) -> np.ndarray:
    """Converts indices `(H, W)` to one-hot channels `(H, W, classes)`, float32; all 0 for no class.

    Raises:
      BadImageError: an index is neither a class nor 255.
    """
    is_class = (indices >= 0) & (indices < classes)
    strange = ~is_class & (indices != NO_CLASS)
    if strange.any():
        raise BadImageError(
            f"it has the label {indices[strange][0]}, and {classes} classes are 0 to {classes - 1}, and {NO_CLASS} for "
            "no class"
        )
    found = np.zeros((*indices.shape, classes), np.float32)
    rows, columns = np.nonzero(is_class)
    found[rows, columns, indices[rows, columns].astype(np.intp)] = 1.0
    return found


def nearest(pixels: np.ndarray, palette: Sequence[Color], classes: int) -> np.ndarray:
    """Finds the class of each pixel `(H, W, 3)`, 0..255, by the nearest color: `(H, W)` uint8, 255 for no class."""
    # A label map has few colors, so that only these are compared. JPEG makes more of them.
    flat: np.ndarray = pixels.reshape(-1, 3).astype(np.int64)
    codes, place = np.unique(flat @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True)
    there = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.float32)
    known = np.asarray(palette, np.float32)
    found: np.ndarray = np.zeros(len(codes), np.int64)
    for start in range(0, len(codes), CHUNK):
        # |p - c|² without |p|², which is the same for all colors.
        found[start : start + CHUNK] = ((known**2).sum(-1) - 2 * there[start : start + CHUNK] @ known.T).argmin(-1)
    return np.where(found < classes, found, NO_CLASS).astype(np.uint8)[place].reshape(pixels.shape[:-1])


def indices_of(images: tf.Tensor) -> tf.Tensor:
    """Finds the class of each pixel, of images `(..., classes)` in [-1, 1]: `(...)` int32, 255 for no class.

    A target's pixel without a class is -1 in all channels. A generated pixel always has one: the most probable.
    """
    found = tf.argmax(images, axis=-1, output_type=tf.int32)
    return tf.where(tf.reduce_max(images, axis=-1) > -1.0, found, NO_CLASS)


def _gray_levels(values: np.ndarray) -> np.ndarray:
    # One bit, as it is stored, is 0 and 1.
    return values * np.uint8(255) if values.dtype == bool else values


def _whole(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating) and not np.array_equal(values, np.round(values)):
        raise BadImageError("it holds fractions; the labels of classes are whole numbers")
    return values.astype(np.int64) if values.dtype == bool else values
