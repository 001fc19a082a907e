"""Checks VGG19's features against a network worked step by step, with random weights in Keras' files."""

import dataclasses

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tests.helpers.runs import make_pairs
from tests.tfpix2pix.model.test_accumulation import CONFIG, train
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.losses import perceptual
from tfpix2pix.model.objective import Objective
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.quality.pretrained.vgg import Vgg19
from tfpix2pix.training.open_data import open_data

# Convolutions by block; features are those of the first in each.
BLOCKS = (2, 2, 4, 4, 1)
# Of BGR.
MEANS = np.array([103.939, 116.779, 123.68], np.float32)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Random weights, as Keras' published file has them."""
    keras.utils.set_random_seed(0)
    file = tmp_path_factory.mktemp("vgg") / "vgg19_notop.weights.h5"
    keras.applications.VGG19(include_top=False, weights=None).save_weights(file)
    return str(file)


def features(file, images):
    """VGG19 by its definition (Simonyan and Zisserman 2015, table 1, E), up to its fifth block."""
    x = ((images + 1) * 127.5)[..., ::-1] - MEANS
    taps = []
    with h5py.File(file) as stored:
        layer = 0
        for block, count in enumerate(BLOCKS):
            if block:
                n, height, width, channels = x.shape
                x = x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
            for i in range(count):
                name = "conv2d" if layer == 0 else f"conv2d_{layer}"
                kernel, bias = (stored[f"layers/{name}/vars/{j}"][:] for j in (0, 1))
                padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
                taps_of_kernel = (
                    np.tensordot(padded[:, r : r + x.shape[1], c : c + x.shape[2]], kernel[r, c], 1)
                    for r in range(3)
                    for c in range(3)
                )
                x = np.maximum(sum(taps_of_kernel) + bias, 0)
                layer += 1
                if i == 0:
                    taps.append(x)
    return taps


def test_features_and_loss(weights_file):
    rng = np.random.default_rng(0)
    target, generated = (rng.uniform(-1, 1, (1, 32, 32, 3)).astype("float32") for _ in range(2))
    vgg = Vgg19(weights_file)
    assert not vgg.network.trainable_variables
    theirs = [features(weights_file, images) for images in (target, generated)]
    mine = [vgg(images) for images in (target, generated)]
    for a, b in zip(mine[0], theirs[0], strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())
    weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    expected = sum(w * np.abs(a - b).mean() for w, a, b in zip(weights, *theirs, strict=True))
    np.testing.assert_allclose(perceptual(*mine), [expected], rtol=1e-4)
    gray = target[..., :1]
    for a, b in zip(vgg(gray), vgg(np.repeat(gray, 3, axis=-1)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_counts_in_the_generators_loss_and_no_checkpoint_holds_it(weights_file, strategies, tmp_path):
    config = Config(
        image_size=(32, 32),
        depth=2,
        generator_width=2,
        discriminator_width=2,
        discriminator_layers=1,
        perceptual_weight=3.0,
        vgg_weights=weights_file,
    ).resolved()
    model = Pix2Pix(config, strategies[1], total_steps=1)
    rng = np.random.default_rng(0)
    source, target, generated = (tf.constant(rng.uniform(-1, 1, (1, 32, 32, 3)), tf.float32) for _ in range(3))

    def judge(source, image):
        return [[tf.zeros((1, 2, 2, 1))]]

    with tf.GradientTape() as tape:
        tape.watch(generated)
        found = model.objective.of_generator(judge, source, target, generated)
    assert np.abs(tape.gradient(found["generator/perceptual"], generated)).max() > 0
    parts = {name: float(found[f"generator/{name}"]) for name in ("adversarial", "l1", "perceptual")}
    expected = parts["adversarial"] + 100 * parts["l1"] + 3 * parts["perceptual"]
    np.testing.assert_allclose(found["generator/loss"], expected, rtol=1e-6)
    vgg = model.objective.vgg
    np.testing.assert_allclose(parts["perceptual"], perceptual(vgg(target), vgg(generated))[0], rtol=1e-6)
    plain = Pix2Pix(dataclasses.replace(config, perceptual_weight=0.0, vgg_weights=""), strategies[1], total_steps=1)
    assert model.nbytes() == plain.nbytes()
    assert not {id(v) for v in vgg.network.variables} & {id(v) for v in model.variables}
    names = [
        tf.train.list_variables(tf.train.Checkpoint(model=each).write(str(tmp_path / name)))
        for name, each in (("with", model), ("without", plain))
    ]
    assert names[0] == names[1]


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"gradient_accumulation": 2}, {"mixed_precision": "float16"}], ids=str)
def test_it_counts_on_two_replicas_too(weights_file, strategies, change):
    config = dataclasses.replace(CONFIG, perceptual_weight=0.01, vgg_weights=weights_file)
    _, one = train(config, strategies[1])
    _, two = train(dataclasses.replace(config, **change), strategies[2])
    bound = 1e-2 if "mixed_precision" in change else 1e-4
    np.testing.assert_allclose(two["generator/perceptual"], one["generator/perceptual"], rtol=bound)
    np.testing.assert_allclose(two["generator/loss"], one["generator/loss"], rtol=bound)


# Keras says of a file of another network which layers it has not.
@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_that_is_not_there_or_something_else(tmp_path):
    with pytest.raises(InputError, match=r"--vgg_weights=.*gone\.h5 is not a file"):
        Vgg19(str(tmp_path / "gone.h5"))
    for name in ("other.h5", "other.weights.h5", "other.txt"):
        (tmp_path / name).write_bytes(b"something else")
        with pytest.raises(InputError, match=rf"--vgg_weights=.*{name} cannot be read as VGG19"):
            Vgg19(str(tmp_path / name))
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    small.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(InputError, match="cannot be read as VGG19"):
        Vgg19(str(tmp_path / "small.weights.h5"))


def test_weights_that_cannot_be_fetched_are_one_line_before_the_data_is_read(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise Exception("URL fetch failure on https://example.org: 403\nmore")

    monkeypatch.setattr(keras.applications, "VGG19", fail)
    config = Config(data=str(make_pairs(tmp_path / "pairs")), image_size=(64, 64), perceptual_weight=1.0).resolved()
    with pytest.raises(
        InputError, match=r"VGG19 cannot be fetched \(URL fetch failure.*403\).*--vgg_weights=FILE"
    ) as raised:
        open_data(config, tmp_path / "run", Workers())
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError):
        Objective(config)
