"""Says in one plain sentence what the numbers of a measurement come to."""

from collections.abc import Mapping, Sequence

from tfpix2pix.quality.bootstrap import MIN_IMAGES
from tfpix2pix.quality.metrics import METRICS, ORDERED_BY
from tfpix2pix.quality.tally import Result
from tfpix2pix.report.results import Entry, difference, mean_of

# What a generator must beat to have learned anything from its sources, by the kind of targets: the column, its words.
FLOORS = {
    "image": ("mean target", "the mean training target"),
    "mask": ("mean target", "the mean training target"),
    "labels": ("most frequent class", "the most frequent class of the training"),
}


def of_evaluation(groups: Mapping[str, Sequence[Result]], kind: str, subject: str, floor: str = "") -> str:
    """Says whether the first group is better than what needs no source.

    Args:
      groups: the generator first, then baselines.
      kind: of the targets, one of metrics.KINDS.
      subject: what the first group is called, such as `the generator`.
      floor: what it is compared with, in words; by default those of FLOORS.
    """
    first = next(iter(groups))
    metric = ORDERED_BY[kind]
    column, words = FLOORS[kind]
    words = floor or words
    own = _number(metric, groups[first])
    if column not in groups:
        return f"{_capital(subject)} has {_label(metric)} {own}; nothing was measured beside it to compare with."
    found = difference(metric, groups[first], groups[column])
    numbers = f"{_label(metric)} {own} against {_number(metric, groups[column])}"
    if found["verdict"] == "no interval":
        images = len(groups[first][0].images[metric])
        if images < MIN_IMAGES:
            return f"{_capital(subject)} and {words}: {numbers}; {images} images are too few to tell which is better."
        return f"{_capital(subject)} and {words}: {numbers}; the difference has no interval."
    if found["verdict"] == "better":
        return f"{_capital(subject)} is better than {words}: {numbers}."
    sure = ", which is clearly better" if found["verdict"] == "worse" else ", no clear difference"
    return f"{_capital(subject)} is no better than {words}: {numbers}{sure}."


def of_comparison(differences: Mapping[str, Mapping[str, Entry]], first: str) -> str:
    """Says of each other group by which metrics it is better or worse than the first.

    Args:
      differences: group to metric to its difference from the first, as results.differences_table returns it.
      first: the group that the others are compared with.
    """
    sentences = []
    for other, by_metric in differences.items():
        found = {
            verdict: [_label(name) for name, entry in by_metric.items() if entry["verdict"] == verdict]
            for verdict in ("better", "worse", "no clear difference")
        }
        if not any(found.values()):
            sentences.append(f"{MIN_IMAGES} images or more are needed to tell whether {other} is better than {first}.")
            continue
        parts = [f"{word} than {first} by {_joined(found[word])}" for word in ("better", "worse") if found[word]]
        if not parts:
            sentences.append(f"{other} is no better and no worse than {first}: no metric differs clearly.")
            continue
        rest = found["no clear difference"]
        also = f"; {_joined(rest)} {'does' if len(rest) == 1 else 'do'} not differ clearly" if rest else ""
        sentences.append(f"{other} is {' and '.join(parts)}{also}.")
    return " ".join(sentences)


def _label(metric: str) -> str:
    """Returns a metric's name without its unit."""
    return METRICS[metric].label.removesuffix(", dB")


def _number(metric: str, runs: Sequence[Result]) -> str:
    return METRICS[metric].format(mean_of(runs, metric)["mean"])


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
