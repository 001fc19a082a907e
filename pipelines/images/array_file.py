"""Makes a file of an array, so that what is in memory is read as what lies on a disk."""

import io

import numpy as np
import tensorflow as tf

from pipelines.images.choices import MAX_CHANNELS

# What a PNG holds.
PNG_TYPES = (np.uint8, np.uint16)
PNG_CHANNELS = 4


def encode_array(pixels: np.ndarray) -> bytes:
    """Encodes an array `(H, W, C)` or `(H, W)` of numbers: as a PNG if that can hold it, with alpha; else as NPY.

    Raises:
      ValueError: it has another shape, or holds something else than numbers.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    is_number = pixels.dtype == bool or np.issubdtype(pixels.dtype, np.integer) or pixels.dtype.kind == "f"
    if pixels.ndim != 3 or not is_number or not pixels.size or pixels.shape[-1] > MAX_CHANNELS:
        raise ValueError(f"it has type {pixels.dtype} and shape {pixels.shape}")
    if pixels.dtype in PNG_TYPES and pixels.shape[-1] <= PNG_CHANNELS:
        return tf.io.encode_png(pixels, compression=0).numpy()
    file = io.BytesIO()
    np.save(file, pixels, allow_pickle=False)
    return file.getvalue()
