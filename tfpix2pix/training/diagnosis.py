"""Warns in one line of a training that fails in a known way, and says what helps, by the signs in its log."""

import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

from tfpix2pix.run_dir.log_jsonl import HELD_OUT, SIGNS, VALIDATION, read_log
from tfpix2pix.training.examination import Examination

Record = Mapping[str, float]

D_ACCURACY = "discriminator/accuracy"
# So many validations in a row must show a sign, since a GAN swings, and none before so many steps, since it is young.
ROWS = 3
YOUNG = 1000
# A discriminator that judges more than this share of patches correctly for so many epochs, and steps, of other pairs
# too, is not swinging. On 400 facades it judges 85 to 97 % correctly.
WINS_FOR = 5
WINS_FOR_STEPS = 1000
WINS_ABOVE = 0.98

# Each ends with a section of docs/troubleshooting.md.
ADVICE = {
    "wins": "the discriminator judged {:.0%} of the patches correctly for {:g} epochs, so it teaches the generator "
    "little; with few pairs give --diff_augment=color,translation,cutout: see 'A discriminator that wins'",
    "alike": "results differ from each other only {:.0%} as much as the targets do, whatever the source; a higher "
    "--l1_weight or a lower --learning_rate holds the generator to its sources: see 'Black or equal outputs'",
    "saturated": "{:.0%} more of the results' values than of the targets' are black or white, the ends of the range, "
    "where nothing is learned; start again with a lower --learning_rate: see 'Black or equal outputs'",
    "checkerboard": "results have {:.0f} times the targets' energy at the highest frequencies, which shows as a "
    "checkerboard; a new run with --upsample=resize has far less of it: see 'Checkerboard'",
    "overfitting": "validation's L1 is {:.0%} above its best, while training's falls: the generator learns its pairs "
    "by heart; stop (--patience=5 does), take the best checkpoint, or train on more pairs: see 'Learned by heart'",
    "known pairs": "the discriminator judges {:.0%} of the patches correctly in training, but {:.0%} on pairs that it "
    "was not trained on: it knows its pairs by heart; give --diff_augment=color,translation,cutout: see 'Learned by "
    "heart'",
    "copies": "the distance of results to the nearest training target is {:.0%} of that of other targets: results "
    "repeat training targets; train on more pairs: see 'Learned by heart'",
}

# Advice, sign, and what values of it call for the advice. A healthy training of the facades stays clear of them.
LIMITS: tuple[tuple[str, str, Callable[[float], bool]], ...] = (
    ("alike", "variety", lambda value: value < 0.2),
    ("saturated", "saturated", lambda value: value > 0.3),
    ("checkerboard", "checkerboard", lambda value: value > 10),
    ("copies", "nearest", lambda value: value < 0.5),
)


class Diagnosis:
    """Finds out after each validation whether something is wrong, and says each thing once.

    Args:
      run_dir: of the run, whose log is read.
      examination: gathers signs at validation.
    """

    def __init__(self, run_dir: pathlib.Path, examination: Examination):
        self.run_dir, self.examination = run_dir, examination
        self._told: set[str] = set()

    def news(self) -> list[str]:
        """Returns what is wrong now and was not said before, a line each."""
        found = findings(rows_of(read_log(self.run_dir)))
        news = [line for name, line in found.items() if name not in self._told]
        self._told |= found.keys()
        return news


def findings(rows: Sequence[Record]) -> dict[str, str]:
    """Returns what is wrong by the newest rows: name to one line.

    Args:
      rows: one a validation, oldest first: what it measured, signs/, and the means of training's metrics since the one
        before; `epoch` and `step` too. The one before the first step does not count.
    """
    rows = [row for row in rows if row["step"] > 0]
    found: dict[str, str] = {}

    def tell(name: str, *numbers: float) -> None:
        found[name] = f"{ADVICE[name].format(*numbers)} in docs/troubleshooting.md"

    def lately(name: str) -> list[float]:
        values = [row.get(name, math.nan) for row in rows[-ROWS:] if row["step"] >= YOUNG]
        return values if len(values) == ROWS else [math.nan]

    _tell_winning(rows, tell)
    for name, sign, is_wrong in LIMITS:
        if all(map(is_wrong, values := lately(SIGNS + sign))):
            tell(name, values[-1])
    pairs = list(zip(lately(D_ACCURACY), lately(HELD_OUT), strict=True))
    if all(trained - held_out > 0.2 for trained, held_out in pairs):
        tell("known pairs", *pairs[-1])
    _tell_overfitting(rows, tell)
    return found


def _tell_winning(rows: Sequence[Record], tell: Callable[..., None]) -> None:
    # With gan_weight=0 nobody asks the discriminator, and held-out pairs are not judged.
    judged = [row for row in rows if D_ACCURACY in row and HELD_OUT in row]
    for first in reversed(range(len(judged) - 1)):
        epochs, steps = (judged[-1][name] - judged[first][name] for name in ("epoch", "step"))
        if epochs >= WINS_FOR and steps >= WINS_FOR_STEPS:
            trained, held_out = (
                math.fsum(row[name] for row in judged[first + 1 :]) / (len(judged) - first - 1)
                for name in (D_ACCURACY, HELD_OUT)
            )
            if trained > WINS_ABOVE and held_out > WINS_ABOVE:
                tell("wins", trained, epochs)
            return


def _tell_overfitting(rows: Sequence[Record], tell: Callable[..., None]) -> None:
    of_both = [row for row in rows if VALIDATION + "l1" in row and "generator/l1" in row]
    if len(of_both) <= ROWS:
        return
    best = min(of_both, key=lambda row: row[VALIDATION + "l1"])
    excess = [row[VALIDATION + "l1"] / best[VALIDATION + "l1"] - 1 for row in of_both[-ROWS:]]
    if min(excess) > 0.05 and of_both[-1]["generator/l1"] < 0.8 * best["generator/l1"]:
        tell("overfitting", excess[-1])


def rows_of(records: Sequence[Record]) -> list[dict[str, float]]:
    """Returns the rows that `findings` takes, of the records of log.jsonl."""
    rows: list[dict[str, float]] = []
    since: dict[str, list[float]] = {}
    for record in records:
        if any(name.startswith(VALIDATION) for name in record):
            means = {name: math.fsum(values) / len(values) for name, values in since.items()}
            rows.append({**means, **record})
            since = {}
        else:
            for name in (D_ACCURACY, "generator/l1"):
                if name in record:
                    since.setdefault(name, []).append(record[name])
    return rows
