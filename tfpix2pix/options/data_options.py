"""Defines the options of which pairs there are, and how their files become what the networks see."""

import dataclasses

from pipelines.images.choices import (
    DIRECTIONS,
    MAX_CHANNELS,
    MAX_LABELS,
    NUMBER_TYPES,
    PREPROCESS,
    RESIZE_METHODS,
    RESIZE_PRECISIONS,
    RESIZE_TO,
)
from pipelines.images.color import parse_color
from pipelines.images.size import MAX_PIXELS, MAX_PIXELS_HELP, Size
from pipelines.images.value_range import parse_channels, parse_percentiles, parse_range
from tfpix2pix.options.option import option


@dataclasses.dataclass(frozen=True)
class Data:
    """Options of pairs and their files."""

    data: str = option(
        "demo",
        "a data set's name (see pipelines/datasets/catalogue.py), or a folder with train/ and val/",
        change="machine",
    )
    data_dir: str = option("data", "folder in which named data sets are kept", change="machine")
    data_a: str = option("", "folder of the A sides, if the two sides are files of their own", change="machine")
    data_b: str = option("", "folder of the B sides", change="machine")
    match: str = option(
        "",
        "how the sides' names differ, such as '{}_A:{}_B'; order: sorted lists; default: equal names",
        change="asked",
    )
    val_fraction: float = option(
        0.0,
        "share of the pairs, chosen by name, that validates if there is no val/",
        minimum=0.0,
        below=1.0,
        change="asked",
    )
    train_list: str = option("", "file with the names of the training pairs, one a line", change="machine")
    val_list: str = option("", "file with the names of the validation pairs", change="machine")
    test_list: str = option("", "file with the names of the test pairs", change="machine")
    direction: str = option(
        "auto", "which half is the source; auto: as the data set has it", choices=("auto", *DIRECTIONS), change="never"
    )
    image_size: Size = option(
        (256, 256), "height x width that the networks see, such as 256 or 256x512", change="never"
    )
    load_size: Size = option(
        (0, 0), "size before the random crop; 0: 286/256 of image_size, as in the paper", change="asked"
    )
    preprocess: str = option(
        "resize_and_crop",
        "how images meet load_size: resize_and_crop; crop (at their own scale, not resized); scale_width, "
        "scale_shortest (that side to load_size's, then a crop); pad (whole, with a border); none (they fit)",
        choices=PREPROCESS,
        change="never",
    )
    crop: bool = option(True, "crop at random from load_size; --nocrop resizes to image_size at once", change="asked")
    flip: bool = option(True, "mirror every other pair, at random", change="asked")
    flip_vertical: bool = option(False, "turn every other pair upside down, at random", change="asked")
    rotate90: bool = option(False, "turn pairs by 0, 90, 180 or 270 degrees, at random", change="asked")
    color_jitter: float = option(
        0.0,
        "change the source's brightness, contrast and saturation at random by up to this",
        minimum=0.0,
        below=1.0,
        change="asked",
    )
    scale_jitter: float = option(
        0.0, "scale pairs at random by up to this, such as 0.2", minimum=0.0, below=1.0, change="asked"
    )
    resize_to: str = option(
        "none",
        "whose size both sides get if their sizes differ in shape: a, b or none",
        choices=RESIZE_TO,
        change="never",
    )
    resize_method: str = option(
        "bicubic", "how images are resized, antialiased", choices=RESIZE_METHODS, change="never"
    )
    source_resize_method: str = option(
        "",
        "how sources are resized; default: as resize_method, labels by nearest",
        choices=("", *RESIZE_METHODS),
        change="never",
    )
    target_resize_method: str = option(
        "", "how targets are resized, likewise", choices=("", *RESIZE_METHODS), change="never"
    )
    resize_precision: str = option(
        "fast",
        "how training resizes 8-bit pictures: exact (slower); fast (within 0.3 of 255 levels of exact); levels (fast, "
        "and rounded to whole levels, so that four times as many pairs fit into memory)",
        choices=RESIZE_PRECISIONS,
        change="asked",
    )
    axes: str = option(
        "",
        "axes of TIFF and NPY arrays if they do not say, such as CYX or YXC; with a Z or T of stacks, such as ZYX",
        change="never",
    )
    source_channels: int = option(
        3,
        "channels of the source: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA, more as stored",
        minimum=1,
        below=MAX_CHANNELS + 1,
        change="never",
    )
    source_context: int = option(
        0,
        "slices of a stack on either side of each one that are further channels of the source",
        minimum=0,
        below=MAX_CHANNELS // 2,
        change="never",
    )
    target_channels: int = option(
        3, "channels of the target, as in source_channels", minimum=1, below=MAX_CHANNELS + 1, change="never"
    )
    source_range: str = option(
        "",
        "numbers in the files that are black and white, such as 0,4095; default: the integer type's",
        parse=parse_range,
        change="never",
    )
    target_range: str = option("", "likewise of the target, such as -1000,3000", parse=parse_range, change="never")
    source_normalize: str = option(
        "", "each source by its own percentiles, such as percentile:1,99.8", parse=parse_percentiles, change="never"
    )
    source_labels: int = option(
        0,
        "number of classes, if sources are label maps; 255 is no class",
        minimum=0,
        below=MAX_LABELS + 1,
        change="never",
    )
    target_labels: int = option(
        0,
        "likewise of the target, which is then learned by cross-entropy",
        minimum=0,
        below=MAX_LABELS + 1,
        change="never",
    )
    label_colors: str = option(
        "",
        "colors of label maps, in files and in pictures: facades, cityscapes, or a file with a color a line",
        change="never",
    )
    target_palette: str = option(
        "",
        "colors of the target's classes in pictures and results, as in label_colors; default: these, or the palette of "
        "the targets' files",
        change="freely",
    )
    target_mask: bool = option(False, "targets are masks, white on black: measure IoU and F1", change="never")
    target_type: str = option(
        "auto", "numbers in results; auto: as in the targets' files", choices=("auto", *NUMBER_TYPES), change="freely"
    )
    background: str = option(
        "white", "color behind transparent images, where a side has no alpha", parse=parse_color, change="never"
    )
    show_channels: str = option(
        "",
        "channels that pictures show of more than 4, such as 3,2,1; default: the first three",
        parse=parse_channels,
        change="freely",
    )
    bad_images: str = option(
        "fail", "what to do with a file that is not a pair: fail, or skip it", choices=("fail", "skip"), change="freely"
    )
    max_pixels: int = option(MAX_PIXELS, MAX_PIXELS_HELP, minimum=1, change="freely")
    cache_mib: int = option(
        2048, "keep the training pairs in memory if they need no more MiB than this", minimum=0, change="machine"
    )
