"""Says what is odd about the pairs of a survey, in lines that name the remedy."""

from collections.abc import Iterator, Sequence

from pipelines.datasets.side_survey import SideSurvey
from pipelines.datasets.survey import Survey, same_pairs
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import Size, format_size
from pipelines.images.statistics import IGNORED_CLASS, PERCENTILES, Statistics, number

# More than this share of the variance lost by the resize: thin lines and points go. Photos lose less, even at 1/4.
MUCH_DETAIL = 0.25
# Shapes that differ by more than this factor are said to be squeezed.
SQUEEZED = 1.33
# Outside of a range, there twice, or equal on both sides: more than this share is said.
SOME = 0.01
# Of one color.
MANY_BLANK = 0.1
# A sparse mask has at most this share of white.
SPARSE = 0.2
# What is named of many.
NAMED = 3


def describe(survey: Survey) -> list[str]:
    """Describes sizes, channels and numbers of both sides, a line each."""
    lines: list[str] = []
    for name, side in survey.sides.items():
        if not side.sizes:
            # No pair could be read.
            continue
        channels = " or ".join(map(str, sorted(side.channels)))
        channels += " channel" if channels == "1" else " channels"
        numbers = "; ".join(map(describe_numbers, side.statistics.values()))
        lines.append(f"{name}s: {describe_sizes(side)}, {channels}, {numbers}")
    return lines


def find(survey: Survey, *, target_mask: bool = False) -> list[str]:
    """Returns what is odd about the pairs of a split; nothing if it is as a training expects.

    Args:
      survey: of the pairs.
      target_mask: whether the training knows that its targets are masks.
    """
    if not len(survey):
        return []
    found = [*_of_pairs(survey)]
    for name, side, form in (
        ("source", survey.source, survey.form.source),
        ("target", survey.target, survey.form.target),
    ):
        found += _of_side(name, side, form)
    if not target_mask and not survey.form.target.labels:
        found += _of_mask(survey.target)
    return [*found, *_of_sizes(survey)]


def find_between(first: Survey, second: Survey, names: tuple[str, str]) -> list[str]:
    """Returns what is odd about two splits, of these names: the same pairs, or other types of numbers."""
    found = []
    if pairs := list(same_pairs(first, second)):
        shown = ", ".join(f"{there} is {here}" for here, there in pairs[:NAMED])
        more = ", ..." if len(pairs) > NAMED else ""
        found.append(
            f"{len(pairs)} of {len(second)} pairs in {names[1]} are in {names[0]} too: {shown}{more}; remove them"
        )
    sources = {*first.source.digests}
    equal = sum(digest in sources for digest in second.source.digests) - len(pairs)
    if equal > 0 and len(sources) > 1:
        found.append(f"{equal} more sources in {names[1]} are sources in {names[0]}, with other targets")
    for name, side in first.sides.items():
        types, others = (sorted(each.statistics) for each in (side, second.sides[name]))
        if types and others and types != others:
            found.append(f"{name}s are {' and '.join(types)} in {names[0]}, and {' and '.join(others)} in {names[1]}")
    return found


def describe_numbers(numbers: Statistics) -> str:
    """Returns type, smallest and largest number and the outer percentiles, in words."""
    low, high = map(number, numbers.bounds())
    return (
        f"{numbers.name} {number(numbers.minimum)} to {number(numbers.maximum)} "
        f"({PERCENTILES[0]} % below {low}, {100 - PERCENTILES[1]:.1f} % above {high})"
    )


def describe_sizes(side: SideSurvey) -> str:
    """Returns the size, or how many there are, from the smallest to the largest."""
    sizes = sorted(side.sizes, key=lambda size: (size[0] * size[1], size))
    if len(sizes) == 1:
        return format_size(sizes[0])
    return f"{len(sizes)} sizes from {format_size(sizes[0])} to {format_size(sizes[-1])}"


def _of_pairs(survey: Survey) -> Iterator[str]:
    count = len(survey)
    if survey.no_seams >= max(NAMED, count / 3, 5 * survey.seams):
        yield (
            f"{survey.no_seams} of {count} images go on in their middle, where the halves of a pair would meet: they "
            "look like single images; combine them, or give --data_a and --data_b"
        )
    elif survey.side_by_side == count and survey.seams < count / 2 and _are_square(survey.source.sizes):
        yield (
            f"all {count} images are square, so each half is twice as high as wide; if they are single images, combine "
            "them, or give --data_a and --data_b"
        )
    if count > 1 and survey.source.distinct() == 1:
        yield f"all {count} sources are the same image, so nothing can be learned from them"
    if count > 1 and survey.target.distinct() == 1:
        yield f"all {count} targets are the same image"
    if survey.equal_sides > SOME * count:
        yield f"{survey.equal_sides} of {count} sources equal their targets to the last bit"
    if survey.repeated() > SOME * count:
        yield f"{survey.repeated()} of {count} pairs are there already, pixel by pixel"
    if survey.unlike_shapes and survey.form.resize_to == "none":
        yield (
            f"{survey.unlike_shapes} of {count} pairs have sides of different shapes: sources of "
            f"{describe_sizes(survey.source)}, targets of {describe_sizes(survey.target)}; --resize_to=a or b says "
            "which one counts"
        )


def _are_square(halves: Sequence[Size] | dict[Size, int]) -> bool:
    return all(abs(height - 2 * width) <= 0.02 * height for height, width in halves)


