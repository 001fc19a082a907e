"""Checks what options say together; each for itself is checked by option.py."""

from typing import TYPE_CHECKING

from pipelines.images.choices import MAX_CHANNELS, MAX_PLAIN_CHANNELS, check_axes, names_slices
from pipelines.images.label_colors import read_palette
from pipelines.images.size import check_load_size, format_size
from pipelines.images.value_range import parse_channels
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import OWN_OPTIONS, check_depth, check_size
from tfpix2pix.networks.frozen import check_parts
from tfpix2pix.options.checks.augmentation import check_augmentation
from tfpix2pix.options.checks.objective import check_objective
from tfpix2pix.options.checks.optimization import check_optimization
from tfpix2pix.options.option import is_given
from tfpix2pix.quality.metrics import BEST_BY, MIN_SIDES, OF_PHOTOGRAPHS

if TYPE_CHECKING:
    from tfpix2pix.config import Config


def check_together(config: "Config") -> None:
    """Raises InputError if options contradict each other; the message names them, their values and the remedy."""
    _check_sides(config)
    _check_best_by(config)
    _check_generator(config)
    _check_size(config)
    _check_attention(config)
    _check_batch(config)
    _check_frozen(config)
    check_objective(config)
    check_augmentation(config)
    check_optimization(config)


def _check_sides(config: "Config") -> None:
    if bool(config.data_a) != bool(config.data_b):
        raise InputError(f"data_a={config.data_a} and data_b={config.data_b}: one is missing; give both or none")
    check_axes(config.axes, with_slices=True)
    _check_context(config)
    for side in ("source", "target"):
        labels, numbers = getattr(config, f"{side}_labels"), getattr(config, f"{side}_range")
        if labels == 1:
            raise InputError(f"{side}_labels=1 leaves nothing to tell apart; give 2 or more, or 0 for an image")
        if labels and numbers:
            raise InputError(f"{side}_labels={labels} and {side}_range={numbers} exclude each other; leave out one")
        channels = getattr(config, f"{side}_channels")
        if labels and is_given(config, f"{side}_channels") and channels != labels:
            raise InputError(
                f"{side}_labels={labels} makes {labels} channels, and {side}_channels={channels}; leave out one"
            )
    if config.source_normalize and (config.source_range or config.source_labels):
        raise InputError(
            f"source_normalize={config.source_normalize} excludes source_range and source_labels; leave out one"
        )
    if config.target_mask and config.target_labels:
        raise InputError("target_mask and target_labels exclude each other; leave out one")
    _check_labels(config)
    _check_shown(config)
    if config.color_jitter and config.source_labels:
        raise InputError(
            f"color_jitter={config.color_jitter} and source_labels={config.source_labels}: classes have no brightness; "
            "leave out one of the two"
        )
    if config.rotate90 and config.image_size[0] != config.image_size[1]:
        raise InputError(
            f"rotate90 needs a square image_size, and it is {format_size(config.image_size)}; leave out one"
        )


def _check_context(config: "Config") -> None:
    given = f"source_context={config.source_context}"
    if not config.source_context:
        return
    if config.input_channels > MAX_CHANNELS:
        raise InputError(
            f"{given} and source_channels={config.source_channels} make {config.input_channels} channels, and at most "
            f"{MAX_CHANNELS} are taken; give less context"
        )
    if config.axes and not names_slices(config.axes):
        raise InputError(f"{given} needs stacks, and axes={config.axes} names no Z or T; give such as ZYX")
    for name in ("source_labels", "color_jitter"):
        if is_given(config, name):
            raise InputError(f"{given} and {name}={getattr(config, name)} exclude each other; leave out one")


def _check_labels(config: "Config") -> None:
    counts = {side: count for side in ("source", "target") if (count := getattr(config, f"{side}_labels"))}
    for side in counts:
        method = getattr(config, f"{side}_resize_method")
        if method not in ("", "nearest"):
            raise InputError(
                f"{side}_resize_method={method} would mix the classes of {side}_labels={counts[side]}; give nearest"
            )
    for name, labeled in (("label_colors", counts), ("target_palette", {"target": config.target_labels})):
        if text := getattr(config, name):
            _check_colors(f"{name}={text:.100}", len(read_palette(text, name).classes), labeled)


