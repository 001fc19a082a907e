"""The rate falls after so many validations without a better one, the same whether the run was resumed in between."""

import pytest

from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.updates.rate import Plateau
from tfpix2pix.training.plateau import LowerRate

# 0.4 at step 2 is the best for two validations, and again after the rate has fallen at step 4; then 0.3 is.
VALUES = [0.5, 0.6, 0.4, 0.4, 0.45, 0.5, 0.41, 0.3, 0.31, 0.32]
FALLS = {4: 0.2, 6: 0.04, 9: 0.008}
CONFIG = Config(schedule="plateau", decay_patience=2)


def action(plateau, config=CONFIG, values=(), lines=None):
    report = (lambda line: None) if lines is None else lines.append
    return LowerRate(config, plateau, values, lambda step: True, Workers(), report)


def test_it_counts_from_the_best_and_from_the_last_fall():
    plateau, lines, factor = Plateau(), [], 1.0
    lower = action(plateau, lines=lines)
    for step, value in enumerate(VALUES):
        lower(step, {"validation/l1": value})
        # A step without a validation.
        lower(step, {"generator/loss": 1.0})
        factor = FALLS.get(step, factor)
        assert float(plateau.factor.numpy()) == pytest.approx(factor, rel=1e-12)
    assert len(lines) == len(FALLS)
    assert "step 4" in lines[0]
    assert "4e-05" in lines[0]


@pytest.mark.parametrize("stopped", range(len(VALUES)))
@pytest.mark.parametrize("is_late", [False, True])
def test_a_resumed_run_goes_on_counting(stopped, is_late):
    """Also where the last validation is in the log, and not yet in the checkpoint."""
    plateau = Plateau()
    lower = action(plateau)
    for step, value in enumerate(VALUES[: stopped + (not is_late)]):
        lower(step, {"validation/l1": value})
    resumed = Plateau()
    for mine, theirs in zip(resumed.variables, plateau.variables, strict=True):
        mine.assign(theirs)
    lower = action(resumed, values=list(enumerate(VALUES[: stopped + 1])))
    for step, value in [*enumerate(VALUES)][stopped + 1 :]:
        lower(step, {"validation/l1": value})
    assert float(resumed.factor.numpy()) == pytest.approx(0.008, rel=1e-12)
    assert (int(resumed.counted.numpy()), int(resumed.lowered.numpy())) == (9, 9)


def test_more_is_better_of_some_metrics():
    plateau = Plateau()
    lower = action(plateau, Config(schedule="plateau", decay_patience=2, decay_factor=0.5, best_by="psnr"))
    for step, value in enumerate([10, 11, 12, 12, 11.5]):
        assert float(plateau.factor.numpy()) == 1
        lower(step, {"validation/psnr": value})
    assert float(plateau.factor.numpy()) == 0.5


def test_a_run_that_is_changed_to_it_counts_from_then_on():
    """The best so far stays the best."""
    plateau = Plateau()
    plateau.start(5)
    lower = action(plateau, values=list(enumerate(VALUES[:6])))
    assert float(plateau.factor.numpy()) == 1
    lower(6, {"validation/l1": 0.45})
    assert float(plateau.factor.numpy()) == 1
    lower(7, {"validation/l1": 0.41})
    assert float(plateau.factor.numpy()) == pytest.approx(0.2)
