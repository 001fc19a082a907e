"""Defines every option of training once: a field here is a flag, a line of config.json and an attribute.

A Config checks its values when it is made, by flags, from config.json or in Python.
"""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.images.choices import (
    DIRECTIONS,
    MAX_CHANNELS,
    MAX_LABELS,
    MAX_PLAIN_CHANNELS,
    NUMBER_TYPES,
    PREPROCESS,
    RESIZE_METHODS,
    RESIZE_TO,
    check_axes,
)
from pipelines.images.color import Color, parse_color
from pipelines.images.label_colors import PALETTES, default_colors, format_palette, read_palette
from pipelines.images.size import (
    MAX_PIXELS,
    MAX_PIXELS_HELP,
    MAX_SIDE,
    Size,
    check_load_size,
    format_size,
    paper_load_size,
)
from pipelines.images.value_range import parse_channels, parse_percentiles, parse_range
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
from tfpix2pix.option import checked_value, define_flags, option
from tfpix2pix.quality.metrics import BEST_BY, LPIPS_SIDE, MS_SSIM_SIDE, OF_PHOTOGRAPHS, SSIM_WINDOW

if TYPE_CHECKING:
    from pipelines.datasets.layout import Dataset
    from pipelines.images.display import Display
    from pipelines.images.image_format import ImageFormat
    from pipelines.images.pair_format import PairFormat

# Far beyond what has been of use; from 2^20 on a single kernel has more bytes than any machine.
MAX_WIDTH = 4096

AUGMENTATION_OPTIONS = ("flip", "flip_vertical", "rotate90", "color_jitter", "scale_jitter")

MIXED_PRECISION = ("none", "bfloat16", "float16")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker")

