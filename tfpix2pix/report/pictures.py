"""Images as the bytes of small files, to be carried inside a page."""

import io

import matplotlib
import numpy as np
from PIL import Image

from pipelines.images.transforms import to_uint8

# WebP's, 0 to 100: a photo of 256×256 takes 16 kB, and is off by 2 of 255 levels in the mean.
QUALITY = 90
# Up to so many pixels nothing is lost: lossy WebP halves the resolution of colour, which shows (labels are off by up to
# 134 levels) where so small an image is drawn large, and a whole photo of 64×64 is only 6 kB.
LOSSLESS_PIXELS = 64 * 64
MOST_PIXELS = 512

# The error that gets the brightest colour, in the units of [-1, 1], where 2 is black against white. It is the same for
# all pages, so that two of them can be laid side by side.
ERROR_FULL = 1.0
# Not a number has a colour that is on no scale, lest a broken image pass for a perfect one.
ERROR_COLOURS = matplotlib.colormaps["inferno"].with_extremes(bad="#00ffff")


def webp(image: np.ndarray, most_pixels: int = MOST_PIXELS) -> bytes:
    """An image as a WebP file: of quality QUALITY, or lossless up to LOSSLESS_PIXELS.

    Args:
      image: `(H, W, C)` float32 in [-1, 1], what lies outside is clipped; C is 1 (gray), 2 (gray and alpha), 3 (RGB) or
        4 (RGBA).
      most_pixels: what no side shall exceed; larger images are scaled down, and none is scaled up.
    """
    pixels = to_uint8(image).numpy()
    if pixels.shape[-1] < 3:
        pixels = np.concatenate([np.repeat(pixels[..., :1], 3, axis=-1), pixels[..., 1:]], axis=-1)
    picture = Image.fromarray(pixels)
    return _encode(picture.resize(_fitting(picture.size, most_pixels), Image.Resampling.LANCZOS))


def error_map(target: np.ndarray, generated: np.ndarray, most_pixels: int = MOST_PIXELS) -> bytes:
    """Where an image differs from its target, as a WebP file: black where it does not, brightest from ERROR_FULL on.

    Args:
      target: `(H, W, C)` float32 in [-1, 1].
      generated: likewise; the absolute difference is averaged over channels, alpha included, as in L1.
      most_pixels: what no side shall exceed.
    """
    error = np.abs(np.asarray(target, np.float32) - np.asarray(generated, np.float32)).mean(axis=-1)
    picture = Image.fromarray(error)
    # Errors can be averaged, colours cannot; so first the size, then the colour.
    error = np.asarray(picture.resize(_fitting(picture.size, most_pixels), Image.Resampling.BOX))
    return _encode(_coloured(error))


def error_scale(width: int = 256) -> bytes:
    """The colours of error_map from 0 (left) to ERROR_FULL (right), one row of pixels, as a WebP file."""
    return _encode(_coloured(np.linspace(0, ERROR_FULL, width, dtype=np.float32)[None]))


def size(contents: bytes) -> tuple[int, int]:
    """(width, height) of an image file, from its header alone."""
    with Image.open(io.BytesIO(contents)) as picture:
        return picture.size


def _coloured(error: np.ndarray) -> Image.Image:
    return Image.fromarray(ERROR_COLOURS(error / ERROR_FULL, bytes=True)[..., :3])


def _fitting(size: tuple[int, int], most_pixels: int) -> tuple[int, int]:
    scale = min(1.0, most_pixels / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _encode(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    if picture.width * picture.height <= LOSSLESS_PIXELS:
        # Here quality is effort.
        picture.save(file, "WEBP", lossless=True, quality=50)
    else:
        picture.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
