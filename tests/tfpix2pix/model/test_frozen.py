"""Frozen weights keep every bit while the others learn, on any number of devices, in parts, in any precision."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.model.state import Pix2Pix, generator_of
from tfpix2pix.model.step import make_train_step, replica_step
from tfpix2pix.model.turn import USUAL_TURN
from tfpix2pix.networks.frozen import freeze, parse_parts
from tfpix2pix.networks.layers.normalization import BatchNormalization
from tfpix2pix.weights.network_weights import variables_of

CONFIG = Config(
    image_size=(16, 16),
    depth=3,
    generator_width=2,
    discriminator_width=2,
    discriminator_layers=1,
    batch_size=4,
    learning_rate=0.1,
).resolved()
STEPS = 2


def bits(model):
    """The weights of both networks, such as generator/down1/kernel, to their bytes."""
    return {
        f"{network.name}/{path}": variable.numpy().tobytes()
        for network in (model.generator, model.discriminator)
        for path, variable in variables_of(network).items()
    }


def pairs(config):
    rng = np.random.default_rng(0)
    return [tf.constant(rng.uniform(-1, 1, (4, *config.image_size, 3)).astype(np.float32)) for _ in range(2)]


def train(config, strategy):
    """Returns the model, its weights before and after, and the metrics of the last step."""
    model = Pix2Pix(config, strategy, total_steps=100)
    before, step = bits(model), make_train_step(model, strategy)
    dataset = tf.data.Dataset.from_tensor_slices(tuple(pairs(config))).batch(4).repeat(STEPS)
    for batch in strategy.experimental_distribute_dataset(dataset):
        metrics = step(*batch)
    return model, before, bits(model), {name: float(value) for name, value in metrics.items()}


@pytest.mark.parametrize(
    ("parts", "prefixes", "replicas", "options"),
    [
        pytest.param("encoder", ["generator/down"], 2, {}, marks=pytest.mark.slow),
        ("decoder,down2,discriminator", ["generator/up", "generator/down2", "discriminator"], 1,
         {"gradient_accumulation": 2, "mixed_precision": "float16"}),
        pytest.param("down1,discriminator", ["generator/down1/", "discriminator"], 1, {"xla": True},
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_frozen_variables_keep_every_bit(parts, prefixes, replicas, options, strategies):
    model, before, after, metrics = train(dataclasses.replace(CONFIG, freeze=parts, **options), strategies[replicas])
    assert {name for name in after if after[name] == before[name]} == {
        name for name in after if name.startswith(tuple(prefixes))
    }
    assert int(model.discriminator_optimizer.iterations.numpy()) == (0 if "discriminator" in parts else STEPS)
    # They hold moments for what learns alone: two a variable.
    assert len(model.generator_optimizer._momentums) == len(model.generator.trainable_variables)
    assert np.isfinite([*metrics.values()]).all()


def test_the_rest_has_the_gradients_that_it_has_anyway(strategies):
    """Without norm, nothing but the update of the frozen weights differs; Adam's first moment is half the gradient."""
    config = dataclasses.replace(CONFIG, norm="none")
    moments = []
    for parts in ("", "encoder"):
        model = Pix2Pix(dataclasses.replace(config, freeze=parts), strategies[1], total_steps=100)
        strategies[1].run(replica_step, args=(model, *pairs(config), USUAL_TURN))
        learned = zip(model.generator.trainable_variables, model.generator_optimizer._momentums, strict=True)
        moments.append({variable.path: moment.numpy() for variable, moment in learned})
    assert {*moments[1]} == {path for path in moments[0] if path.startswith("up")}
    for path, moment in moments[1].items():
        np.testing.assert_allclose(moment, moments[0][path], rtol=1e-5, atol=1e-7)
        assert moment.any()


@pytest.mark.parametrize("statistics", ["image", "moving"])
def test_a_frozen_batch_norm_computes_as_at_inference(statistics):
    layer = BatchNormalization(statistics)
    x = tf.constant(np.random.default_rng(0).normal(2, 3, (2, 4, 4, 3)).astype(np.float32))
    layer(x, training=True)
    assert not np.allclose(layer(x, training=True), layer(x, training=False))
    averages = layer.moving_mean.numpy()
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    np.testing.assert_array_equal(layer.moving_mean.numpy(), averages)


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        ("encodr", "freeze=encodr names encodr"),
        ("down1,", "names nothing"),
        ("encoder,decoder", "leaves nothing of the generator"),
        ("encoder,up1,up2,up3", "leaves nothing of the generator"),
        ("down4", "names down4, and this U-Net has encoder, decoder, down1 to down3"),
        ("blocks", "names blocks, and this U-Net"),
    ],
)
def test_it_refuses_what_there_is_not(freeze, words):
    with pytest.raises(InputError, match=words):
        dataclasses.replace(CONFIG, freeze=freeze)


def test_parts_of_a_resnet():
    config = dataclasses.replace(CONFIG, generator="resnet", blocks=2)
    for text, words in (
        ("global", "names global, and this ResNet has encoder, blocks, decoder, down1 to down3"),
        ("encoder,blocks,decoder", "leaves nothing of the generator"),
    ):
        with pytest.raises(InputError, match=words):
            dataclasses.replace(config, freeze=text)
    dataclasses.replace(config, freeze="encoder,decoder")
    network = generator_of(config)
    freeze(network, parse_parts("encoder,up2"))
    learns = {layer.name.removesuffix("_norm") for layer in network.layers if layer.trainable_variables}
    assert learns == {"block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "up3", "up1", "last"}
