"""The validation pairs that a run keeps for its exports."""

import numpy as np
import pytest

from pipelines.pairs import open_pairs
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.run_dir import kept_pairs
from tfpix2pix.run_dir.claim import claim


@pytest.fixture
def begun(tmp_path):
    """A run before its first step, and what it was begun with."""
    data = make_pairs(tmp_path / "data", train=1, val=3, size=16)
    config = Config(data=str(data), image_size=(16, 16), depth=2, discriminator_layers=1).resolved()
    train = open_pairs(data / "train", config.train_format())
    val = open_pairs(data / "val", config.measured_format())
    claim(tmp_path / "run", config, train, val)
    return tmp_path / "run", config, train, val


def test_they_are_kept_before_the_first_step_and_stay(begun):
    """A run that is still running, or was killed, can be exported, too."""
    run_dir, config, train, val = begun
    before = kept_pairs.load(run_dir, config, 9)
    assert [source.shape for source, _ in before] == [(16, 16, 3)] * 3
    (run_dir / kept_pairs.FOLDER / "01.npy").unlink()
    claim(run_dir, config, train, val)
    assert len(kept_pairs.load(run_dir, config, 9)) == 2


def test_no_more_than_the_limits(begun, monkeypatch):
    """At even distances; one in any case."""
    run_dir, config, _, val = begun
    every = kept_pairs.load(run_dir, config, 9)
    for number, limit in enumerate((2 * 16 * 16 * 6 * 2, 1)):
        folder = run_dir.parent / f"limited{number}"
        folder.mkdir()
        monkeypatch.setattr(kept_pairs, "MAX_BYTES", limit)
        kept_pairs.keep(folder, val)
        found = kept_pairs.load(folder, config, 9)
        for (source, _), (expected, _) in zip(found, (every[0], every[2])[: 2 - number], strict=True):
            np.testing.assert_array_equal(source, expected)
