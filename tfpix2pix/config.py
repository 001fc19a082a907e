"""Every option of training, written once: a field here is a flag, a line of config.json, an attribute.

The docstring of a field is its `help`. Values are checked here, before any long work.
"""

import dataclasses
import json
import math
from typing import TYPE_CHECKING

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

MIXED_PRECISION = ("none", "bfloat16", "float16")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker")

# Options that say something of a machine, not of the training.
PLACES = ("data", "data_dir", "cache_mib", "inception_weights", "alexnet_weights", "lpips_weights")

BEST_BY = ("l1", "psnr", "ssim", "ms_ssim", "lpips", "fid", "kid")


def option(default, help, *, choices=None, least=None, below=None, free=False):
    """A field of Config.

    Args:
      default: its value, which also gives its type.
      help: one line that says what it is, with unit or range.
      choices: the words it may be.
      least: the smallest number it may be.
      below: what a number must stay under.
      free: whether a run may go on with another value. Only what leaves the weights as they would be is free.
    """
    metadata = {"help": help, "choices": choices, "least": least, "below": below, "free": free}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of one training. `resolved` fills in those that follow from others."""

    # Data
    data: str = option(
        "demo", "a data set's name (see pipelines/datasets/catalogue.py), or a folder with train/ and val/", free=True
    )
    data_dir: str = option("data", "folder in which named data sets are kept", free=True)
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
    source_channels: int = option(3, "1 gray, 2 gray and alpha, 3 RGB, 4 RGBA", least=1, below=5)
    target_channels: int = option(3, "as source_channels", least=1, below=5)
    bad_images: str = option(
        "fail", "on a file that is no pair: fail, or go on without it", choices=("fail", "skip"), free=True
    )
    max_pixels: int = option(MAX_PIXELS, MAX_PIXELS_HELP, least=1, free=True)
    cache_mib: int = option(
        2048, "keep the training pairs in memory if they need no more MiB than this", least=0, free=True
    )
    # Networks
    generator_width: int = option(64, "filters of the U-Net's first level", least=1, below=MAX_WIDTH + 1)
    depth: int = option(
        0,
        "how often the U-Net halves the image; 0: as often as it can, up to 8",
        least=0,
        below=MAX_SIDE.bit_length(),
    )
    dropout: float = option(0.5, "dropout rate in the U-Net's inner levels", least=0.0, below=1.0)
    norm: str = option("batch", "normalisation in both networks", choices=NORMS)
    norm_statistics: str = option(
        "image",
        "what batch norm uses at inference: each image's own statistics, or moving averages",
        choices=NORM_STATISTICS,
    )
    sync_batch_norm: bool = option(False, "take batch norm's statistics over all replicas")
    discriminator_width: int = option(64, "filters of the PatchGAN's first layer", least=1, below=MAX_WIDTH + 1)
    discriminator_layers: int = option(
        3,
        "PatchGAN layers: 0..6 see patches of 1, 16, 34, 70, 142, 286, 574 pixels",
        least=0,
        below=len(RECEPTIVE_FIELDS),
    )
    # Objective
    gan_loss: str = option("vanilla", "adversarial loss", choices=GAN_LOSSES)
    gan_weight: float = option(1.0, "weight of the adversarial loss; 0 leaves L1 only", least=0.0)
    l1_weight: float = option(100.0, "weight of the L1 loss; 0 leaves the GAN only", least=0.0)
    pool_size: int = option(
        0,
        "generated pairs kept for the discriminator, per replica; the tutorial has 50, the paper 0",
        least=0,
    )
    # Optimisation
    batch_size: int = option(1, "pairs in a step, over all replicas together", least=1)
    epochs: int = option(200, "passes over the training set, in all", least=1)
    decay_epochs: int = option(0, "how many of the last epochs lower the learning rate linearly to zero", least=0)
    max_steps: int = option(0, "stop after this many steps; 0: after the last epoch", least=0, free=True)
    learning_rate: float = option(2e-4, "Adam's", least=0.0)
    beta1: float = option(0.5, "Adam's decay of the first moment", least=0.0, below=1.0)
    beta2: float = option(0.999, "Adam's decay of the second moment", least=0.0, below=1.0)
    epsilon: float = option(1e-8, "Adam's", least=0.0)
    mixed_precision: str = option(
        "none",
        "compute in half precision, with weights, losses and optimizers in float32; float16 scales its losses",
        choices=MIXED_PRECISION,
    )
    gradient_accumulation: int = option(
        1, "parts in which each replica takes its share of a batch, one after the other, to save memory", least=1
    )
    deterministic: bool = option(
        False, "have TensorFlow take sums in one order on GPUs too, so that two runs are equal to the last bit"
    )
    xla: bool = option(False, "compile forward and backward passes by XLA")
    strategy: str = option(
        "auto",
        "devices: one; mirrored, all GPUs of this machine; multi_worker, those of all machines that TF_CONFIG or Slurm "
        "name; auto, as many as there are",
        choices=STRATEGIES,
        free=True,
    )
    seed: int = option(0, "of weights, dropout, data order, jitter and pool", least=0, below=2**32)
    # What is written, and when
    log_every: int = option(10, "steps between two logged lines", least=1, free=True)
    checkpoint_every: int = option(
        1000, "steps between two checkpoints, besides one at each epoch's end", least=1, free=True
    )
    keep_checkpoints: int = option(2, "newest checkpoints that are kept, besides the best", least=1, free=True)
    best_by: str = option(
        "l1",
        "validation metric by which the best checkpoint is chosen; lpips, fid and kid need published weights",
        choices=BEST_BY,
        free=True,
    )
    inception_weights: str = option("", "file of FID's and KID's network; default: fetched to data_dir", free=True)
    alexnet_weights: str = option("", "file of LPIPS' network; default: fetched to data_dir", free=True)
    lpips_weights: str = option("", "file of LPIPS' linear layers; default: fetched to data_dir", free=True)
    samples: int = option(6, "validation pairs in the pictures of samples/", least=1, free=True)
    validation_batch_size: int = option(8, "images that validation translates at a time", least=1, free=True)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if isinstance(value := getattr(self, field.name), float) and not math.isfinite(value):
                raise InputError(f"{field.name}={value} is not a finite number; give one that is")

    def resolved(self, usual_direction: str = "AtoB") -> "Config":
        """Fills in what follows from the rest, and checks that all of it can be trained.

        Args:
          usual_direction: what `direction=auto` becomes.

        Raises:
          InputError: names the option, its value and the remedy.
        """
        load_size = self.load_size
        if 0 in load_size:
            load_size = paper_load_size(self.image_size) if self.crop else self.image_size
        if not self.crop and load_size != self.image_size:
            raise InputError(f"load_size={format_size(load_size)} is for a crop; leave it out, or leave out --nocrop")
        direction = usual_direction if self.direction == "auto" else self.direction
        try:
            depth = self.depth or default_depth(self.image_size)
            check_depth(self.image_size, depth)
            check_size(self.image_size, self.discriminator_layers)
        except ValueError as error:
            raise InputError(str(error)) from None
        check_load_size(load_size, self.image_size)
        if self.decay_epochs > self.epochs:
            raise InputError(
                f"decay_epochs={self.decay_epochs} is more than epochs={self.epochs}; it counts the last of them"
            )
        least_side = {"ssim": SSIM_WINDOW, "ms_ssim": MS_SSIM_SIDE, "lpips": LPIPS_SIDE}.get(self.best_by, 0)
        if min(self.image_size) < least_side:
            raise InputError(
                f"best_by={self.best_by} needs images with sides of {least_side} or more, and "
                f"image_size={format_size(self.image_size)}; give --best_by=l1 or psnr"
            )
        parts = self.gradient_accumulation
        if self.batch_size % parts:
            raise InputError(
                f"batch_size={self.batch_size} cannot be taken in gradient_accumulation={parts} equal parts; give a "
                f"multiple of {parts}"
            )
        if self.sync_batch_norm and (self.xla or parts > 1):
            other = "xla=True" if self.xla else f"gradient_accumulation={parts}"
            raise InputError(
                f"sync_batch_norm=True and {other}: replicas cannot exchange statistics inside what is compiled or "
                "repeated; leave out one of the two"
            )
        if self.gan_weight == 0 and self.l1_weight == 0:
            raise InputError("gan_weight=0 and l1_weight=0: nothing is left to learn; give one of them a weight")
        return dataclasses.replace(self, load_size=load_size, direction=direction, depth=depth)

    def without_places(self) -> "Config":
        """Without what each machine may have otherwise: where files are, and how much memory there is."""
        return dataclasses.replace(self, **{f.name: f.default for f in dataclasses.fields(self) if f.name in PLACES})

    def pair_format(self, size: Size | None = None) -> "PairFormat":
        """How this run's side-by-side files become pairs, at image_size or another size."""
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
        """All options as JSON, one a line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def differences(self, other: "Config") -> list[str]:
        """The options that a run may not change on its way, where other has them otherwise: 'name: ours, theirs'."""
        return [
            f"{field.name} {getattr(self, field.name)} became {getattr(other, field.name)}"
            for field in dataclasses.fields(self)
            if not field.metadata["free"] and getattr(self, field.name) != getattr(other, field.name)
        ]


def define_flags() -> None:
    """Makes an absl flag of every field, and shows them in the caller's --help."""
    for field in dataclasses.fields(Config):
        default, meta = field.default, field.metadata
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
            define(field.name, default, meta["help"], lower_bound=meta["least"])
            if meta["below"] is not None:
                flags.register_validator(
                    field.name,
                    lambda value, below=meta["below"]: value < below,
                    message=f"must be less than {meta['below']}",
                )


def from_flags() -> Config:
    """The Config that the command line and its flagfiles ask for."""
    return Config(**{field.name: getattr(flags.FLAGS, field.name) for field in dataclasses.fields(Config)})
