"""Defines every option of training once: a field here is a flag, a line of config.json and an attribute.

A Config checks its values when it is made, by flags, from config.json or in Python.
"""

import dataclasses
import json
import math
import numbers
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.images.choices import DIRECTIONS, RESIZE_METHODS
from pipelines.images.size import (
    MAX_PIXELS,
    MAX_PIXELS_HELP,
    MAX_SIDE,
    Size,
    check_load_size,
    define_size,
    format_size,
    paper_load_size,
)
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import (
    GAN_LOSSES,
    NORM_STATISTICS,
    NORMS,
    RECEPTIVE_FIELDS,
    check_depth,
    check_size,
    default_depth,
)
from tfpix2pix.quality.metrics import LPIPS_SIDE, MS_SSIM_SIDE, SSIM_WINDOW

if TYPE_CHECKING:
    from pipelines.images.pair_format import PairFormat

# Far beyond what has been of use; from 2^20 on a single kernel has more bytes than any machine.
MAX_WIDTH = 4096
# TensorFlow's integers are below this.
MAX_INT = 2**63

MIXED_PRECISION = ("none", "bfloat16", "float16")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker")

# These options describe a machine, not the training.
MACHINE_OPTIONS = ("data", "data_dir", "cache_mib", "inception_weights", "alexnet_weights", "lpips_weights")

BEST_BY = ("l1", "psnr", "ssim", "ms_ssim", "lpips", "fid", "kid")

