"""Defines every option of training once: a field here is a flag, a line of config.json and an attribute.

A Config checks its values when it is made, by flags, from config.json or in Python.
"""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.images.label_colors import PALETTES, format_palette, read_palette
from pipelines.images.size import format_size
from tfpix2pix.networks.choices import DEFAULT_BLOCKS
from tfpix2pix.networks.precision import usual_precision
from tfpix2pix.options.checks.together import check_together
from tfpix2pix.options.data_options import Data
from tfpix2pix.options.network_options import Networks
from tfpix2pix.options.objective_options import Objective
from tfpix2pix.options.optimization_options import Optimization
from tfpix2pix.options.option import MayChange, checked_value, define_flags
from tfpix2pix.options.output_options import Output
from tfpix2pix.options.sides import Sides

if TYPE_CHECKING:
    from pipelines.datasets.layout import Dataset

# Flags that are made here belong to the command, and are shown in its --help.
flags.disclaim_key_flags()

AUGMENTATION_OPTIONS = ("flip", "flip_vertical", "rotate90", "color_jitter", "scale_jitter")


# The last of these classes has the first options: so dataclasses order the fields that they inherit.
@dataclasses.dataclass(frozen=True)
class Config(Output, Optimization, Objective, Networks, Data, Sides):
    """Holds the options of one training; `resolved` fills in those that follow from others.

    Raises:
      InputError: a value is of another type, out of range or unknown, or contradicts another option. The message names
        the option, its value and the remedy.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, checked_value(field, getattr(self, field.name)))
        check_together(self)

    def resolved(self, usual_direction: str = "AtoB") -> "Config":
        """Fills in the options that follow from others: load_size, direction, depth, blocks, channels of label maps.

        mixed_precision=auto follows from this machine.

        Args:
          usual_direction: what `direction=auto` becomes.
        """
        return dataclasses.replace(
            self,
            load_size=self.brought_to,
            source_channels=self.source_labels or self.source_channels,
            target_channels=self.target_labels or self.target_channels,
            direction=usual_direction if self.direction == "auto" else self.direction,
            depth=self.levels,
            mixed_precision=usual_precision() if self.mixed_precision == "auto" else self.mixed_precision,
            blocks=self.blocks or (DEFAULT_BLOCKS if self.generator == "resnet" else 0),
            label_colors=_written_out(self.label_colors),
            target_palette=_written_out(self.target_palette),
        )

    def without_machine_options(self) -> "Config":
        """Returns it with defaults for what may differ between machines: file locations and the amount of memory."""
        defaults: dict[str, Any] = {
            f.name: f.default for f in dataclasses.fields(self) if f.metadata["change"] == "machine"
        }
        return dataclasses.replace(self, **defaults)

    def augmentation(self) -> dict[str, Any]:
        """Returns the options of how training changes its pairs at random, as `train_dataset` takes them."""
        return {name: getattr(self, name) for name in AUGMENTATION_OPTIONS}

    @property
    def data_name(self) -> str:
        """The data set's name or folder; empty if data_a and data_b are given instead."""
        return "" if self.data_a else self.data

    @property
    def data_words(self) -> str:
        """The data set's name or folder, or both folders, such as `photos and labels`."""
        return self.data_name or f"{self.data_a} and {self.data_b}"

    def open_dataset(self, make: bool = True) -> "Dataset":
        """Finds the splits of the data set; lists no files yet.

        Args:
          make: as locate.dataset_folder has it.

        Raises:
          InputError: there is no such data set, or its folders can be read in two ways.
        """
        from pipelines.datasets.layout import open_dataset  # they need TensorFlow, and --help does not
        from pipelines.datasets.locate import dataset_folder

        return open_dataset(
            "" if self.data_a else dataset_folder(self.data, self.data_dir, make),
            data_a=self.data_a,
            data_b=self.data_b,
            match=self.match,
            val_fraction=self.val_fraction,
            lists={"train": self.train_list, "val": self.val_list, "test": self.test_list},
            stacks=self.stack_forms(),
        )

    def with_data(self, data: str) -> "Config":
        """Returns it for another data set, where that of the training may have been in two folders or in lists."""
        return dataclasses.replace(self, data=data, data_a="", data_b="", train_list="", val_list="", test_list="")

    def to_json(self) -> str:
        """Returns all options as JSON, one a line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def chosen(self) -> list[str]:
        """Lists the options that are not the defaults, as NAME=VALUE."""
        values = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return [
            f"{field.name}={format_size(value) if isinstance(value, tuple) else value}"
            for field, value in values
            if value != field.default
        ]

    def differences(self, other: "Config", *changes: MayChange) -> dict[str, tuple[Any, Any]]:
        """Returns the options in which two configs differ, by name: (this one's value, the other's).

        Args:
          other: both are resolved.
          *changes: only options of which `change` is one of these.
        """
        return {
            field.name: (mine, its)
            for field in dataclasses.fields(self)
            if field.metadata["change"] in changes
            and (mine := getattr(self, field.name)) != (its := getattr(other, field.name))
        }


def _written_out(colors: str) -> str:
    """Returns label_colors such that a run directory needs no file besides: a file's colors are written out."""
    return format_palette(read_palette(colors)) if colors and colors not in PALETTES else colors


def define_config_flags() -> None:
    """Makes an absl flag of every field, and shows them in the caller's --help."""
    define_flags(Config)


def given_options(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the options that a command line and its flagfiles give, by name; values are the command's FLAGS."""
    return {f.name: getattr(values, f.name) for f in dataclasses.fields(Config) if values[f.name].present}


def config_from_flags(values: flags.FlagValues) -> Config:
    """Returns the Config that a command line and its flagfiles ask for; values are the command's FLAGS."""
    return Config(**{field.name: getattr(values, field.name) for field in dataclasses.fields(Config)})