def _check_shown(config: "Config") -> None:
    shown = parse_channels(config.show_channels) if config.show_channels else ()
    for side in ("source", "target"):
        channels = getattr(config, f"{side}_channels")
        if side == "source" and config.source_context:
            continue
        if channels > MAX_PLAIN_CHANNELS and max(shown, default=0) >= channels:
            raise InputError(f"show_channels={config.show_channels}: the {side} has {channels}; give some of these")


def _check_best_by(config: "Config") -> None:
    kind, channels = config.target_kind, config.target_channels
    known = [name for name, kinds in BEST_BY.items() if kind in kinds]
    if channels > MAX_PLAIN_CHANNELS:
        known = [name for name in known if name not in OF_PHOTOGRAPHS]
    if config.best_by not in known:
        what = {"image": f"images of {channels} channels", "labels": "labels", "mask": "masks"}[kind]
        raise InputError(f"best_by={config.best_by} cannot measure {what}; give one of {', '.join(known)}")


def _check_generator(config: "Config") -> None:
    for generator, names in OWN_OPTIONS.items():
        for name in names:
            if is_given(config, name) and name not in OWN_OPTIONS[config.generator]:
                raise InputError(
                    f"{name}={getattr(config, name)} is an option of generator={generator}, and "
                    f"generator={config.generator}; leave out one"
                )


def _check_attention(config: "Config") -> None:
    try:
        _ = config.attention_levels
    except ValueError as error:
        raise InputError(f"attention_at={config.attention_at} {error}; give some of these") from None


def _check_size(config: "Config") -> None:
    try:
        check_depth(config.image_size, config.levels, config.generator, config.enhancers)
        if config.discriminator_scales == 1:
            check_size(config.image_size, config.discriminator_layers)
    except ValueError as error:
        raise InputError(str(error)) from None
    load_size = config.brought_to
    if not config.crop and load_size != config.image_size:
        raise InputError(f"load_size={format_size(load_size)} needs a crop, and crop=False; leave out one of the two")
    if config.preprocess in ("crop", "none") and load_size != config.image_size:
        raise InputError(
            f"preprocess={config.preprocess} resizes nothing, and load_size={format_size(load_size)}; leave out one"
        )
    if not config.crop and config.preprocess in ("crop", "scale_width", "scale_shortest"):
        raise InputError(f"preprocess={config.preprocess} needs a crop, and crop=False; leave out one of the two")
    check_load_size(load_size, config.image_size)
    min_side = MIN_SIDES.get(config.best_by, 0)
    if min(config.scale_size) < min_side:
        raise InputError(
            f"best_by={config.best_by} needs images with sides of {min_side} or more, and "
            f"image_size={format_size(config.image_size)} with load_size={format_size(load_size)} measures "
            f"{format_size(config.scale_size)}; give best_by=l1 or psnr"
        )


def _check_batch(config: "Config") -> None:
    parts = config.gradient_accumulation
    if config.batch_size % parts:
        raise InputError(
            f"batch_size={config.batch_size} cannot be split into gradient_accumulation={parts} equal parts; give a "
            f"multiple of {parts}"
        )
    if config.sync_batch_norm and (config.xla or parts > 1):
        other = "xla=True" if config.xla else f"gradient_accumulation={parts}"
        raise InputError(
            f"sync_batch_norm=True and {other} exclude each other: replicas cannot exchange statistics inside "
            "compiled or repeated passes; leave out one of the two"
        )


def _check_frozen(config: "Config") -> None:
    if not config.freeze:
        return
    try:
        check_parts(config.frozen_parts, config.generator, config.levels, config.enhancers)
    except ValueError as error:
        raise InputError(f"freeze={config.freeze} {error}") from None


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
