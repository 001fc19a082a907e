"""Reads which stored numbers become black and white; without TensorFlow, so --help is quick."""

import math

Range = tuple[float, float]
PERCENTILE = "percentile:"


def parse_range(text: str) -> Range:
    """Reads `0,4095` as (0.0, 4095.0): the numbers in a file that become the darkest and the brightest value.

    Raises:
      ValueError: it is not two finite numbers, the smaller one first.
    """
    low, high = _two_numbers(text, "is not a range; give the numbers of black and white, such as 0,4095")
    if low >= high:
        raise ValueError("has no room between its numbers; give the smaller one first, such as 0,4095")
    return low, high


def parse_percentiles(text: str) -> Range:
    """Reads `percentile:1,99.8` as (1.0, 99.8): each picture's own percentiles become 0 and 1.

    Raises:
      ValueError: it is something else, or not 0 <= low < high <= 100.
    """
    remedy = "is not a normalization; give percentile:LOW,HIGH, such as percentile:1,99.8"
    if not text.startswith(PERCENTILE):
        raise ValueError(remedy)
    low, high = _two_numbers(text.removeprefix(PERCENTILE), remedy)
    if not 0 <= low < high <= 100:
        raise ValueError(f"is out of range; {remedy.partition('; ')[2]}")
    return low, high


def parse_channels(text: str) -> tuple[int, ...]:
    """Reads `3,2,1` as (2, 1, 0): places of channels, counted from 1 in the text; one for gray or three for RGB.

    Raises:
      ValueError: it is something else.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) not in (1, 3) or not all(word.isdecimal() and int(word) for word in words):
        raise ValueError("names no channels; give one number for gray or three for RGB, counted from 1, such as 3,2,1")
    return tuple(int(word) - 1 for word in words)


def _two_numbers(text: str, remedy: str) -> Range:
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError:
        raise ValueError(remedy) from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(remedy)
    return low, high
