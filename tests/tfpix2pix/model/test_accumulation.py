"""Compares gradients of several parts of a batch with those of the whole, in Adam's first moment after a step."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tests.tfpix2pix.model.test_distribution import flat
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step

CONFIG = Config(
    image_size=(32, 32),
    depth=2,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=1,
    dropout=0.0,
    norm="none",
    batch_size=4,
).resolved()


def train(config, strategy):
    rng = np.random.default_rng(0)
    pairs = tuple(rng.uniform(-1, 1, (4, *config.image_size, 3)).astype("float32") for _ in range(2))
    model = Pix2Pix(config, strategy, total_steps=100)
    if model.adaptive_strength:
        # As after many steps: some are augmented, some not.
        model.adaptive_strength.strength.assign(0.5)
    dataset = tf.data.Dataset.from_tensor_slices(pairs).batch(4)
    batch = next(iter(strategy.experimental_distribute_dataset(dataset)))
    metrics = make_train_step(model, strategy)(*batch)
    return model, {name: float(value) for name, value in metrics.items()}


AUGMENTED = {"diff_augment": "color,translation,cutout", "augment_target": 0.6}


@pytest.mark.parametrize(
    ("norm", "parts", "replicas", "options"),
    [
        pytest.param("none", 4, 1, {}, marks=pytest.mark.slow),
        pytest.param("instance", 2, 1, {}, marks=pytest.mark.slow),
        pytest.param("none", 2, 2, {}, marks=pytest.mark.slow),
        ("none", 2, 2, AUGMENTED | {"clip_norm": 1e-3}),
        pytest.param("none", 2, 2, AUGMENTED | {"xla": True}, marks=pytest.mark.slow),
    ],
)
def test_parts_add_up_to_the_batch(norm, parts, replicas, options, strategies):
    # Each replica has a pool of its own, so two replicas are compared without.
    config = dataclasses.replace(CONFIG, norm=norm, pool_size=3 if replicas == 1 else 0, **options)
    whole, losses_of_whole = train(config, strategies[1])
    summed, losses_of_summed = train(dataclasses.replace(config, gradient_accumulation=parts), strategies[replicas])
    np.testing.assert_allclose([losses_of_summed[name] for name in losses_of_whole], [*losses_of_whole.values()], 1e-5)
    if options:
        # One step's mean sign of 4 images: it is counted once.
        assert losses_of_whole["augmentation_strength"] == 0.5
        signs = [float(model.adaptive_strength.signs.numpy()) for model in (whole, summed)]
        assert signs == pytest.approx([losses_of_whole["discriminator/real_sign"]] * 2, abs=1e-6)
        assert signs[0] != 0
    for name in ("generator_optimizer", "discriminator_optimizer"):
        a, b = (flat(getattr(model, name)._momentums) for model in (whole, summed))
        # XLA adds in another order for each shape of batch, also where nothing is augmented.
        assert np.linalg.norm(a - b) < (2e-4 if config.xla else 1e-5) * np.linalg.norm(a)
        if config.clip_norm:
            # Half the gradient, which was longer.
            np.testing.assert_allclose(np.linalg.norm(a), config.clip_norm / 2, rtol=1e-5)


@pytest.mark.slow
def test_running_twice_counts_once(strategies):
    """Running averages and dropout counts change as if the generator had run once on each part."""
    config = dataclasses.replace(
        CONFIG, image_size=(64, 64), load_size=(64, 64), depth=6, norm="batch", dropout=0.5, gradient_accumulation=2
    )
    model, _ = train(config, strategies[1])
    counts = [int(v.numpy()) for v in model.generator.non_trainable_variables if v.name == "calls"]
    assert counts
    assert set(counts) == {2}
    # Two moves of a tenth each, from a variance of 1: what is left of the 1 is 0.9^2.
    variances = [v.numpy() for v in model.generator.non_trainable_variables if v.name == "moving_variance"]
    assert all(np.all(variance > 0.9**2 - 1e-6) for variance in variances)
    assert min(variance.min() for variance in variances) < 0.9**2 + 0.05


def test_parts_must_be_equal():
    with pytest.raises(InputError, match=r"batch_size=4.*gradient_accumulation=3"):
        dataclasses.replace(CONFIG, gradient_accumulation=3).resolved()
    with pytest.raises(InputError, match=r"sync_batch_norm=True.*gradient_accumulation=2"):
        dataclasses.replace(CONFIG, norm="batch", gradient_accumulation=2, sync_batch_norm=True).resolved()
