"""Makes files that the served model can read: a model has TensorFlow's kernels alone, for JPEG and PNG in sRGB."""

import numpy as np
import tensorflow as tf

from pipelines.images import codecs, kernels
from pipelines.images.array_file import PNG_CHANNELS, PNG_TYPES
from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS


def as_sendable(contents: bytes, max_pixels: int = MAX_PIXELS) -> bytes:
    """Returns a JPEG or PNG as it is, and any other image as a PNG of the same numbers.

    A picture in other colors than sRGB is converted, as training reads it.

    Args:
      contents: an image file of any format.
      max_pixels: an image with more pixels, by its header, is not decoded here.

    Raises:
      BadImageError: it is damaged or too large, or a PNG cannot hold its numbers.
    """
    if kernels.can_read(tf.constant(contents)):
        # The model checks it.
        return contents
    raster = codecs.decode(contents, max_pixels=max_pixels)
    values = raster.values
    channels = values.shape[-1]
    if values.dtype not in [np.dtype(kind) for kind in PNG_TYPES]:
        raise BadImageError(
            f"it holds {values.dtype}, and the model takes PNG files, which hold uint8 or uint16; use "
            "tfpix2pix.translate"
        )
    if channels > PNG_CHANNELS or raster.has_alpha != (channels in (2, 4)):
        raise BadImageError(
            f"it has {channels} channels, and the model takes PNG files, which have gray or RGB, and alpha; use "
            "tfpix2pix.translate"
        )
    return codecs.encode(values, "png")
