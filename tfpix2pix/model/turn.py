"""Tells what a step does, from its number alone."""

import dataclasses

from tfpix2pix.config import Config


@dataclasses.dataclass(frozen=True)
class Turn:
    """Tells what a step does besides what all steps do. Each kind of turn is compiled once.

    Attributes:
      has_r1: whether the discriminator's loss has R1, which is lazy (Karras et al. 2020, arXiv 1912.04958, 3.1).
      generator_learns: whether the generator is updated; it is measured at every step.
    """

    has_r1: bool = False
    generator_learns: bool = True


USUAL_TURN = Turn()


def turn_of(config: Config, step: int) -> Turn:
    """Returns what a step does.

    Args:
      config: of the run.
      step: how many steps were done before it.
    """
    return Turn(
        # The last of each r1_every steps: its metric then stands in logs of every 10 or 100 steps.
        has_r1=bool(config.r1_weight) and (step + 1) % config.r1_every == 0,
        generator_learns=(step + 1) % config.discriminator_steps == 0,
    )
