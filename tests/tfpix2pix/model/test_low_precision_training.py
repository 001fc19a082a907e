"""Compares fifty steps on facades in half precision, and compiled by XLA, with float32."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import open_pairs
from tests.helpers.golden import SHARED
from tests.tfpix2pix.model.test_distribution import flat
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step

pytestmark = [pytest.mark.needs_shared, pytest.mark.slow]
STEPS = 50
# Dropout is off, since its masks depend on the precision.
CONFIG = Config(
    direction="BtoA", image_size=(64, 64), generator_width=8, discriminator_width=8, dropout=0.0, batch_size=1
).resolved()
# (relative difference of the first step's gradients, mean difference of the images after the last, in [-1, 1]), two to
# three times the measured values. Batch norm over the 2×2 grid of one image makes the first one large: without norm,
# float16 has 0.005 and 0.0003. Weights are not compared: where a gradient is near 0, Adam turns rounding into steps.
BOUNDS = {"xla": (1e-5, 0.04), "bfloat16": (0.25, 0.05), "float16": (0.12, 0.05)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facades")
    for file in sorted((SHARED / "data" / "facades" / "train").iterdir())[:STEPS]:
        (folder / file.name).symlink_to(file)
    return open_pairs(folder, PairFormat("BtoA", CONFIG.load_size), cache_mib=100)


def train(config, pairs, strategy):
    """Returns the first step's gradients, and after the last step the images of eight pairs and the metrics."""
    model = Pix2Pix(config, strategy, total_steps=1000)
    step, gradients = make_train_step(model, strategy), None
    for source, target in train_dataset(
        pairs, image_size=(64, 64), flip=True, batch_size=1, seed=0, first_step=0, last_step=STEPS
    ):
        metrics = step(source, target)
        if gradients is None:
            # After one step, Adam's first moment is half the gradient.
            gradients = [flat(adam._momentums) for adam in (model.discriminator_optimizer, model.generator_optimizer)]
    assert all(np.isfinite(float(value)) for value in metrics.values())
    assert int(model.non_finite_step.numpy()) == -1
    source, _ = next(iter(eval_dataset(pairs, 8)))
    return gradients, model.generator(tf.image.resize(source, (64, 64)), training=False).numpy(), metrics


@pytest.fixture(scope="module")
def exact(pairs, strategies):
    return train(CONFIG, pairs, strategies[1])


@pytest.mark.parametrize("how", BOUNDS)
def test_near_float32(how, exact, pairs, strategies):
    change = {"xla": True} if how == "xla" else {"mixed_precision": how}
    gradients, images, _ = exact
    gradients_too, images_too, metrics = train(dataclasses.replace(CONFIG, **change), pairs, strategies[1])
    of_gradients, of_images = BOUNDS[how]
    differences = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(gradients, gradients_too, strict=True)]
    print(f"{how}: gradients {differences}, images {np.abs(images_too - images).mean():.4f}")
    assert max(differences) < of_gradients
    assert 0 < np.abs(images_too - images).mean() < of_images
    if how == "float16":
        assert float(metrics["skipped_steps"]) < 10
