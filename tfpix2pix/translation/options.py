"""The options of how pictures of any size are translated; without TensorFlow, so --help is quick."""

import dataclasses
import re
from typing import Any

from absl import flags

from pipelines.images.size import Size, parse_size
from pipelines.system.terminal import InputError, check_value

# How a picture meets the network; auto: as fit_choice decides.
FITS = ("auto", "pad", "resize", "tile")
# What size a result has, if it is not a size itself.
OUTPUT_SIZES = ("source", "network")

FIT_HELP = (
    "how a picture meets the network: pad (at its own scale), resize (brought to the size that training had, and the "
    "result back), tile (at its own scale, tile by tile); auto: as training did, and in tiles where memory is short"
)
OUTPUT_SIZE_HELP = "size of the results: source (the picture's), network (as the network gives it), or height x width"

# A flag made by define_flags belongs to the command that asks for it, and is shown in its --help.
flags.disclaim_key_flags()


@dataclasses.dataclass(frozen=True)
class SizeOptions:
    """How pictures of any size are translated. Each field is a flag.

    Attributes:
      fit: one of FITS.
      output_size: one of OUTPUT_SIZES, or (height, width), also written as `512x768`.
      tile: side of a tile in pixels, a multiple of config.multiple.
      overlap: pixels that a tile shares with the next one.
      memory_mib: for pictures and activations; 0: half of what is free.

    Raises:
      InputError: a value is not allowed.
    """

    fit: str = "auto"
    output_size: str | Size = "source"
    tile: int = 512
    overlap: int = 64
    memory_mib: int = 0

    def __post_init__(self) -> None:
        check_value("fit", self.fit, choices=FITS)
        object.__setattr__(self, "output_size", parse_output_size(self.output_size))
        for name, least in (("tile", 1), ("overlap", 0), ("memory_mib", 0)):
            check_value(name, getattr(self, name), least=least)

    def result_size(self, picture: Size, network: Size) -> Size:
        """Returns the (height, width) of a result.

        Args:
          picture: (height, width) of the picture in its file.
          network: that of what the network makes of it.
        """
        if isinstance(self.output_size, tuple):
            return self.output_size
        return picture if self.output_size == "source" else network


def parse_output_size(value: str | Size) -> str | Size:
    """Returns one of OUTPUT_SIZES, or (height, width); raises InputError if the value is neither."""
    if value in OUTPUT_SIZES:
        return value
    if not isinstance(value, str):
        return parse_size("output_size", value)
    found = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", value)
    if not found or not int(found[1]) or not int(found[2] or 1):
        raise InputError(f"output_size={value} is not a size; give source, network, or height x width such as 512x768")
    return int(found[1]), int(found[2] or found[1])


def define_flags() -> None:
    """Defines a flag for each field of SizeOptions."""
    default = SizeOptions()
    flags.DEFINE_enum("fit", default.fit, FITS, FIT_HELP)
    flags.DEFINE_string("output_size", str(default.output_size), OUTPUT_SIZE_HELP)
    define_tile_flags()


def define_tile_flags() -> None:
    """Defines those of them that tiles need."""
    default = SizeOptions()
    flags.DEFINE_integer("tile", default.tile, "side of a tile in pixels, a multiple as image_size is", lower_bound=1)
    flags.DEFINE_integer("overlap", default.overlap, "pixels that a tile shares with the next one", lower_bound=0)
    flags.DEFINE_integer(
        "memory_mib", default.memory_mib, "MiB for pictures and activations; 0: half of what is free", lower_bound=0
    )


def from_flags(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the values of these flags by name."""
    return {field.name: values[field.name].value for field in dataclasses.fields(SizeOptions)}
