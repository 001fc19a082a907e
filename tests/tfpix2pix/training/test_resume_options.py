"""A training that is resumed within it ends with the same bits, for each option that keeps state or draws at random."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.runs import assert_same_state
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.run_dir.checkpoints import Checkpoints

CONFIG = Config(
    image_size=(32, 32),
    depth=2,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=0,
    batch_size=2,
    learning_rate=0.01,
    epochs=2,
)
STEPS = 4
# One case for each option; at most two seconds each.
CASES = {
    "ema, cosine, adamw, clip_norm": {
        "ema": 0.5,
        "schedule": "cosine",
        "decay_epochs": 1,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "clip_norm": 0.1,
    },
    "augment_target": {"diff_augment": "cutout", "augment_target": 0.6, "augment_images": 10},
}
SLOW_CASES = {
    "generator": {
        "generator": "resnet",
        "depth": 1,
        "blocks": 1,
        "enhancers": 1,
        "upsample": "pixel_shuffle",
        "padding": "zero",
        "attention_at": "16",
        "generator_spectral_norm": True,
    },
    "wgan-gp": {"gan_loss": "wgan-gp", "discriminator_norm": "instance"},
    "r1": {
        "r1_weight": 1.0,
        "r1_every": 2,
        "discriminator_norm": "spectral",
        "label_smoothing": 0.1,
        "conditional": False,
        "discriminator_scales": 2,
        "discriminator_layers": 1,
        "feature_weight": 10.0,
        "l2_weight": 1.0,
        "charbonnier_weight": 1.0,
        "ssim_weight": 1.0,
        "gradient_difference_weight": 1.0,
    },
    "plateau, discriminator_steps": {
        "schedule": "plateau",
        "discriminator_learning_rate": 0.02,
        # The run resumes where the generator has yet to learn.
        "discriminator_steps": 3,
    },
    "diff_augment": {"diff_augment": "color,translation,cutout"},
    "augmentation in half precision, in parts, compiled": {
        "diff_augment": "color,translation,cutout",
        "mixed_precision": "float16",
        "gradient_accumulation": 2,
        "xla": True,
    },
}


@pytest.mark.parametrize(
    "options",
    [
        *(pytest.param(options, id=name) for name, options in CASES.items()),
        *(pytest.param(options, id=name, marks=pytest.mark.slow) for name, options in SLOW_CASES.items()),
    ],
)
def test_it_resumes_to_the_last_bit(options, strategies, tmp_path):
    config = dataclasses.replace(CONFIG, **options).resolved()
    train(config, strategies[1], tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(Checkpoints(tmp_path / "resumed").path(STEPS))
    train(config, strategies[1], tmp_path / "resumed")
    states = [Checkpoints(tmp_path / name) for name in ("whole", "resumed")]
    assert_same_state(*(state.path(STEPS) for state in states))
    # The test can fail: two steps of one run differ.
    with pytest.raises(AssertionError):
        assert_same_state(states[1].path(STEPS // 2), states[1].path(STEPS))


def train(config, strategy, run_dir):
    """Trains from the newest checkpoint to the last step, as a new process would; saves halfway and at the end."""
    # A process that resumes has drawn other random numbers than one that begins.
    model = Pix2Pix(config, strategy, total_steps=STEPS, decay_steps=STEPS * config.decay_epochs // config.epochs)
    checkpoints = Checkpoints(run_dir, keep=9)
    done = checkpoints.restore_newest(model)
    step = make_train_step(model, strategy)
    rng = np.random.default_rng(0)
    shape = (STEPS, config.batch_size, *config.image_size, 3)
    sources, targets = (tf.constant(rng.uniform(-1, 1, shape), tf.float32) for _ in range(2))
    for i in range(done, STEPS):
        step(sources[i], targets[i])
        if model.plateau:
            model.plateau.factor.assign(0.5 ** (i + 1))
        if i + 1 in (STEPS // 2, STEPS):
            checkpoints.save(model)
