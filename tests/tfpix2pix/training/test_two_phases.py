"""pix2pixHD's training in phases: a ResNet of half the size, then frozen inside a local enhancer, then all of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import replica_step
from tfpix2pix.model.turn import USUAL_TURN
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.training.initial_weights import fitted
from tfpix2pix.weights.network_weights import weights_of

HALF = Config(
    image_size=(16, 16),
    generator="resnet",
    depth=1,
    blocks=2,
    generator_width=4,
    norm="instance",
    discriminator_width=2,
    discriminator_layers=1,
    learning_rate=0.1,
).resolved()
WHOLE = {"image_size": (32, 32), "load_size": (0, 0), "enhancers": 1, "generator_width": 2}


def trained(config, folder, strategy):
    """Takes two steps from what init_from gives, and saves the run; returns the weights before and after."""
    model = Pix2Pix(config, strategy, total_steps=10)
    if config.init_from:
        fitted(config).set_in(model)
    before = weights_of(model.generator).tensors
    rng = np.random.default_rng(0)
    for _ in range(2):
        pair = [tf.constant(rng.uniform(-1, 1, (1, *config.image_size, 3)).astype(np.float32)) for _ in range(2)]
        strategy.run(replica_step, args=(model, *pair, USUAL_TURN))
    folder.mkdir()
    config_json.save(config, folder)
    Checkpoints(folder).save(model)
    return before, weights_of(model.generator).tensors


def equal(a, b):
    """Names what has the same bits in both."""
    return {path for path in a.keys() & b.keys() if a[path].tobytes() == b[path].tobytes()}


@pytest.mark.slow
def test_the_global_part_is_what_the_first_phase_gave_until_it_is_freed(strategies, tmp_path):
    _, first = trained(HALF, tmp_path / "1", strategies[1])
    second = dataclasses.replace(HALF, **WHOLE, init_from=f"{tmp_path / '1'}:latest", freeze="global").resolved()
    before, after = trained(second, tmp_path / "2", strategies[1])
    whole = {path for path in after if not path.startswith("local_")}
    assert whole == first.keys() - {"last/kernel", "last/bias"}
    assert equal(after, first) == whole
    kernels = {path for path in after.keys() - whole if path.endswith("kernel")}
    assert len(kernels) == 2 + 6 + 2
    assert not kernels & equal(before, after)

    third = dataclasses.replace(second, init_from=f"{tmp_path / '2'}:latest", freeze="")
    start, end = trained(third, tmp_path / "3", strategies[1])
    assert equal(start, after) == after.keys()
    assert not equal(start, end) & {path for path in end if path.endswith("kernel")}
