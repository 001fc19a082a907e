"""Tells how many epochs are done after a step, also where the number of pairs or the batch size was changed."""

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction

from tfpix2pix.run_dir.history import TRAINING_PAIRS, Change, count_of


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Steps of which each does the same share of an epoch; another begins where pairs or batch size are changed.

    Attributes:
      first_step: how many steps were done when it began.
      steps_per_epoch: at least 1.
      first_epoch: how many epochs were done when it began, exactly.
    """

    first_step: int
    steps_per_epoch: int
    first_epoch: Fraction = Fraction(0)

    def epoch(self, step: int) -> Fraction:
        """Returns how many epochs are done after a number of steps, of which the last were in this stretch."""
        return self.first_epoch + Fraction(step - self.first_step, self.steps_per_epoch)

    def step(self, epoch: int) -> int:
        """Returns after which step so many epochs are done, if this stretch goes on until then."""
        return self.first_step + math.ceil((epoch - self.first_epoch) * self.steps_per_epoch)


def stretches(history: Sequence[Change], pairs: int, batch_size: int) -> list[Stretch]:
    """Lists the stretches of a run.

    Args:
      history: what was changed.
      pairs: how many training pairs there are now.
      batch_size: as it is now.
    """
    # What held after each step at which one of the two was changed.
    held: dict[int, tuple[int, int]] = {}
    for change in reversed(history):
        if change.option not in (TRAINING_PAIRS, "batch_size"):
            continue
        held.setdefault(change.step, (pairs, batch_size))
        if change.option == TRAINING_PAIRS:
            pairs = count_of(change.old)
        else:
            batch_size = change.old
    held.setdefault(0, (pairs, batch_size))
    found, before = [Stretch(0, max(1, held[0][0] // held[0][1]))], held.pop(0)
    for step, (pairs, batch_size) in sorted(held.items()):
        if (pairs, batch_size) != before:
            found.append(Stretch(step, max(1, pairs // batch_size), found[-1].epoch(step)))
        before = pairs, batch_size
    return found
