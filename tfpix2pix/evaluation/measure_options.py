"""The options that evaluate and compare share; without TensorFlow, so --help is quick."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from pipelines.images.label_colors import PALETTES
from pipelines.images.size import MAX_PIXELS_HELP
from pipelines.system.terminal import check_value

AS_IN_RUN = "default: as in the run's config"


def option(
    default: Any,
    help_text: str,
    *,
    kind: type | None = None,
    choices: Sequence[str] = (),
    least: int | None = None,
) -> Any:
    """Makes a field of MeasureOptions: its default, one line of help, and the values that are allowed."""
    metadata = {"help": help_text, "kind": kind or type(default), "choices": choices, "least": least}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class MeasureOptions:
    """What is measured, and with which networks. Each field is a flag of both commands.

    Raises:
      InputError: a value is not allowed.
    """

    split: str = option("val", "folder of the data set, such as val or test")
    data: str | pathlib.Path = option(
        "", "another data set than the run's own: a name, or a folder that holds the split"
    )
    bad_images: str | None = option(
        None,
        f"on a file that is not a pair: fail, or skip it; {AS_IN_RUN}",
        kind=str,
        choices=("fail", "skip"),
    )
    max_pixels: int | None = option(None, f"{MAX_PIXELS_HELP}; {AS_IN_RUN}", kind=int, least=1)
    batch_size: int = option(8, "images at a time", least=1)
    features: bool = option(True, "measure FID, KID and LPIPS, whose networks are downloaded")
    inception_weights: str | pathlib.Path = option("", f"file with Inception's weights, for FID and KID; {AS_IN_RUN}")
    alexnet_weights: str | pathlib.Path = option("", f"file with AlexNet's weights, for LPIPS; {AS_IN_RUN}")
    lpips_weights: str | pathlib.Path = option("", f"file with LPIPS' linear weights; {AS_IN_RUN}")
    segmenter: str | pathlib.Path = option("", "SavedModel from images to class logits, for the segmentation score")
    label_colors: str = option(
        "auto",
        f"colors of label maps, of the sources for the segmenter, else of the targets: {', '.join(PALETTES)}, or a "
        "file with a color a line; auto: by the name of the data set",
    )
    report_images: int = option(2000, "images on the pages, at most", least=1)

    def __post_init__(self) -> None:
        """Refuses what the flags refuse."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                check_value(field.name, value, choices=field.metadata["choices"], least=field.metadata["least"])


def define_flags() -> None:
    """Defines a flag for each field of MeasureOptions."""
    for field in dataclasses.fields(MeasureOptions):
        name, metadata = field.name, field.metadata
        default: Any = field.default
        if metadata["choices"]:
            flags.DEFINE_enum(name, default, metadata["choices"], metadata["help"])
        elif metadata["kind"] is bool:
            flags.DEFINE_bool(name, default, metadata["help"])
        elif metadata["kind"] is int:
            flags.DEFINE_integer(name, default, metadata["help"], lower_bound=metadata["least"])
        else:
            flags.DEFINE_string(name, default, metadata["help"])


def from_flags(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the values of these flags by name, for `evaluate` and `compare`."""
    return {field.name: values[field.name].value for field in dataclasses.fields(MeasureOptions)}
