"""Checks sizes of images, (height, width) in pixels, and makes flags of them."""

import math
import re

from absl import flags

from pipelines.system.terminal import InputError

Size = tuple[int, int]

# A flag made here belongs to the command that calls define_size or define_max_pixels, and appears in its --help.
flags.disclaim_key_flags()

# The default of --max_pixels: enough for a camera's photo.
MAX_PIXELS = 40_000_000
MAX_PIXELS_HELP = "refuse images of more pixels, by their headers, before they are decoded"

# The paper's jitter: 256×256 images are resized to 286×286, then cropped (Isola et al. 2017, section 6.2).
LOAD_SCALE = 286 / 256

# No image has a side of more than six digits.
MAX_SIDE = 999_999


def paper_load_size(image_size: Size) -> Size:
    """Returns the size before the random crop at the paper's scale: (256, 256) gives (286, 286)."""
    return round(image_size[0] * LOAD_SCALE), round(image_size[1] * LOAD_SCALE)


def middle_size(shape: Size, pixels: int) -> Size:
    """Returns (height, width) of the middle of a picture with at most so many pixels; see fit.middle_window."""
    side = math.isqrt(pixels)
    return min(shape[0], max(side, pixels // shape[1])), min(shape[1], max(side, pixels // shape[0]))


def check_load_size(load_size: Size, image_size: Size) -> None:
    """Raises InputError if image_size cannot be cropped from load_size."""
    if any(load < crop for load, crop in zip(load_size, image_size, strict=True)):
        raise InputError(
            f"load_size={format_size(load_size)} is smaller than image_size={format_size(image_size)}, so no crop "
            "fits; give a larger one, or 0 for the paper's scale"
        )


def parse_size(name: str, size: object) -> Size:
    """Returns (height, width) from two positive integers, or from one for both.

    Raises:
      InputError: it is not a size; names the argument.
    """
    sides = (size, size) if isinstance(size, int) else size
    if isinstance(sides, tuple | list) and len(sides) == 2 and all(type(side) is int and side > 0 for side in sides):
        return sides[0], sides[1]
    raise InputError(f"{name}={size!r} is not a size; give (height, width), two positive integers")


def next_multiple(size: Size, step: int) -> Size:
    """Returns the smallest (height, width) of multiples of `step` that holds a size."""
    height, width = (side + -side % step for side in size)
    return height, width


def format_size(size: Size) -> str:
    """Formats (256, 512) as 256x512."""
    return f"{size[0]}x{size[1]}"


def define_size(name: str, default: Size, help_text: str) -> None:
    """Defines an absl flag whose value is a Size."""
    flags.DEFINE(SizeParser(), name, format_size(default), help_text, serializer=SizeSerializer())


def define_max_pixels(default: int | None = MAX_PIXELS) -> None:
    """Defines --max_pixels; the default None stands for the run's config."""
    source = "" if default else "; default: as in the run's config"
    flags.DEFINE_integer("max_pixels", default, MAX_PIXELS_HELP + source, lower_bound=1)


class SizeParser(flags.ArgumentParser):
    """Reads 256 as (256, 256), and 256x512 as (256, 512)."""

    syntactic_help = "HEIGHTxWIDTH, or one number for both"

    def parse(self, argument: str | Size) -> Size:
        """Parses a flag's text."""
        if isinstance(argument, tuple):
            return argument
        match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", argument)
        if not match:
            raise ValueError(f"{argument!r} is not a size; write 256, or 256x512 for height x width")
        size = int(match[1]), int(match[2] or match[1])
        if 0 in size and any(size):
            raise ValueError(f"{argument!r} is not a size, because one side is 0; write 256, or 256x512")
        return size

    def flag_type(self) -> str:
        """Returns the name of the type in --help."""
        return "size"


class SizeSerializer(flags.ArgumentSerializer):
    """Writes a size as SizeParser reads it."""

    def serialize(self, value: Size) -> str:
        """Formats (256, 512) as 256x512."""
        return format_size(value)
