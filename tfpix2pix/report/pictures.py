"""Encodes images and error maps as small WebP files for a page."""

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image

from pipelines.images.display import PLAIN, Display
from pipelines.images.transforms import to_uint8

# WebP's quality, 0 to 100: a photo of 256×256 takes 16 kB and is off by 2 of 255 levels in the mean.
QUALITY = 90
# Images of at most so many pixels are lossless: lossy WebP halves the resolution of color (labels are off by up to 134
# levels), which shows when so small an image is drawn large; a lossless photo of 64×64 takes only 6 kB.
LOSSLESS_PIXELS = 64 * 64
MAX_SIDE = 512

# The error with the brightest color, in units of [-1, 1], where 2 is black against white. It is the same on all pages,
# so that two pages can be compared.
ERROR_FULL = 1.0
# NaN has a color that is not on the scale, so that a broken image does not look like a perfect one.
ERROR_COLORS = matplotlib.colormaps["inferno"].with_extremes(bad="#00ffff")


def webp(image: np.ndarray, max_side: int = MAX_SIDE) -> bytes:
    """Encodes an image as a WebP file: with quality QUALITY, or lossless up to LOSSLESS_PIXELS.

    Args:
      image: `(H, W, C)` float32, clipped to [-1, 1], or uint8; C is 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGBA).
      max_side: pixels of the longest side; larger images are scaled down, none is scaled up.
    """
    pixels = image if image.dtype == np.uint8 else to_uint8(image).numpy()
    if pixels.shape[-1] < 3:
        pixels = np.concatenate([np.repeat(pixels[..., :1], 3, axis=-1), pixels[..., 1:]], axis=-1)
    picture = Image.fromarray(pixels)
    return _encode(picture.resize(_fitting(picture.size, max_side), Image.Resampling.LANCZOS))


def error_map(target: np.ndarray, generated: np.ndarray, max_side: int = MAX_SIDE, display: Display = PLAIN) -> bytes:
    """Draws where an image differs from its target, as a WebP file: black for no error, brightest from ERROR_FULL on.

    Args:
      target: `(H, W, C)` float32 in [-1, 1].
      generated: likewise.
      max_side: pixels of the longest side.
      display: tells what an error is.
    """
    picture = Image.fromarray(display.error(target, generated))
    # Errors can be averaged, colors cannot: so first the size, then the color.
    error = np.asarray(picture.resize(_fitting(picture.size, max_side), Image.Resampling.BOX))
    return _encode(_colored(error))


def error_scale(width: int = 256) -> bytes:
    """Draws the colors of error_map from 0 (left) to ERROR_FULL (right), as a WebP file with one row of pixels."""
    return _encode(_colored(np.linspace(0, ERROR_FULL, width, dtype=np.float32)[None]))


def row(files: Sequence[bytes], height: int = 192) -> bytes:
    """Joins pictures of one height side by side, as a WebP file; small ones are enlarged, each pixel to a square.

    Args:
      files: WebP files.
      height: to which they are enlarged at least.
    """
    images = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files]
    times = max(1, -(-height // images[0].shape[0]))
    return _encode(Image.fromarray(np.concatenate(images, axis=1).repeat(times, 0).repeat(times, 1)))


def size(contents: bytes) -> tuple[int, int]:
    """Reads (width, height) from the header of an image file."""
    with Image.open(io.BytesIO(contents)) as picture:
        return picture.size


def _colored(error: np.ndarray) -> Image.Image:
    return Image.fromarray(ERROR_COLORS(error / ERROR_FULL, bytes=True)[..., :3])


def _fitting(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _encode(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    if picture.width * picture.height <= LOSSLESS_PIXELS:
        # For lossless files, quality means effort.
        picture.save(file, "WEBP", lossless=True, quality=50)
    else:
        picture.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
