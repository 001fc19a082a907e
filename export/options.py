"""The options that all exporters have; without TensorFlow, so that --help is quick."""

from typing import Any

from absl import flags

from export.formats.choices import DYNAMIC
from pipelines.images.size import Size, SizeParser, SizeSerializer, define_size
from tfpix2pix.networks.choices import NORM_STATISTICS

# A flag made by define_flags belongs to the command that asks for it, and is shown in its --help.
flags.disclaim_key_flags()


class SizeOrDynamicParser(SizeParser):
    """Reads a size, or `dynamic`."""

    syntactic_help = f"{SizeParser.syntactic_help}, or {DYNAMIC}"

    def parse(self, argument: str | Size) -> Any:
        """Parses a flag's text."""
        if argument == DYNAMIC:
            return argument
        try:
            return super().parse(argument)
        except ValueError as error:
            raise ValueError(f"{error}, or {DYNAMIC} for any size") from None


class SizeOrDynamicSerializer(SizeSerializer):
    """Writes what SizeOrDynamicParser reads."""

    def serialize(self, value: Any) -> str:
        """Formats (256, 512) as 256x512, and `dynamic` as it is."""
        return value if value == DYNAMIC else super().serialize(value)


def define_flags(output: str, one_file: bool = False) -> None:
    """Defines the options of an exporter.

    Args:
      output: says what that folder is for.
      one_file: whether each export is a file that describes itself, and may be for any size.
    """
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("output", None, output, required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_string("data", "", "data set whose val/ is used to compare with Keras; default: pairs kept in the run")
    flags.DEFINE_string("sources", "", "folder of single sources that are used instead, without targets")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    if one_file:
        flags.DEFINE(
            SizeOrDynamicParser(),
            "image_size",
            DYNAMIC,
            f"{DYNAMIC}: all that it can halve, multiples of 256 for the usual U-Net, of 4 for a ResNet; or one "
            "height x width; 0: training's",
            serializer=SizeOrDynamicSerializer(),
        )
    else:
        define_size("image_size", (0, 0), "height x width that images are resized to; 0: training's")
    flags.DEFINE_string("license", "", "under which the export may be used, such as CC-BY-4.0; it says so itself")
    flags.DEFINE_integer("parity_images", 20, "pictures to compare on, at most", lower_bound=1)


def arguments(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the values of these options, but for the two folders, as the exporters' functions take them."""
    return {
        "license_text": values.license,
        "checkpoint": values.checkpoint,
        "data": values.data,
        "sources": values.sources,
        "norm_statistics": values.norm_statistics,
        "image_size": None if values.image_size == (0, 0) else values.image_size,
        "parity_images": values.parity_images,
    }