# These options describe a machine, not the training.
MACHINE_OPTIONS = (
    "data",
    "data_dir",
    "data_a",
    "data_b",
    "train_list",
    "val_list",
    "test_list",
    "cache_mib",
    "inception_weights",
    "alexnet_weights",
    "lpips_weights",
)


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
    data_a: str = option("", "folder of the A sides, if the two sides are files of their own", may_change=True)
    data_b: str = option("", "folder of the B sides", may_change=True)
    match: str = option(
        "", "how the sides' names differ, such as '{}_A:{}_B'; order: sorted lists; default: equal names"
    )
    val_fraction: float = option(
        0.0, "share of the pairs, chosen by name, that validates if there is no val/", minimum=0.0, below=1.0
    )
    train_list: str = option("", "file with the names of the training pairs, one a line", may_change=True)
    val_list: str = option("", "file with the names of the validation pairs", may_change=True)
    test_list: str = option("", "file with the names of the test pairs", may_change=True)
    direction: str = option(
        "auto", "which half is the source; auto: as the data set has it", choices=("auto", *DIRECTIONS)
    )
    image_size: Size = option((256, 256), "height x width that the networks see, such as 256 or 256x512")
    load_size: Size = option(
        (0, 0),
        "size before the random crop; 0: 286/256 of image_size, as in the paper",
    )
    preprocess: str = option(
        "resize_and_crop",
        "how images meet load_size: resize_and_crop; crop (at their own scale, not resized); scale_width, "
        "scale_shortest (that side to load_size's, then a crop); pad (whole, with a border); none (they fit)",
        choices=PREPROCESS,
    )
    crop: bool = option(True, "crop at random from load_size; --nocrop resizes to image_size at once")
    flip: bool = option(True, "mirror every other pair, at random")
    flip_vertical: bool = option(False, "turn every other pair upside down, at random")
    rotate90: bool = option(False, "turn pairs by 0, 90, 180 or 270 degrees, at random")
    color_jitter: float = option(
        0.0, "change the source's brightness, contrast and saturation at random by up to this", minimum=0.0, below=1.0
    )
    scale_jitter: float = option(0.0, "scale pairs at random by up to this, such as 0.2", minimum=0.0, below=1.0)
    resize_to: str = option(
        "none", "whose size both sides get if their sizes differ in shape: a, b or none", choices=RESIZE_TO
    )
    resize_method: str = option("bicubic", "how images are resized, antialiased", choices=RESIZE_METHODS)
    source_resize_method: str = option(
        "", "how sources are resized; default: as resize_method, labels by nearest", choices=("", *RESIZE_METHODS)
    )
    target_resize_method: str = option("", "how targets are resized, likewise", choices=("", *RESIZE_METHODS))
    axes: str = option("", "axes of TIFF and NPY arrays if they do not say, such as CYX or YXC")
    source_channels: int = option(
        3,
        "channels of the source: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA, more as stored",
        minimum=1,
        below=MAX_CHANNELS + 1,
    )
    target_channels: int = option(3, "channels of the target, as in source_channels", minimum=1, below=MAX_CHANNELS + 1)
    source_range: str = option(
        "",
        "numbers in the files that are black and white, such as 0,4095; default: the integer type's",
        parse=parse_range,
    )
    target_range: str = option("", "likewise of the target, such as -1000,3000", parse=parse_range)
    source_normalize: str = option(
        "", "each source by its own percentiles, such as percentile:1,99.8", parse=parse_percentiles
    )
    source_labels: int = option(
        0, "number of classes, if sources are label maps; 255 is no class", minimum=0, below=MAX_LABELS + 1
    )
    target_labels: int = option(
        0, "likewise of the target, which is then learned by cross-entropy", minimum=0, below=MAX_LABELS + 1
    )
    label_colors: str = option(
        "", "colors of label maps, in files and in pictures: facades, cityscapes, or a file with a color a line"
    )
    target_palette: str = option(
        "",
        "colors of the target's classes in pictures and results, as in label_colors; default: these, or the palette of "
        "the targets' files",
        may_change=True,
    )
    target_mask: bool = option(False, "targets are masks, white on black: measure IoU and F1")
    target_type: str = option(
        "auto", "numbers in results; auto: as in the targets' files", choices=("auto", *NUMBER_TYPES), may_change=True
    )
    background: str = option("white", "color behind transparent images, where a side has no alpha", parse=parse_color)
    show_channels: str = option(
        "",
        "channels that pictures show of more than 4, such as 3,2,1; default: the first three",
        parse=parse_channels,
        may_change=True,
    )
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
        "validation metric by which the best checkpoint is chosen; lpips, fid and kid need published weights; "
        "pixel_accuracy, class_accuracy and class_iou need target_labels, iou target_mask, and f1 one of these",
        choices=(*BEST_BY,),
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
            object.__setattr__(self, field.name, checked_value(field, getattr(self, field.name)))
        self._check_sides()
        self._check_best_by()
        self._check_size()
        self._check_batch()
        self._check_objective()

    def resolved(self, usual_direction: str = "AtoB") -> "Config":
        """Fills in the options that follow from others: load_size, direction, depth, and the channels of label maps.

        Args:
          usual_direction: what `direction=auto` becomes.
        """
        return dataclasses.replace(
            self,
            load_size=self._load_size(),
            source_channels=self.source_labels or self.source_channels,
            target_channels=self.target_labels or self.target_channels,
            direction=usual_direction if self.direction == "auto" else self.direction,
            depth=self._depth(),
            label_colors=_written_out(self.label_colors),
            target_palette=_written_out(self.target_palette),
        )

    @property
    def target_kind(self) -> str:
        """What a target is: `image`, `labels` or `mask`, which decides what is measured."""
        return "labels" if self.target_labels else "mask" if self.target_mask else "image"

    def displays(self) -> "dict[str, Display]":
        """Tells how `source`, `generated` and `target` images are shown to people."""
        return {
            row: self.display("source" if row == "source" else "target") for row in ("source", "generated", "target")
        }

    def display(self, side: str) -> "Display":
        """Tells how images of one side, `source` or `target`, are shown to people."""
        from pipelines.images.display import Display  # it needs TensorFlow, and --help does not

        labels, channels = getattr(self, f"{side}_labels"), getattr(self, f"{side}_channels")
        if labels:
            return Display(colors=self._shown_colors(side))
        is_chosen = self.show_channels and channels > MAX_PLAIN_CHANNELS
        return Display(parse_channels(self.show_channels) if is_chosen else None)

    def _load_size(self) -> Size:
        if 0 not in self.load_size:
            return self.load_size
        keeps_scale = self.preprocess in ("crop", "none")
        return paper_load_size(self.image_size) if self.crop and not keeps_scale else self.image_size

    def _depth(self) -> int:
        return self.depth or default_depth(self.image_size)

    def _shown_colors(self, side: str) -> tuple[Color, ...]:
        """Returns the colors in which people see the classes of a side."""
        text = (self.target_palette if side == "target" else "") or self.label_colors
        colors = read_palette(text).classes.values() if text else default_colors(getattr(self, f"{side}_labels"))
        return tuple(colors)

    def _check_sides(self) -> None:
        if bool(self.data_a) != bool(self.data_b):
            raise InputError(f"data_a={self.data_a} and data_b={self.data_b}: one is missing; give both or none")
        check_axes(self.axes)
        for side in ("source", "target"):
            labels, numbers = getattr(self, f"{side}_labels"), getattr(self, f"{side}_range")
            if labels == 1:
                raise InputError(f"{side}_labels=1 leaves nothing to tell apart; give 2 or more, or 0 for an image")
            if labels and numbers:
                raise InputError(f"{side}_labels={labels} and {side}_range={numbers} exclude each other; leave out one")
            channels = getattr(self, f"{side}_channels")
            if labels and channels not in (type(self).__dataclass_fields__[f"{side}_channels"].default, labels):
                raise InputError(
                    f"{side}_labels={labels} makes {labels} channels, and {side}_channels={channels}; leave out one"
                )
        if self.source_normalize and (self.source_range or self.source_labels):
            raise InputError(
                f"source_normalize={self.source_normalize} excludes source_range and source_labels; leave out one"
            )
        if self.target_mask and self.target_labels:
            raise InputError("target_mask and target_labels exclude each other; leave out one")
        self._check_labels()
        self._check_shown()
        if self.color_jitter and self.source_labels:
            raise InputError(
                f"color_jitter={self.color_jitter} and source_labels={self.source_labels}: classes have no brightness; "
                "leave out one of the two"
            )
        if self.rotate90 and self.image_size[0] != self.image_size[1]:
            raise InputError(
                f"rotate90 needs a square image_size, and it is {format_size(self.image_size)}; leave out one"
            )

    def _check_labels(self) -> None:
        counts = {side: count for side in ("source", "target") if (count := getattr(self, f"{side}_labels"))}
        for side in counts:
            method = getattr(self, f"{side}_resize_method")
            if method not in ("", "nearest"):
                raise InputError(
                    f"{side}_resize_method={method} would mix the classes of {side}_labels={counts[side]}; give nearest"
                )
        for name, labeled in (("label_colors", counts), ("target_palette", {"target": self.target_labels})):
            if text := getattr(self, name):
                _check_colors(f"{name}={text:.100}", len(read_palette(text, name).classes), labeled)

    def _check_shown(self) -> None:
        shown = parse_channels(self.show_channels) if self.show_channels else ()
        for side in ("source", "target"):
            channels = getattr(self, f"{side}_channels")
            if channels > MAX_PLAIN_CHANNELS and max(shown, default=0) >= channels:
                raise InputError(f"show_channels={self.show_channels}: the {side} has {channels}; give some of these")

    def _check_best_by(self) -> None:
        kind, channels = self.target_kind, self.target_channels
        known = [name for name, kinds in BEST_BY.items() if kind in kinds]
        if channels > MAX_PLAIN_CHANNELS:
            known = [name for name in known if name not in OF_PHOTOGRAPHS]
        if self.best_by not in known:
            what = {"image": f"images of {channels} channels", "labels": "labels", "mask": "masks"}[kind]
            raise InputError(f"best_by={self.best_by} cannot measure {what}; give one of {', '.join(known)}")

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
        if self.preprocess in ("crop", "none") and load_size != self.image_size:
            raise InputError(
                f"preprocess={self.preprocess} resizes nothing, and load_size={format_size(load_size)}; leave out one"
            )
        if not self.crop and self.preprocess in ("crop", "scale_width", "scale_shortest"):
            raise InputError(f"preprocess={self.preprocess} needs a crop, and crop=False; leave out one of the two")
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

    def augmentation(self) -> dict[str, Any]:
        """Returns the options of how training changes its pairs at random, as `train_dataset` takes them."""
        return {name: getattr(self, name) for name in AUGMENTATION_OPTIONS}

    @property
    def data_name(self) -> str:
        """The data set's name or folder; empty if data_a and data_b are given instead."""
        return "" if self.data_a else self.data

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
        )

    def with_data(self, data: str) -> "Config":
        """Returns it for another data set, where that of the training may have been in two folders or in lists."""
        return dataclasses.replace(self, data=data, data_a="", data_b="", train_list="", val_list="", test_list="")

    def pair_format(self, size: Size | None = None) -> "PairFormat":
        """Tells how this run's files become pairs of one size, as validation, evaluate and translate see them."""
        from pipelines.images.pair_format import PairFormat  # it needs TensorFlow, and --help does not

        size = size or self.image_size
        return PairFormat(
            self.direction,
            size,
            self.image_format("source"),
            self.image_format("target"),
            preprocess=self.preprocess,
            crop=size,
            resize_to=self.resize_to,
            max_pixels=self.max_pixels,
        )

    def train_format(self) -> "PairFormat":
        """Tells how this run's files become pairs of load_size, from which training crops."""
        return dataclasses.replace(self.pair_format(self.load_size), crop=self.image_size, random_crop=True)

    def image_format(self, side: str) -> "ImageFormat":
        """Tells how a file of one side, `source` or `target`, becomes numbers."""
        from pipelines.images.image_format import ImageFormat
        from pipelines.images.label_colors import read_palette

        labels, numbers = getattr(self, f"{side}_labels"), getattr(self, f"{side}_range")
        palette = read_palette(self.label_colors) if labels and self.label_colors else None
        own_method = getattr(self, f"{side}_resize_method")
        percentiles = self.source_normalize if side == "source" else ""
        return ImageFormat(
            channels=labels or getattr(self, f"{side}_channels"),
            resize_method=own_method or ("nearest" if labels else self.resize_method),
            value_range=parse_range(numbers) if numbers else None,
            percentiles=parse_percentiles(percentiles) if percentiles else None,
            labels=labels,
            palette=(*palette.classes.values(), *palette.ignored) if palette else None,
            shown=self._shown_colors(side) if labels else None,
            axes=self.axes,
            background=parse_color(self.background),
            max_pixels=self.max_pixels,
        )

    @property
    def result_type(self) -> str:
        """The type of the numbers in results; runs that do not say it have 8 bits."""
        return "uint8" if self.target_type == "auto" else self.target_type

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

    def differences(self, other: "Config") -> list[str]:
        """Lists the options that a run may not change and that other changes, as 'name VALUE became OTHER'."""
        return [
            f"{field.name} {getattr(self, field.name)} became {getattr(other, field.name)}"
            for field in dataclasses.fields(self)
            if not field.metadata["may_change"] and getattr(self, field.name) != getattr(other, field.name)
        ]


def _check_colors(given: str, colors: int, counts: dict[str, int]) -> None:
    """Raises InputError if there are no label maps by side, or they have another number of classes than of colors."""
    if not any(counts.values()):
        raise InputError(f"{given} needs a label map; give target_labels={colors} or source_labels={colors}")
    for side, count in counts.items():
        if count != colors:
            raise InputError(
                f"{side}_labels={count}, and {given} has the colors of {colors} classes; give {side}_labels={colors}, "
                "or other colors"
            )


def _written_out(colors: str) -> str:
    """Returns label_colors such that a run directory needs no file besides: a file's colors are written out."""
    return format_palette(read_palette(colors)) if colors and colors not in PALETTES else colors


def define_config_flags() -> None:
    """Makes an absl flag of every field, and shows them in the caller's --help."""
    define_flags(Config)


def config_from_flags(values: flags.FlagValues) -> Config:
    """Returns the Config that a command line and its flagfiles ask for; values are the command's FLAGS."""
    return Config(**{field.name: getattr(values, field.name) for field in dataclasses.fields(Config)})
