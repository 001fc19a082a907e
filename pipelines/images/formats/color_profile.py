"""Converts colors from a file's ICC profile to sRGB, as a viewer does."""

import functools
import io

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ImageCms

# A profile of a display or a camera takes some kilobytes, that of a printer up to some megabytes.
MAX_PROFILE_BYTES = 8 * 2**20

# What a profile's header says of its numbers (ICC.1:2010, 7.2.6), and how many channels these are.
SPACES = {b"GRAY": ("gray", 1), b"RGB ": ("rgb", 3), b"CMYK": ("cmyk", 4)}


def shown(values: npt.NDArray, profile: bytes, is_cmyk: bool = False) -> npt.NDArray:
    """Converts an image to sRGB as viewers do: by its profile, if that can be read and fits.

    Args:
      values: `(H, W, C)` uint8 or uint16: gray, RGB, either with alpha, or CMYK, 0 for no ink.
      profile: the ICC profile; empty if there is none.
      is_cmyk: whether four channels are CMYK, not RGB and alpha.

    Returns:
      `(H, W, C)`, CMYK as RGB.
    """
    has_alpha = not is_cmyk and values.shape[-1] in (2, 4)
    colors = values[..., :-1] if has_alpha else values
    converted = to_srgb(colors, profile) if profile else None
    if converted is None:
        return _without_profile(colors) if is_cmyk else values
    return np.concatenate([converted, values[..., -1:]], axis=-1) if has_alpha else converted


def to_srgb(values: npt.NDArray, profile: bytes) -> npt.NDArray | None:
    """Converts gray, RGB or CMYK to sRGB: gray stays gray.

    Args:
      values: `(H, W, 1, 3 or 4)` uint8 or uint16, without alpha.
      profile: the ICC profile.

    Returns:
      `(H, W, 1 or 3)` of the same type; the values themselves if the profile is sRGB's; None if it does not fit them,
      or cannot be read.
    """
    space, channels = SPACES.get(profile[16:20], ("", 0))
    if channels != values.shape[-1] or values.dtype not in (np.uint8, np.uint16):
        return None
    if space == "rgb" and is_srgb(profile):
        return values
    try:
        converted = imagecodecs.cms_transform(
            np.ascontiguousarray(values if channels > 1 else values[..., 0]),
            profile,
            _srgb(),
            colorspace=space,
            outcolorspace="rgb",
            # Else a table of few points is used for 16 bits, and dark colors are off by up to 3 %.
            flags=imagecodecs.CMS.FLAGS.NOOPTIMIZE if values.dtype == np.uint16 else None,
        )
    except Exception:  # A profile that cannot be read is ignored, as viewers do.
        return None
    return converted[..., :1] if channels == 1 else converted


def is_srgb(profile: bytes) -> bool:
    """Tells whether a profile is one of sRGB, by its description: there are many of them, with one meaning."""
    try:
        return "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower()
    except (OSError, ImageCms.PyCMSError):
        return False


@functools.cache
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _without_profile(cmyk: npt.NDArray) -> npt.NDArray:
    """Converts CMYK to RGB as TensorFlow's kernel for JPEG does."""
    most = np.iinfo(cmyk.dtype).max
    room = most - cmyk.astype(np.uint32)
    return (room[..., :3] * room[..., 3:] // most).astype(cmyk.dtype)
