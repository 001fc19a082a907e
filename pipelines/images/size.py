"""Sizes of images, (height, width) in pixels, and how they stand on a command line."""

import re

from absl import flags

from pipelines.system.terminal import InputError

Size = tuple[int, int]

# A flag made by define_size belongs to the module that asks for it, and is shown in its --help.
flags.disclaim_key_flags()

# What is read unless --max_pixels says otherwise: a camera's photo, not a bomb.
MAX_PIXELS = 40_000_000
MAX_PIXELS_HELP = "refuse images of more pixels, by their headers, before they are decoded"

# The paper's jitter: 256×256 images are resized to 286×286, then cropped (Isola et al. 2017, section 6.2).
LOAD_SCALE = 286 / 256

# Six digits; no image has more.
MAX_SIDE = 999_999


def paper_load_size(image_size: Size) -> Size:
    """The size before the random crop that keeps the paper's scale: (256, 256) gives (286, 286)."""
    return round(image_size[0] * LOAD_SCALE), round(image_size[1] * LOAD_SCALE)


def check_load_size(load_size: Size, image_size: Size) -> None:
    """Raises InputError where nothing of image_size can be cropped from load_size."""
    if any(load < crop for load, crop in zip(load_size, image_size, strict=True)):
        raise InputError(
            f"load_size={format_size(load_size)} is smaller than image_size={format_size(image_size)}: nothing of that "
            "size can be cropped from it; make it larger, or 0 for the paper's scale"
        )


def format_size(size: Size) -> str:
    """(256, 512) as 256x512."""
    return f"{size[0]}x{size[1]}"


def define_size(name: str, default: Size, help_text: str) -> None:
    """Makes an absl flag whose value is a Size."""
    flags.DEFINE(SizeParser(), name, format_size(default), help_text, serializer=SizeSerializer())


def define_max_pixels(default: int | None = MAX_PIXELS) -> None:
    """Makes the flag; None as default leaves it to the run's config."""
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
            raise ValueError(f"{argument!r} is no size; write 256, or 256x512 for height x width")
        size = int(match[1]), int(match[2] or match[1])
        if 0 in size and any(size):
            raise ValueError(f"{argument!r} is no size: one side is 0")
        return size

    def flag_type(self) -> str:
        """What --help calls it."""
        return "size"


class SizeSerializer(flags.ArgumentSerializer):
    """Writes a size as SizeParser reads it."""

    def serialize(self, value: Size) -> str:
        """(256, 512) as 256x512."""
        return format_size(value)
