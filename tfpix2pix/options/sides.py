"""Tells how the files of both sides become pairs for training and measuring, and how people see them."""

import dataclasses
import math
from typing import TYPE_CHECKING

from pipelines.images.choices import MAX_PLAIN_CHANNELS, OWN_SHAPE, names_slices
from pipelines.images.color import Color, parse_color
from pipelines.images.label_colors import default_colors, read_palette
from pipelines.images.size import Size, format_size, middle_size, paper_load_size
from pipelines.images.value_range import parse_channels, parse_percentiles, parse_range
from tfpix2pix.networks.choices import attention_levels, default_depth, parse_sides

if TYPE_CHECKING:
    from pipelines.images.display import Display
    from pipelines.images.image_format import ImageFormat
    from pipelines.images.pair_format import PairFormat
    from pipelines.stacks.stack import StackForm

# A load_size of up to so many image_size is jitter, such as the paper's 286/256. Beyond, training sees parts.
JITTER = 1.5

# Of a picture with more pixels, validation, evaluate and compare measure the middle: it bounds their memory and time.
MEASURED_PIXELS = 1024 * 1024


class Sides:
    """The part of Config that knows source and target: derives their formats from the options below."""

    direction: str
    image_size: Size
    load_size: Size
    preprocess: str
    crop: bool
    resize_to: str
    resize_method: str
    resize_precision: str
    source_labels: int
    target_labels: int
    source_channels: int
    source_context: int
    target_channels: int
    target_mask: bool
    target_type: str
    target_palette: str
    label_colors: str
    source_normalize: str
    show_channels: str
    axes: str
    background: str
    max_pixels: int
    generator: str
    depth: int
    enhancers: int
    attention_at: str

    @property
    def input_channels(self) -> int:
        """The channels of a source as the networks see it: those of a slice and of its neighbors."""
        return self.source_channels * (2 * self.source_context + 1)

    @property
    def picture_axes(self) -> str:
        """The axes of arrays that are single pictures; slices of stacks are read with their own."""
        return "" if names_slices(self.axes) else self.axes

    def stack_form(self, side: str) -> "StackForm":
        """Tells how stacks of one side, `source` or `target`, are read."""
        from pipelines.stacks.stack import StackForm  # it needs TensorFlow, and --help does not

        context = self.source_context if side == "source" else 0
        return StackForm(self.axes, getattr(self, f"{side}_channels"), context, self.max_pixels)

    def stack_forms(self) -> "tuple[StackForm, StackForm]":
        """Tells the same of A and of B."""
        source, target = self.stack_form("source"), self.stack_form("target")
        return (target, source) if self.direction == "BtoA" else (source, target)

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
        if side == "source" and self.source_context:
            # The slice itself, not what lies around it.
            first, shown = self.source_context * channels, 3 if channels >= 3 else 1
            return Display(tuple(range(first, first + shown)))
        is_chosen = self.show_channels and channels > MAX_PLAIN_CHANNELS
        return Display(parse_channels(self.show_channels) if is_chosen else None)

    @property
    def brought_to(self) -> Size:
        """(height, width) that pictures are brought to before the crop: load_size, or what it is by default."""
        if 0 not in self.load_size:
            return self.load_size
        keeps_scale = self.preprocess in ("crop", "none")
        return paper_load_size(self.image_size) if self.crop and not keeps_scale else self.image_size

    @property
    def levels(self) -> int:
        """How often the generator halves the image: depth, or what it is by default."""
        return self.depth or default_depth(self.image_size, self.generator)

    @property
    def multiple(self) -> int:
        """The number that divides both sides of every picture that the generator takes."""
        return 2 ** (self.levels + self.enhancers)

    @property
    def attention_levels(self) -> tuple[int, ...]:
        """How often the generator's features are halved that have self-attention."""
        if not self.attention_at:
            return ()
        return attention_levels(parse_sides(self.attention_at), self.image_size, self.levels + self.enhancers)

    def _shown_colors(self, side: str) -> tuple[Color, ...]:
        """Returns the colors in which people see the classes of a side."""
        text = (self.target_palette if side == "target" else "") or self.label_colors
        colors = read_palette(text).classes.values() if text else default_colors(getattr(self, f"{side}_labels"))
        return tuple(colors)

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

    @property
    def scale_size(self) -> Size:
        """(height, width) that whole pictures have at the scale of training.

        It is image_size while load_size is at most JITTER times as large on both sides, and load_size beyond.
        """
        load_size = self.brought_to
        is_jitter = all(load <= JITTER * crop for load, crop in zip(load_size, self.image_size, strict=True))
        return self.image_size if is_jitter else load_size

    def whole_format(self) -> "PairFormat":
        """Tells how this run's files become whole pictures at the scale of training.

        They get scale_size, which need not suit the generator; those of one of choices.OWN_SHAPE keep their shapes.
        """
        size = self.scale_size
        form = self.pair_format(size)
        return dataclasses.replace(form, crop=self.image_size if self.preprocess in OWN_SHAPE else size, whole=True)

    def measured_format(self) -> "PairFormat":
        """Tells how validation, evaluate and compare read pairs: as whole_format, but of large pictures the middle."""
        return dataclasses.replace(self.whole_format(), middle_pixels=MEASURED_PIXELS)

    @property
    def measured_at(self) -> str:
        """Says what is measured, and at which scale, such as 'whole pictures at 256x256'."""
        size = format_size(self.scale_size)
        scale = {
            "resize_and_crop": f"at {size}",
            "pad": f"padded to {size}",
            "scale_width": f"at a width of {self.scale_size[1]}",
            "scale_shortest": f"scaled to cover {size}",
        }.get(self.preprocess, "at their own scale")
        if self.preprocess in OWN_SHAPE:
            side = math.isqrt(MEASURED_PIXELS)
            return f"whole pictures {scale} (of larger ones the middle {side}x{side})"
        middle = middle_size(self.scale_size, MEASURED_PIXELS)
        is_whole = middle == self.scale_size
        return f"whole pictures {scale}" if is_whole else f"the middle {format_size(middle)} of pictures {scale}"

    def train_format(self) -> "PairFormat":
        """Tells how this run's files become pairs of load_size, from which training crops."""
        form = self.pair_format(self.load_size)
        return dataclasses.replace(form, crop=self.image_size, random_crop=True, precision=self.resize_precision)

    def image_format(self, side: str) -> "ImageFormat":
        """Tells how a file of one side, `source` or `target`, becomes numbers."""
        from pipelines.images.image_format import ImageFormat  # it needs TensorFlow, and --help does not

        labels, numbers = getattr(self, f"{side}_labels"), getattr(self, f"{side}_range")
        palette = read_palette(self.label_colors) if labels and self.label_colors else None
        own_method = getattr(self, f"{side}_resize_method")
        percentiles = self.source_normalize if side == "source" else ""
        is_source = side == "source"
        return ImageFormat(
            channels=labels or (self.input_channels if is_source else self.target_channels),
            context=self.source_context if is_source else 0,
            resize_method=own_method or ("nearest" if labels else self.resize_method),
            value_range=parse_range(numbers) if numbers else None,
            percentiles=parse_percentiles(percentiles) if percentiles else None,
            labels=labels,
            palette=(*palette.classes.values(), *palette.ignored) if palette else None,
            shown=self._shown_colors(side) if labels else None,
            axes=self.picture_axes,
            background=parse_color(self.background),
            max_pixels=self.max_pixels,
        )

    @property
    def result_type(self) -> str:
        """The type of the numbers in results; runs that do not say it have 8 bits."""
        return "uint8" if self.target_type == "auto" else self.target_type