def _of_side(name: str, side: SideSurvey, form: ImageFormat) -> Iterator[str]:
    count, kinds = len(side.digests), side.statistics
    if len(kinds) > 1 and not form.labels:
        yield f"{name}s are of several types, {' and '.join(sorted(kinds))}, each with a range of its own; convert them"
    if len(side.channels) > 1:
        counts = ", ".join(f"{channels} ({images})" for channels, images in sorted(side.channels.items()))
        yield f"{name}s differ in their channels besides alpha: {counts}"
    if all(numbers.minimum == numbers.maximum for numbers in kinds.values()):
        only = " or ".join(number(numbers.minimum) for numbers in kinds.values())
        yield f"every number of the {name}s is {only}, so they show nothing"
        return
    if side.of_one_color > MANY_BLANK * count and not form.labels:
        yield f"{side.of_one_color} of {count} {name}s are of one color"
    if constant := side.constant_channels():
        shown = ", ".join(map(str, constant))
        yield f"{name}s hold one number everywhere in {'channels' if len(constant) > 1 else 'channel'} {shown}"
    for numbers in kinds.values():
        if form.holds_indices:
            yield from _of_classes(name, numbers, form)
        elif not form.labels and not form.percentiles:
            yield from _of_numbers(name, numbers, form)


def _of_classes(name: str, numbers: Statistics, form: ImageFormat) -> Iterator[str]:
    classes = [value for value in numbers.values or [numbers.maximum] if value != IGNORED_CLASS]
    if classes and max(classes) >= form.labels:
        largest = number(max(classes))
        yield f"{name}s hold {largest}, and {name}_labels={form.labels} has classes up to {form.labels - 1}"


def _of_numbers(name: str, numbers: Statistics, form: ImageFormat) -> Iterator[str]:
    is_range_given = form.value_range is not None
    proposed = f"--{name}_range={','.join(map(number, numbers.proposed_range()))}"
    if numbers.classes and not is_range_given:
        shown = ", ".join(map(number, numbers.values or ()))
        proposed = f"--{name}_range=0,{numbers.classes - 1}"
        if numbers.dtype.kind != "b":
            yield (
                f"{name}s hold only the numbers {shown}: if they are classes, give --{name}_labels={numbers.classes}; "
                f"if they are amounts, {proposed}"
            )
    elif form.value_range is not None:
        low, high = form.value_range
        given = f"{name}_range={number(low)},{number(high)}"
        if (outside := numbers.outside(low, high)) > SOME:
            yield f"{outside:.1%} of the {name}s' numbers are outside of {given}, and cut: {describe_numbers(numbers)}"
        elif numbers.maximum - numbers.minimum < 0.25 * (high - low):
            yield f"{name}s use little of {given}: {describe_numbers(numbers)}"
    elif not numbers.is_integer:
        normalize = ", or --source_normalize=percentile:1,99.8" if name == "source" else ""
        inner = ",".join(map(number, numbers.bounds()))
        yield (
            f"{name}s are floats, which need a range: {describe_numbers(numbers)}; give {proposed}, or {inner} without "
            f"outliers{normalize}"
        )
    elif numbers.uses_little:
        share = "a few outliers apart, little" if numbers.has_outliers else f"{numbers.share:.1%}"
        bits, kind = max(numbers.bits, 1), numbers.type_bits
        guess = f", {bits}-bit data in {kind}-bit files" if numbers.minimum >= 0 and 8 <= bits < kind else ""
        yield f"{name}s use {share} of their type's range{guess}: {describe_numbers(numbers)}; give {proposed}"


def _of_mask(side: SideSurvey) -> Iterator[str]:
    for numbers in side.statistics.values():
        middle = (numbers.minimum + numbers.maximum) / 2
        white = numbers.outside(numbers.minimum, middle)
        if numbers.is_mask and not numbers.classes and 0 < white < SPARSE:
            yield (
                f"targets are nearly all black or white, {white:.1%} white: if they are masks, give --target_mask to "
                "measure IoU and F1"
            )


def _of_sizes(survey: Survey) -> Iterator[str]:
    if survey.form.preprocess != "resize_and_crop":
        return
    count, size = len(survey), survey.form.size
    lost = {name: side.lost / count for name, side in survey.sides.items()}
    if max(lost.values()) > MUCH_DETAIL:
        yield (
            f"resizing from {describe_sizes(survey.source)} to {format_size(size)} removes {lost['source']:.0%} of the "
            f"sources' variance and {lost['target']:.0%} of the targets', so thin lines and points go; "
            "--preprocess=crop reads images at their own scale"
        )
    ratios = sorted(width * size[0] / (height * size[1]) for height, width in survey.source.sizes)
    if len(survey.source.sizes) > 1 and ratios[-1] > SQUEEZED * ratios[0]:
        yield (
            f"sources have several shapes, {describe_sizes(survey.source)}, and all are squeezed into "
            f"{format_size(size)}; --preprocess=scale_shortest, pad or crop keeps their shapes"
        )
    elif max(ratios[-1], 1 / ratios[0]) > SQUEEZED:
        yield (
            f"sources of {describe_sizes(survey.source)} are squeezed into {format_size(size)}; an --image_size of "
            "their shape, or --preprocess=scale_shortest, pad or crop, keeps it"
        )