# A flag that define_config_flags makes belongs to the command that calls it, and is shown in its --help.
flags.disclaim_key_flags()


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    minimum: float | None = None,
    below: float | None = None,
    may_change: bool = False,
) -> Any:
    """Makes a field of Config.

    Args:
      default: its value, which also gives its type.
      help: one line that says what it is, with unit or range.
      choices: the words that it accepts.
      minimum: the smallest number that it accepts.
      below: the number that it must stay under.
      may_change: whether a run may resume with another value. Only an option that does not change the weights may.
    """
    metadata = {"help": help, "choices": choices, "minimum": minimum, "below": below, "may_change": may_change}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """Holds the options of one training; `resolved` fills in those that follow from others.

    Raises:
      InputError: a value is of another type, out of range or unknown, or contradicts another option. The message names
        the option, its value and the remedy.
    """

    # Data
    data: str = option(
        "demo",
        "a data set's name (see pipelines/datasets/catalogue.py), or a folder with train/ and val/",
        may_change=True,
    )
    data_dir: str = option("data", "folder in which named data sets are kept", may_change=True)
    direction: str = option(
        "auto", "which half is the source; auto: as the data set has it", choices=("auto", *DIRECTIONS)
    )
    image_size: Size = option((256, 256), "height x width that the networks see, such as 256 or 256x512")
    load_size: Size = option(
        (0, 0),
        "size before the random crop; 0: 286/256 of image_size, as in the paper",
    )
    crop: bool = option(True, "crop at random from load_size; --nocrop resizes to image_size at once")
    flip: bool = option(True, "mirror every other pair, at random")
    resize_method: str = option("bicubic", "how images are resized, antialiased", choices=RESIZE_METHODS)
    source_channels: int = option(
        3, "channels of the source: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA", minimum=1, below=5
    )
    target_channels: int = option(3, "channels of the target, as in source_channels", minimum=1, below=5)
    bad_images: str = option(
        "fail", "what to do with a file that is not a pair: fail, or skip it", choices=("fail", "skip"), may_change=True
    )
    max_pixels: int = option(MAX_PIXELS, MAX_PIXELS_HELP, minimum=1, may_change=True)
    cache_mib: int = option(
        2048, "keep the training pairs in memory if they need no more MiB than this", minimum=0, may_change=True
    )
    # Networks
    generator_width: int = option(64, "filters of the U-Net's first level", minimum=1, below=MAX_WIDTH + 1)
    depth: int = option(
        0,
        "how often the U-Net halves the image; 0: as often as possible, up to 8",
        minimum=0,
        below=MAX_SIDE.bit_length(),
    )
    dropout: float = option(0.5, "dropout rate in the U-Net's inner levels", minimum=0.0, below=1.0)
    norm: str = option("batch", "normalization in both networks", choices=NORMS)
    norm_statistics: str = option(
        "image",
        "statistics of batch norm at inference: image (each image's own) or moving (averages)",
        choices=NORM_STATISTICS,
    )
    sync_batch_norm: bool = option(False, "take batch norm's statistics over all replicas")
    discriminator_width: int = option(64, "filters of the PatchGAN's first layer", minimum=1, below=MAX_WIDTH + 1)
    discriminator_layers: int = option(
        3,
        "PatchGAN layers: 0..6 see patches of 1, 16, 34, 70, 142, 286, 574 pixels",
        minimum=0,
        below=len(RECEPTIVE_FIELDS),
    )
    # Objective
    gan_loss: str = option("vanilla", "adversarial loss", choices=GAN_LOSSES)
    gan_weight: float = option(1.0, "weight of the adversarial loss; 0 leaves L1 only", minimum=0.0)
    l1_weight: float = option(100.0, "weight of the L1 loss; 0 leaves the GAN only", minimum=0.0)
    pool_size: int = option(
        0,
        "generated pairs kept for the discriminator, per replica; the tutorial has 50, the paper 0",
        minimum=0,
    )
    # Optimization
    batch_size: int = option(1, "pairs in a step, over all replicas together", minimum=1)
    epochs: int = option(200, "passes over the training set, in all", minimum=1)
    decay_epochs: int = option(0, "how many of the last epochs lower the learning rate linearly to zero", minimum=0)
    max_steps: int = option(0, "stop after this many steps; 0: after the last epoch", minimum=0, may_change=True)
    learning_rate: float = option(2e-4, "Adam's learning rate", minimum=0.0)
    beta1: float = option(0.5, "Adam's decay of the first moment", minimum=0.0, below=1.0)
    beta2: float = option(0.999, "Adam's decay of the second moment", minimum=0.0, below=1.0)
    epsilon: float = option(1e-8, "Adam's epsilon", minimum=0.0)
    mixed_precision: str = option(
        "none",
        "compute in half precision, with weights, losses and optimizers in float32; float16 scales its losses",
        choices=MIXED_PRECISION,
    )
    gradient_accumulation: int = option(
        1, "parts into which each replica splits its share of a batch, to save memory", minimum=1
    )
    deterministic: bool = option(False, "add in a fixed order on GPUs too, so that two runs are equal to the last bit")
    xla: bool = option(False, "compile forward and backward passes by XLA")
    strategy: str = option(
        "auto",
        "devices: one; mirrored (all GPUs of this machine); multi_worker (those of all machines that TF_CONFIG or "
        "Slurm name); auto (as many as there are)",
        choices=STRATEGIES,
        may_change=True,
    )
    seed: int = option(0, "seed of weights, dropout, data order, jitter and pool", minimum=0, below=2**32)
    # What is written, and when
    log_every: int = option(10, "steps between two logged lines", minimum=1, may_change=True)
    checkpoint_every: int = option(
        1000, "steps between two checkpoints, besides one at each epoch's end", minimum=1, may_change=True
    )
    keep_checkpoints: int = option(2, "newest checkpoints that are kept, besides the best", minimum=1, may_change=True)
    best_by: str = option(
        "l1",
        "validation metric by which the best checkpoint is chosen; lpips, fid and kid need published weights",
        choices=BEST_BY,
        may_change=True,
    )
    inception_weights: str = option(
        "", "file of FID's and KID's network; default: fetched to data_dir", may_change=True
    )
    alexnet_weights: str = option("", "file of LPIPS' network; default: fetched to data_dir", may_change=True)
    lpips_weights: str = option("", "file of LPIPS' linear layers; default: fetched to data_dir", may_change=True)
    samples: int = option(6, "validation pairs in the pictures of samples/", minimum=1, may_change=True)
    validation_batch_size: int = option(8, "images that validation translates at a time", minimum=1, may_change=True)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked_value(field, getattr(self, field.name)))
        self._check_size()
        self._check_batch()
        self._check_objective()

    def resolved(self, usual_direction: str = "AtoB") -> "Config":
        """Fills in the options that follow from others: load_size, direction and depth.

        Args:
          usual_direction: what `direction=auto` becomes.
        """
        return dataclasses.replace(
            self,
            load_size=self._load_size(),
            direction=usual_direction if self.direction == "auto" else self.direction,
            depth=self._depth(),
        )

    def _load_size(self) -> Size:
        if 0 not in self.load_size:
            return self.load_size
        return paper_load_size(self.image_size) if self.crop else self.image_size

    def _depth(self) -> int:
        return self.depth or default_depth(self.image_size)

    def _check_size(self) -> None:
        try:
            check_depth(self.image_size, self._depth())
            check_size(self.image_size, self.discriminator_layers)
        except ValueError as error:
            raise InputError(str(error)) from None
        load_size = self._load_size()
        if not self.crop and load_size != self.image_size:
            raise InputError(
                f"load_size={format_size(load_size)} needs a crop, and crop=False; leave out one of the two"
            )
        check_load_size(load_size, self.image_size)
        min_side = {"ssim": SSIM_WINDOW, "ms_ssim": MS_SSIM_SIDE, "lpips": LPIPS_SIDE}.get(self.best_by, 0)
        if min(self.image_size) < min_side:
            raise InputError(
                f"best_by={self.best_by} needs images with sides of {min_side} or more, and "
                f"image_size={format_size(self.image_size)}; give best_by=l1 or psnr"
            )

    def _check_batch(self) -> None:
        parts = self.gradient_accumulation
        if self.batch_size % parts:
            raise InputError(
                f"batch_size={self.batch_size} cannot be split into gradient_accumulation={parts} equal parts; give a "
                f"multiple of {parts}"
            )
        if self.sync_batch_norm and (self.xla or parts > 1):
            other = "xla=True" if self.xla else f"gradient_accumulation={parts}"
            raise InputError(
                f"sync_batch_norm=True and {other} exclude each other: replicas cannot exchange statistics inside "
                "compiled or repeated passes; leave out one of the two"
            )

    def _check_objective(self) -> None:
        if self.decay_epochs > self.epochs:
            raise InputError(
                f"decay_epochs={self.decay_epochs} is more than epochs={self.epochs}, of which it is a part; give "
                f"decay_epochs={self.epochs // 2} or less, 0 for a constant rate"
            )
        if self.gan_weight == 0 and self.l1_weight == 0:
            raise InputError("gan_weight=0 and l1_weight=0 leave nothing to learn; give one of them a weight")

    def without_machine_options(self) -> "Config":
        """Returns it with defaults for what may differ between machines: file locations and the amount of memory."""
        defaults: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(self) if f.name in MACHINE_OPTIONS}
        return dataclasses.replace(self, **defaults)

    def pair_format(self, size: Size | None = None) -> "PairFormat":
        """Tells how this run's side-by-side files become pairs, at image_size or another size."""
        from pipelines.images.pair_format import PairFormat  # it needs TensorFlow, and --help does not

        return PairFormat(
            self.direction,
            size or self.image_size,
            self.resize_method,
            self.source_channels,
            self.target_channels,
            self.max_pixels,
        )

    def to_json(self) -> str:
        """Returns all options as JSON, one a line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def differences(self, other: "Config") -> list[str]:
        """Lists the options that a run may not change and that other changes, as 'name VALUE became OTHER'."""
        return [
            f"{field.name} {getattr(self, field.name)} became {getattr(other, field.name)}"
            for field in dataclasses.fields(self)
            if not field.metadata["may_change"] and getattr(self, field.name) != getattr(other, field.name)
        ]


def _checked_value(field: dataclasses.Field, value: Any) -> Any:
    """Returns the value with the field's type, or raises InputError with the option, its value and the remedy."""
    is_word = isinstance(field.default, str) and isinstance(value, str)
    shown = f"{field.name}={value if is_word else repr(value):.100}"
    if isinstance(field.default, tuple):
        return _checked_size(shown, value)
    if isinstance(field.default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{shown} is not a bool; give True or False")
        return value
    if isinstance(field.default, str):
        return _checked_word(shown, value, field.metadata["choices"])
    return _checked_number(shown, value, field)


def _checked_size(shown: str, value: Any) -> Size:
    sides = value if isinstance(value, tuple | list) else ()
    if len(sides) != 2 or not all(_is_int(side) and 0 <= side <= MAX_SIDE for side in sides):
        raise InputError(f"{shown} is not a size; give (height, width) in pixels, such as (256, 512)")
    if 0 in sides and any(sides):
        raise InputError(f"{shown} has one side of 0; give both sides, or 0 for both")
    return int(sides[0]), int(sides[1])


def _checked_word(shown: str, value: Any, choices: Sequence[str] | None) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or "\0" in text:
        raise InputError(f"{shown} is not a name; give a text")
    if choices and text not in choices:
        raise InputError(f"{shown} is unknown; give one of {', '.join(choices)}")
    return text


def _checked_number(shown: str, value: Any, field: dataclasses.Field) -> float:
    default: Any = field.default
    kind, minimum, below = type(default), field.metadata["minimum"], field.metadata["below"]
    if not (_is_int(value) or (kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool))):
        raise InputError(f"{shown} is not {'an integer' if kind is int else 'a number'}; give one")
    if _is_int(value) and abs(value) >= MAX_INT:
        raise InputError(f"{shown} needs more than 64 bits; give a smaller one")
    if not math.isfinite(value):
        raise InputError(f"{shown} is not a finite number; give one that is")
    if (minimum is not None and value < minimum) or (below is not None and value >= below):
        bounds = f"{minimum} or more" if below is None else f"a number from {minimum} to below {below}"
        raise InputError(f"{shown} is out of range; give {bounds}")
    return kind(value)


def _is_int(value: Any) -> bool:
    """Whether it counts something; NumPy's integers do too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def define_config_flags() -> None:
    """Makes an absl flag of every field, and shows them in the caller's --help."""
    for field in dataclasses.fields(Config):
        default: Any = field.default
        meta = field.metadata
        if isinstance(default, tuple):
            define_size(field.name, default, meta["help"])
        elif isinstance(default, bool):
            flags.DEFINE_bool(field.name, default, meta["help"])
        elif meta["choices"]:
            flags.DEFINE_enum(field.name, default, meta["choices"], meta["help"])
        elif isinstance(default, str):
            flags.DEFINE_string(field.name, default, meta["help"])
        else:
            define = flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_float
            define(field.name, default, meta["help"], lower_bound=meta["minimum"])
            if meta["below"] is not None:
                flags.register_validator(
                    field.name,
                    lambda value, below=meta["below"]: value < below,
                    message=f"must be less than {meta['below']}",
                )


def config_from_flags(values: flags.FlagValues) -> Config:
    """Returns the Config that a command line and its flagfiles ask for; values are the command's FLAGS."""
    return Config(**{field.name: getattr(values, field.name) for field in dataclasses.fields(Config)})
