"""Says in words what the numbers of sources and results are, for whoever has nothing but an export."""

from pipelines.images.value_range import parse_percentiles
from tfpix2pix.config import Config

CHANNELS = {1: ["gray"], 2: ["gray", "alpha"], 3: ["red", "green", "blue"], 4: ["red", "green", "blue", "alpha"]}


def source_meaning(config: Config) -> str:
    """Says in words what the source's values in [-1, 1] are."""
    if config.source_labels:
        return "1 in the channel of the pixel's class, -1 in the others, and in all where it has none"
    if config.source_normalize:
        low, high = parse_percentiles(config.source_normalize)
        return f"-1 and 1 are the picture's own percentiles {low:g} and {high:g}"
    return f"-1 and 1 are {_ends(config.source_range)} of the picture's file"


def target_meaning(config: Config) -> str:
    """Says in words what the generated values in [-1, 1] are."""
    if config.target_labels:
        return "2 p - 1 of the probability p of each class; the largest is the pixel's class"
    # Floats without a range are in [0, 1].
    span = config.target_range or ("0,1" if config.result_type == "float32" else "")
    return f"-1 and 1 are {_ends(span)} of a file of {config.result_type}"


def channel_names(channels: int, labels: int) -> list[str]:
    """Names the channels of an image; none where only their order is known."""
    return [f"class {index}" for index in range(labels)] or CHANNELS.get(channels, [])


def source_channel_names(config: Config) -> list[str]:
    """Names the channels of a source; of a slice with its neighbors those of all slices, such as `slice -1`."""
    names = channel_names(config.source_channels, config.source_labels)
    if not config.source_context:
        return names
    places = range(-config.source_context, config.source_context + 1)
    own = names if config.source_channels > 1 else [""]
    return [f"slice {place:+d} {name}".strip() for place in places for name in own]


def _ends(value_range: str) -> str:
    return " and ".join(value_range.split(",")) if value_range else "the smallest and the largest number"
